import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { BuildError, reasonOf } from "../generator/problems.js";
import type { FileWindow } from "./file-window.js";
import { endOfBzip2, endOfGzip, endOfLz4, endOfLzma, endOfLzop, endOfXz, endOfZstd } from "./stream-ends.js";

/** A way to compress that kernels understand. */
export interface Compression {
  name: string;
  magic: Buffer;
  /** What unpacks its standard input. */
  command: readonly [string, ...string[]];
  /** Debian's, and most other distributions', package of the program. */
  package: string;
  /** Position after the stream that begins at one. */
  end: (file: FileWindow, start: number) => number | Promise<number>;
}

const hex = (digits: string) => Buffer.from(digits, "hex");

/** By how they begin (kernel: lib/decompress.c). */
const compressions: readonly Compression[] = [
  { name: "zstd", magic: hex("28b52ffd"), command: ["zstd", "-dcq"], package: "zstd", end: endOfZstd },
  { name: "gzip", magic: hex("1f8b"), command: ["gzip", "-dcq"], package: "gzip", end: endOfGzip },
  { name: "xz", magic: hex("fd377a585a00"), command: ["xz", "-dcq"], package: "xz-utils", end: endOfXz },
  { name: "lz4", magic: hex("02214c18"), command: ["lz4", "-dcq"], package: "lz4", end: endOfLz4 },
  { name: "lzo", magic: hex("894c5a4f000d0a1a0a"), command: ["lzop", "-dcq"], package: "lzop", end: endOfLzop },
  { name: "bzip2", magic: hex("425a68"), command: ["bzip2", "-dcq"], package: "bzip2", end: endOfBzip2 },
  { name: "lzma", magic: hex("5d00"), command: ["xz", "-dcq", "--format=lzma"], package: "xz-utils", end: endOfLzma },
];

/** Bytes that tell any of them. */
export const longestMagic = Math.max(...compressions.map(({ magic }) => magic.length));

/** undefined: no kernel's compression begins so. */
export function recognize(bytes: Buffer): Compression | undefined {
  return compressions.find(({ magic }) => magic.equals(bytes.subarray(0, magic.length)));
}

/** Unpacks a part of a file in pieces; a reader that stops ends the program. Throws BuildError. */
export async function* unpacked(
  path: string,
  { name, command, package: packageName }: Compression,
  start: number,
  end: number,
): AsyncGenerator<Buffer> {
  const [program, ...parameters] = command;
  const child = spawn(program, parameters, { stdio: ["pipe", "pipe", "pipe"] });
  let complaints = "";
  // More than a screen of them helps nobody.
  child.stderr.on("data", (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(0, 2000);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => resolve(`${reasonOf(error)}: install the package ${packageName}`));
    child.on("close", (status, signal) =>
      resolve(status === 0 ? undefined : complaints.trim().split("\n")[0] || `it ended with ${signal ?? status}`),
    );
  });
  // A program that ends early breaks the pipe: its own message says more than that.
  const fed = pipeline(createReadStream(path, { start, end: end - 1 }), child.stdin).catch(() => undefined);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const problem = await ended;
    if (problem)
      throw new BuildError(
        `${path}: the ${name} data at byte ${start} cannot be unpacked: ${program}: ${problem.replace(`${program}: `, "")}`,
      );
  } finally {
    child.kill();
    await fed;
  }
}
