import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { BuildError, reasonOf } from "../generator/problems.js";

/** Random access to a file, of which a small part is in memory at a time. */
export interface FileWindow {
  path: string;
  /** Bytes. */
  size: number;
  /** At most 64 KiB. Throws BuildError where the file ends before. Valid until the next call. */
  bytes(at: number, length: number): Buffer;
  /** The same, with fewer bytes at the file's end. */
  upTo(at: number, length: number): Buffer;
  close(): void;
}

const windowSize = 1 << 16;

/** Throws BuildError if the file cannot be read. */
export function openWindow(path: string): FileWindow {
  try {
    const file = openSync(path, "r");
    const stats = fstatSync(file);
    if (stats.isFile()) return createWindow(path, file, stats.size);
    closeSync(file);
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
  throw new BuildError(`${path} is not a regular file: name an image`);
}

function createWindow(path: string, file: number, size: number): FileWindow {
  const buffer = Buffer.alloc(windowSize);
  let start = 0;
  let filled = 0;
  function upTo(at: number, length: number): Buffer {
    if (at < start || at + length > start + filled) {
      start = at;
      filled = readSync(file, buffer, 0, windowSize, at);
    }
    return buffer.subarray(at - start, Math.min(at - start + length, filled));
  }
  return {
    path,
    size,
    upTo,
    bytes(at, length) {
      const found = upTo(at, length);
      if (found.length === length) return found;
      throw new BuildError(
        `${path} is cut off: at byte ${at} more is announced than the file's ${size} bytes hold; build the image again, or copy it again from where it came`,
      );
    },
    close: () => closeSync(file),
  };
}
