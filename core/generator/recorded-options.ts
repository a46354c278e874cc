import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { addText } from "./fill-tree.js";
import { BuildError, reasonOf } from "./problems.js";
import type { Tree } from "./tree.js";

/** In an image: the options that it was built with, a JSON array of words. */
export const recordedOptionsPath = "/usr/lib/firstlight/options.json";

export function recordOptions(tree: Tree, words: readonly string[]): void {
  addText(tree, recordedOptionsPath, `${JSON.stringify(words)}\n`);
}

/** The options that an image was built with. Throws BuildError: it is not one of firstlight's, or cannot be unpacked. */
export async function readRecordedOptions(image: string): Promise<string[]> {
  const archive = await unpack(image);
  const content = fileOf(archive, recordedOptionsPath.slice(1));
  if (content === undefined)
    throw new BuildError(
      `${image} has no record of the options that it was built with, or is compressed in an unknown way: build it without --rebuild`,
    );
  try {
    const words: unknown = JSON.parse(content);
    if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words;
  } catch {
    // As any other content that is no list of words.
  }
  throw new BuildError(
    `${image}: its record of options, ${recordedOptionsPath}, is damaged: build it without --rebuild`,
  );
}

/** By the first bytes of a compressed image. */
const programs: readonly [magic: string, program: string][] = [
  ["28b52ffd", "zstd"],
  ["1f8b", "gzip"],
  ["fd377a58", "xz"],
  ["5d0000", "xz"],
  ["02214c18", "lz4"],
  ["894c5a4f", "lzop"],
  ["425a68", "bzip2"],
];

async function unpack(image: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(image);
  } catch (error) {
    throw new BuildError(`${image} cannot be read: ${reasonOf(error)}`);
  }
  bytes = withoutEarly(bytes);
  const magic = bytes.toString("hex", 0, 4);
  const program = programs.find(([start]) => magic.startsWith(start))?.[1];
  if (program === undefined) return bytes;
  try {
    const options = { encoding: "buffer", maxBuffer: 2 ** 31 } as const;
    const unpacking = promisify(execFile)(program, ["-dcq"], options);
    // What ends before it has read all says why by itself.
    unpacking.child.stdin?.on("error", () => undefined).end(bytes);
    return (await unpacking).stdout;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new BuildError(
      `${image} cannot be unpacked: ${isMissing ? `${program} is not installed` : `${program} finds it damaged`}`,
    );
  }
}

const headerSize = 110;
const aligned = (offset: number) => (offset + 3) & ~3;

/** The image after an early one, which holds microcode. */
function withoutEarly(image: Buffer): Buffer {
  for (const { name, end } of members(image)) {
    if (name !== "TRAILER!!!") continue;
    const next = image.findIndex((byte, index) => index >= end && byte !== 0);
    return next < 0 ? image : image.subarray(next);
  }
  return image;
}

/** Text of a file in a newc archive; undefined: it is not there. */
function fileOf(archive: Buffer, path: string): string | undefined {
  for (const { name, start, end } of members(archive)) if (name === path) return archive.toString("utf8", start, end);
  return undefined;
}

/** The members of a newc archive (cpio(5)), and where their contents are. */
function* members(archive: Buffer): Generator<{ name: string; start: number; end: number }> {
  for (let at = 0; archive.toString("latin1", at, at + 6) === "070701"; ) {
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    const [size, nameSize] = [field(6), field(11)];
    const start = aligned(at + headerSize + nameSize);
    if (!(start + size <= archive.length)) return;
    yield { name: archive.toString("utf8", at + headerSize, at + headerSize + nameSize - 1), start, end: start + size };
    at = aligned(start + size);
  }
}
