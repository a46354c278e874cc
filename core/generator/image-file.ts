import { type CompressorCommand, chooseCompressor, findCommand, readKernelConfig } from "./compressor.js";
import { cpio } from "./cpio.js";
import type { HostFiles } from "./host-files.js";
import { findIdentical } from "./identical-files.js";
import type { Kernel } from "./kernel-version.js";
import { checkListable, writeList } from "./list-out.js";
import type { Uki } from "./make-uki.js";
import { makeEarlyImage, parseProcessor } from "./microcode.js";
import { writeImage } from "./output.js";
import type { Report } from "./problems.js";
import type { Settings } from "./settings.js";
import { divideEntries } from "./stored-files.js";
import { stripEntries } from "./strip.js";
import type { Entry, Tree } from "./tree.js";

/** What is to be known of an image file before there is anything to put into it. */
export interface ImageFormat {
  /** undefined: it is not compressed. */
  command: CompressorCommand | undefined;
  /** Does the kernel look for microcode before the image? */
  earlyMicrocode: boolean;
}

/** Decides how the image is written. Throws BuildError where what was asked for cannot be done. */
export function chooseFormat(settings: Settings, kernel: Kernel | undefined, report: Report): ImageFormat {
  const config = kernel && readKernelConfig(kernel);
  const path = process.env.PATH ?? "";
  const compressor = chooseCompressor(settings.compressor, kernel && { release: kernel.release, config }, path, report);
  const canLoad = config?.has("CONFIG_MICROCODE") ?? true;
  if (settings.earlyMicrocode && !canLoad) report.note(`${config?.path} lacks CONFIG_MICROCODE=y: no early microcode`);
  return { command: findCommand(compressor, path), earlyMicrocode: settings.earlyMicrocode && canLoad };
}

interface Packing {
  host: HostFiles;
  report: Report;
  signal: AbortSignal;
  uki?: Uki | undefined;
  /** Rejected: the old image stays. */
  approval?: Promise<void> | undefined;
}

/** Writes the image, or one for UEFI of it, and gives it its name, as `writeImage` does. Result: its size in bytes. Throws BuildError, or the signal's reason. */
export async function packImage(
  path: string,
  tree: Tree,
  { command, earlyMicrocode }: ImageFormat,
  settings: Settings,
  { host, report, signal, ...whole }: Packing,
): Promise<number> {
  const early = earlyMicrocode ? await findMicrocode(host, settings) : [];
  for (const [file] of early) if (file.endsWith(".bin")) report.note(`early microcode: ${file}`);
  const all = tree.entries();
  const entries =
    settings.strip === false
      ? all
      : await stripEntries(all, {
          required: settings.strip === true,
          temporaryFolder: settings.temporaryFolder,
          report,
        });
  const { listOut } = settings;
  if (listOut !== undefined) checkListable(listOut, entries);
  const { stored, compressed } = command ? divideEntries(entries) : { stored: [], compressed: entries };
  const archives = { early: uncompressed(early, stored, settings), chunks: archiveOf(compressed, settings), command };
  const size = await writeImage(path, archives, signal, whole);
  if (listOut !== undefined) await writeList(listOut, entries, settings);
  return size;
}

type Entries = readonly [string, Entry][];

async function* archiveOf(entries: Entries, settings: Settings): AsyncGenerator<Buffer> {
  yield* cpio(entries, { ...settings, identical: await findIdentical(entries) });
}

/** Before the compressed archive: behind streams of some compressions the kernel finds no other. Links would hide microcode from it. */
async function* uncompressed(early: Entries, stored: Entries, settings: Settings): AsyncGenerator<Buffer> {
  if (early.length) yield* padded(cpio(early, settings));
  if (stored.length) yield* padded(archiveOf(stored, settings));
}

function findMicrocode(host: HostFiles, settings: Settings): Promise<[string, Entry][]> {
  const folders = settings.firmwareFolders.length ? settings.firmwareFolders : ["/lib/firmware"];
  // What another system's machine has, nobody knows here.
  if (!settings.hostOnly || settings.sysroot !== "/") return makeEarlyImage(host, folders, undefined);
  const processor = parseProcessor(host.readText("/proc/cpuinfo") ?? "");
  return processor ? makeEarlyImage(host, folders, processor) : Promise.resolve([]);
}

/** Bytes. The kernel passes over zeros of any number; cpio(1) reads blocks of this size. */
const blockSize = 512;

async function* padded(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    yield chunk;
  }
  yield Buffer.alloc(-size & (blockSize - 1));
}
