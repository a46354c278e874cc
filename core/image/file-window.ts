import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { BuildError, reasonOf } from "../generator/problems.js";

/** Random access to a file or a part of one, of which a small part is in memory at a time. Positions are the file's. */
export interface FileWindow {
  path: string;
  /** Position of its first byte. */
  start: number;
  /** Position after its last byte. */
  end: number;
  /** At most 64 KiB. Throws BuildError where the file ends before. Valid until the next call. */
  bytes(at: number, length: number): Buffer;
  /** The same, with fewer bytes at the file's end. */
  upTo(at: number, length: number): Buffer;
  close(): void;
}

const windowSize = 1 << 16;

/** `part`: where that begins and ends; left out: the whole file. Throws BuildError if the file cannot be read. */
export function openWindow(path: string, part?: { start: number; end: number }): FileWindow {
  try {
    const file = openSync(path, "r");
    const stats = fstatSync(file);
    if (stats.isFile()) return createWindow(path, file, part ?? { start: 0, end: stats.size });
    closeSync(file);
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
  throw new BuildError(`${path} is not a regular file: name an image`);
}

function createWindow(path: string, file: number, part: { start: number; end: number }): FileWindow {
  const buffer = Buffer.allocUnsafe(Math.min(windowSize, part.end - part.start));
  let start = 0;
  let filled = 0;
  function upTo(at: number, length: number): Buffer {
    if (at < start || at + length > start + filled) {
      start = at;
      filled = readSync(file, buffer, 0, Math.max(0, Math.min(buffer.length, part.end - at)), at);
    }
    return buffer.subarray(at - start, Math.min(at - start + length, filled));
  }
  return {
    path,
    ...part,
    upTo,
    bytes(at, length) {
      const found = upTo(at, length);
      if (found.length === length) return found;
      throw new BuildError(
        `${path} is cut off: at byte ${at} more is announced than there is up to its end, byte ${part.end}; build the image again, or copy it again from where it came`,
      );
    },
    close: () => closeSync(file),
  };
}
