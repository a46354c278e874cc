import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { BuildError, reasonOf } from "./problems.js";

/**
 * Ending of a compressed file: the program that unpacks it, its Debian package, and how to learn the unpacked size beforehand; undefined: it
 * cannot be told, or too little is told.
 */
const formats: Record<string, { program: string; package: string; size(path: string): number | undefined }> = {
  ".xz": { program: "xz", package: "xz-utils", size: sizeOfXz },
  ".zst": { program: "zstd", package: "zstd", size: sizeOfZstd },
};

/** Is this the name of a file that `decompress` unpacks? */
export const isCompressed = (path: string) => /\.(xz|zst|gz)$/.test(path);

/**
 * Unpacks .xz, .zst and .gz files of the host into memory, in their order. Few processes are started, not one for each file: xz and zstd
 * write many files one after the other, and are cut by their sizes, where all of these can be told. Throws BuildError.
 */
export async function decompress(paths: readonly string[]): Promise<Buffer[]> {
  const results = new Map<string, Buffer>();
  const gzip = paths.filter((path) => path.endsWith(".gz"));
  const others = Object.entries(formats).flatMap(([ending, format]) =>
    shares(paths.filter((path) => path.endsWith(ending))).map((share) => ({ format, share })),
  );
  await Promise.all([
    ...gzip.map(async (path) => results.set(path, await unzip(path))),
    ...others.map(async ({ format, share }) => {
      for (const [path, content] of await unpack(format, share)) results.set(path, content);
    }),
  ]);
  return paths.map((path) => results.get(path) ?? Buffer.alloc(0));
}

async function unzip(path: string): Promise<Buffer> {
  try {
    return await promisify(gunzip)(readFileSync(path));
  } catch (error) {
    throw new BuildError(`${path} cannot be unpacked: ${reasonOf(error)}: install its package again`);
  }
}

/** Cuts a list into one part for each processor. */
function shares(paths: readonly string[]): string[][] {
  const count = Math.min(paths.length, availableParallelism());
  const length = Math.ceil(paths.length / count);
  return Array.from({ length: count }, (_, index) => paths.slice(index * length, (index + 1) * length)).filter(
    (share) => share.length,
  );
}

/** Unpacks files with one process, and cuts what it writes; where the sizes do not add up to that, with one process for each. */
async function unpack(format: (typeof formats)[string], paths: readonly string[]): Promise<[string, Buffer][]> {
  const sizes = paths.map((path) => readable(path, () => format.size(path)) ?? 0);
  const output = await outputOf(format.program, ["-dcq", "--", ...paths], format.package);
  const [path] = paths;
  if (path !== undefined && paths.length === 1) return [[path, output]];
  if (sizes.reduce((sum, size) => sum + size, 0) !== output.length) {
    const alone: [string, Buffer][] = [];
    for (const each of paths) alone.push(...(await unpack(format, [each])));
    return alone;
  }
  let at = 0;
  return paths.map((each, index): [string, Buffer] => {
    const start = at;
    at += sizes[index] ?? 0;
    return [each, output.subarray(start, at)];
  });
}

function readable<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}

function outputOf(program: string, parameters: string[], packageName: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"] });
    const output: Buffer[] = [];
    const complaints: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk));
    child.on("error", (error) =>
      reject(
        new BuildError(
          `${program} is needed to unpack drivers: ${reasonOf(error)}: install the package ${packageName}`,
        ),
      ),
    );
    child.on("close", (status) => {
      if (status === 0) resolve(Buffer.concat(output));
      else
        reject(
          new BuildError(
            `${program} failed: ${Buffer.concat(complaints).toString().trim() || `status ${status}`}: install the file's package again`,
          ),
        );
    });
  });
}

/** Reads a part of a file; a negative offset counts from the end. */
function readPart(path: string, offset: number, length: number): Buffer {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const start = offset < 0 ? Math.max(0, size + offset) : offset;
    const buffer = Buffer.alloc(Math.min(length, Math.max(0, size - start)));
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, start));
  } finally {
    closeSync(file);
  }
}

/** Bytes of the last stream of an xz file, from its index (The .xz File Format, 2.1.2 and 4). */
function sizeOfXz(path: string): number | undefined {
  const footer = readPart(path, -12, 12);
  if (footer.length < 12 || footer.toString("latin1", 10) !== "YZ") return undefined;
  const indexSize = (footer.readUInt32LE(4) + 1) * 4;
  const index = readPart(path, -12 - indexSize, indexSize);
  let at = 1;
  const integer = (): number => {
    let value = 0;
    for (let shift = 1; shift < 2 ** 50; shift *= 128) {
      const byte = index[at++] ?? 0;
      value += (byte & 127) * shift;
      if (byte < 128) break;
    }
    return value;
  };
  let size = 0;
  for (let blocks = integer(); blocks > 0 && at < index.length; blocks--) {
    integer();
    size += integer();
  }
  return size;
}

/** Bytes of the first frame of a zstd file, from its header (RFC 8878, 3.1.1.1). */
function sizeOfZstd(path: string): number | undefined {
  // A small file ends before the longest header would.
  const header = Buffer.concat([readPart(path, 0, 18), Buffer.alloc(18)]);
  const descriptor = header[4] ?? 0;
  const singleSegment = (descriptor & 32) !== 0;
  const at = 5 + (singleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  switch (descriptor >> 6) {
    case 1:
      return header.readUInt16LE(at) + 256;
    case 2:
      return header.readUInt32LE(at);
    case 3:
      return Number(header.readBigUInt64LE(at));
    default:
      return singleSegment ? header[at] : undefined;
  }
}
