/**
 * The recording of a boot, or of a rehearsal: every op of one engine. Text, a line each, ended by a newline; the parts of a line are parted by tabs,
 * which JSON never holds as they are, no more than newlines:
 *
 * | line | parts |
 * |---|---|
 * | first | traceMagic, the bundle's id, the engine's number (1 for the first of a boot) |
 * | others, in order | microseconds since the kernel started when the op was answered, its name, its arguments in JSON, the JSON of its Outcome |
 * | last, where not all has been kept | "cut", the errno: EFBIG for the limit of the op `trace`, ENOSPC for a full file system, ENOMEM |
 *
 * The outcome is empty where the engine ended within the op, as with `finish`. How a job ended is in the outcome of the `wait` that told of it. Without
 * any `finish` the engine was ended by PID 1 or the kernel.
 */
export const traceMagic = "firstlight trace 1";
/** Where the first engine's is; those of others have ".N" after it. */
export const tracePath = "/run/initramfs/trace";
/** Is that, in the folder of tracePath, the name of a recording? */
export const isTraceName = (name: string): boolean => /^trace(\.\d+)?$/.test(name);
/** Ends a recording within other text, as on a console. */
export const traceEnd = "firstlight trace end";
/** As the first part of a last line. */
export const traceCut = "cut";
/** Bytes that are kept in memory before the op `trace` has said where to. */
export const traceFirstLimit = 1 << 18;
/** Bytes that a file may have at least: the first line and the last one have room. */
export const traceLeastLimit = 4096;

export function traceHead(bundle: string, engine: number): string {
  return [traceMagic, bundle, engine].join("\t");
}
