import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { type Content, type Entry, sizeOf } from "./tree.js";

/** Bytes. Smaller files save next to nothing, and may be settings that a boot writes to one by one. */
const smallest = 4096;

/**
 * Files of an image that have the same bytes and mode, so that one copy under several names will do: each path with the group that it
 * belongs to, in the order of `entries`. Files that have no like are not in it.
 */
export async function findIdentical(entries: Iterable<[string, Entry]>): Promise<Map<string, readonly string[]>> {
  const candidates = new Map<string, { path: string; content: Content }[]>();
  for (const [path, entry] of entries) {
    if (entry.type !== "file" || sizeOf(entry.content) < smallest) continue;
    add(candidates, `${sizeOf(entry.content)} ${entry.mode}`, { path, content: entry.content });
  }
  const groups = new Map<string, string[]>();
  // Only files of one size are read.
  for (const [key, files] of candidates)
    if (files.length > 1)
      for (const { path, content } of files) {
        const hash = await hashOf(content);
        if (hash !== undefined) add(groups, `${key} ${hash}`, path);
      }
  return new Map([...groups.values()].flatMap((paths) => (paths.length > 1 ? paths.map((path) => [path, paths]) : [])));
}

function add<Item>(groups: Map<string, Item[]>, key: string, item: Item): void {
  const group = groups.get(key);
  if (group) group.push(item);
  else groups.set(key, [item]);
}

/** undefined: it cannot be read, which is told where it is packed. */
async function hashOf(content: Content): Promise<string | undefined> {
  const hash = createHash("sha256");
  if (Buffer.isBuffer(content)) return hash.update(content).digest("hex");
  try {
    await pipeline(createReadStream(content.path), hash);
  } catch {
    return undefined;
  }
  return hash.digest("hex");
}
