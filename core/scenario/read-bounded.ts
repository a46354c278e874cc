import { closeSync, openSync, readSync } from "node:fs";
import { BuildError, reasonOf } from "../generator/problems.js";

const chunkSize = 1 << 16;

/** What is in a file, a pipe too, of so many bytes at most; `what` has to be named in its place if it is larger. Throws BuildError. */
export function readBounded(path: string, largest: number, what: string): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const chunks: Buffer[] = [];
    // Devices tell of no size, and some never end.
    for (let left = largest; ; ) {
      const chunk = Buffer.alloc(chunkSize);
      const length = readSync(file, chunk);
      if (length === 0) return Buffer.concat(chunks);
      left -= length;
      if (left < 0) break;
      chunks.push(chunk.subarray(0, length));
    }
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
  throw new BuildError(`${path} is larger than ${largest >> 20} MiB: name ${what}`);
}
