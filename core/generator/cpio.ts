import { open } from "node:fs/promises";
import { BuildError, reasonOf } from "./problems.js";
import { type Content, type Entry, type Owner, sizeOf } from "./tree.js";

const typeBits = {
  dir: 0o040000,
  file: 0o100000,
  symlink: 0o120000,
  char: 0o020000,
  block: 0o060000,
  pipe: 0o010000,
  socket: 0o140000,
};
/** Large enough that a chunk costs little, small enough that memory stays flat. */
const chunkSize = 1 << 20;
/** Eight hexadecimal digits hold a number in a header. */
const largestNumber = 0xffffffff;

export interface CpioOptions {
  /** Seconds since 1970; later modification times become this one. Left out: no limit. */
  sourceDate?: number | undefined;
  /** Seconds since 1970: modification time of what has none. Left out: that limit, or 0. */
  made?: number | undefined;
  /** Files that become hard links to each other: each path with all of its group's, in the order of the entries. */
  identical?: ReadonlyMap<string, readonly string[]>;
  /** By path, of what does not belong to root. */
  owners?: ReadonlyMap<string, Owner>;
  /** The format with sums of the contents' bytes, "070702". */
  checksums?: boolean;
}

/**
 * The entries as a "newc" cpio archive, in chunks (kernel: Documentation/driver-api/early-userspace/buffer-format.rst). Inode numbers follow the order. Throws BuildError if a file of the host cannot be read or changes its size meanwhile, or
 * has 4 GiB or more.
 */
export async function* cpio(entries: Iterable<[string, Entry]>, options: CpioOptions = {}): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let pendingSize = 0;
  let lastInode = 0;
  const inodes = new Map<string, number>();
  for (const [path, entry] of entries) {
    const group = options.identical?.get(path) ?? [path];
    const first = group[0] ?? path;
    const inode = inodes.get(first) ?? ++lastInode;
    if (group.length > 1) inodes.set(first, inode);
    // Of links only the last one has the content, as GNU cpio writes and expects it.
    const hasContent = group.at(-1) === path;
    const sum = options.checksums && hasContent && entry.type === "file" ? await sumOf(path, entry) : 0;
    const head = header(path, entry, { inode, links: group.length, hasContent, sum }, options);
    const parts = hasContent ? [head, content(path, entry)] : [head];
    for (const part of parts)
      for await (const chunk of Buffer.isBuffer(part) ? [part] : part) {
        pending.push(chunk);
        pendingSize += chunk.length;
        if (pendingSize < chunkSize) continue;
        yield Buffer.concat(pending);
        pending = [];
        pendingSize = 0;
      }
  }
  yield Buffer.concat([
    ...pending,
    record("TRAILER!!!", { inode: 0, links: 1, mode: 0, modified: 0, size: 0, sum: 0 }, options),
  ]);
}

/** Of one inode: how many names it has, and whether its content comes with this one. */
interface Inode {
  inode: number;
  links: number;
  hasContent: boolean;
  /** Of the content's bytes. */
  sum: number;
}

/** The time that a file has in an archive, in seconds since 1970, out of its own (0: it has none). */
export function timeOf(modified: number, { sourceDate, made }: Pick<CpioOptions, "sourceDate" | "made">): number {
  return Math.max(0, Math.min(modified || (made ?? sourceDate ?? 0), sourceDate ?? largestNumber));
}

function header(path: string, entry: Entry, { hasContent, ...inode }: Inode, options: CpioOptions): Buffer {
  const common = { ...inode, modified: timeOf(0, options), size: 0 };
  switch (entry.type) {
    case "dir":
      return record(path, { ...common, mode: typeBits.dir | entry.mode }, options);
    case "symlink":
      return record(
        path,
        { ...common, mode: typeBits.symlink | 0o777, size: Buffer.byteLength(entry.target) },
        options,
      );
    case "node": {
      const { kind, major, minor, mode } = entry;
      return record(path, { ...common, mode: typeBits[kind] | mode, node: [major, minor] }, options);
    }
    case "file": {
      const modified = timeOf(entry.modified, options);
      const size = sizeOf(entry.content);
      if (size > largestNumber)
        throw new BuildError(`/${path} of the image has ${size} bytes: a file in a cpio archive holds less than 4 GiB`);
      return record(
        path,
        { ...common, modified, mode: typeBits.file | entry.mode, size: hasContent ? size : 0 },
        options,
      );
    }
  }
}

/** One header of 110 bytes and the name, padded to four bytes. */
function record(
  path: string,
  fields: Omit<Inode, "hasContent"> & { mode: number; modified: number; size: number; node?: [number, number] },
  { owners, checksums }: CpioOptions,
): Buffer {
  const { inode, links, sum, mode, modified, size, node = [0, 0] } = fields;
  const { uid, gid } = owners?.get(path) ?? { uid: 0, gid: 0 };
  const name = Buffer.from(`${path}\0`);
  const numbers = [inode, mode, uid, gid, links, modified, size, 0, 0, ...node, name.length, sum];
  const head = `${checksums ? "070702" : "070701"}${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`;
  return Buffer.concat([Buffer.from(head, "latin1"), name, padding(head.length + name.length)]);
}

const padding = (length: number) => Buffer.alloc(-length & 3);

function content(path: string, entry: Entry): Buffer | AsyncGenerator<Buffer> {
  if (entry.type === "symlink") return padded(Buffer.from(entry.target));
  if (entry.type !== "file") return Buffer.alloc(0);
  return Buffer.isBuffer(entry.content) ? padded(entry.content) : hostFile(path, entry.content);
}

/** Of all bytes of a file's content, modulo 2^32. */
async function sumOf(path: string, { content }: { content: Content }): Promise<number> {
  let sum = 0;
  for await (const chunk of Buffer.isBuffer(content) ? [content] : hostFile(path, content))
    for (const byte of chunk) sum = (sum + byte) >>> 0;
  return sum;
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, padding(bytes.length)]);

async function* hostFile(path: string, source: { path: string; size: number }): AsyncGenerator<Buffer> {
  const file = await open(source.path).catch((error: unknown) => {
    throw new BuildError(`${source.path} cannot be read: ${reasonOf(error)}`);
  });
  try {
    for (let position = 0; position < source.size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkSize, source.size - position));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0)
        throw new BuildError(`${source.path} became shorter while it was written to /${path} of the image: try again`);
      position += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
    yield padding(source.size);
  } finally {
    await file.close();
  }
}
