import { posix } from "node:path";
import { type Entry, sizeOf } from "./tree.js";

/** Archives and compressed files, firmware above all. */
const compressedName = /\.(xz|zst|gz|bz2|lz4|lzo|tgz|txz|zip)$/;
/** Bytes. Of smaller files the cpio headers weigh, too. */
const smallest = 64 << 10;
/** Bytes. Compressing one MiB once more takes 13 ms (zstd -9) to 450 ms (xz -6), and makes it no smaller: less is not worth an archive. */
const leastSum = 1 << 20;

/**
 * Divides an image's entries into those that are better stored as they are, with the directories above them, and those to be compressed.
 * Directories are in both. The order stays.
 */
export function divideEntries(entries: readonly [string, Entry][]): Record<"stored" | "compressed", [string, Entry][]> {
  const sizes = new Map(
    entries.flatMap(([path, entry]) => {
      const size = entry.type === "file" && compressedName.test(path) ? sizeOf(entry.content) : 0;
      return size < smallest ? [] : [[path, size] as const];
    }),
  );
  const sum = [...sizes.values()].reduce((total, size) => total + size, 0);
  if (sum < leastSum) return { stored: [], compressed: [...entries] };
  const folders = new Set([...sizes.keys()].flatMap(foldersAbove));
  return {
    stored: entries.filter(([path]) => sizes.has(path) || folders.has(path)),
    compressed: entries.filter(([path]) => !sizes.has(path)),
  };
}

/** "a/b/c" -> "a/b", "a" */
function foldersAbove(path: string): string[] {
  const folder = posix.dirname(path);
  return folder === "." ? [] : [folder, ...foldersAbove(folder)];
}
