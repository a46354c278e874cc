import { readFileSync } from "node:fs";
import { posix } from "node:path";
import type { HostFiles, HostPath } from "./host-files.js";
import { BuildError } from "./problems.js";
import { resolveIn } from "./resolve-links.js";

/** A file's bytes: in memory, or a file of the host that is read while the image is written. */
export type Content = Buffer | { path: string; size: number };

/** Bytes. */
export const sizeOf = (content: Content) => (Buffer.isBuffer(content) ? content.length : content.size);

export type Entry =
  | { type: "dir"; mode: number }
  | {
      type: "file";
      mode: number;
      content: Content /** Seconds since 1970; 0 for what the generator made. */;
      modified: number;
    }
  | { type: "symlink"; target: string }
  | { type: "node"; kind: "char" | "block" | "pipe" | "socket"; major: number; minor: number; mode: number };

/** Left out: root's. */
export interface Owner {
  uid: number;
  gid: number;
}

/** The files of an image. What is there first is kept: modules with lower numbers win. */
export interface Tree {
  /**
   * Adds an entry and the directories above it. Links of the image on the way are followed. false: there was one, and it stays.
   * Throws BuildError where a directory is needed and something else is there, or the other way round.
   */
  add(path: string, entry: Entry): boolean;
  /** Who brings what is added from now on; undefined: nobody in particular. */
  bringer: string | undefined;
  /** Who brought an entry of `entries`. */
  bringerOf(path: string): string | undefined;
  /** The entry at a path, links followed except in the last part. */
  get(path: string): Entry | undefined;
  /** Text of the file that a path leads to; undefined: it leads to none. */
  text(path: string): string | undefined;
  /** Does the path lead to something, links followed? */
  has(path: string): boolean;
  /** Takes out what is at a path, a link itself, and all that is below. false: there is nothing. */
  remove(path: string): boolean;
  /** Bytes of all files. */
  size(): number;
  /** Sorted by path, byte by byte, so that directories come before what is in them. Paths have no leading slash. */
  entries(): [path: string, entry: Entry][];
}

/** A regular file of the host as an entry; `mode` left out: its own. */
export function hostFile(host: HostFiles, { path, stats }: HostPath, mode = stats.mode & 0o7777): Entry {
  const content = { path: host.outside(path), size: stats.size };
  return { type: "file", mode, content, modified: Math.floor(stats.mtimeMs / 1000) };
}

const rootFolder: Entry = { type: "dir", mode: 0o755 };
const nouns = { dir: "directory", file: "file", symlink: "link", node: "device node" };

export function createTree(): Tree {
  const table = new Map<string, Entry>();
  const bringers = new Map<string, string>();
  /** Bytes of all files: it is asked for once a module. */
  let size = 0;

  /** Path without links, except in the last part unless `follow`; undefined: they go round in circles. No leading slash. */
  function locate(path: string, follow: boolean): string | undefined {
    const targetOf = (place: string) => {
      const entry = table.get(place);
      return entry?.type === "symlink" ? entry.target : undefined;
    };
    return resolveIn(targetOf, path, follow);
  }

  function addParents(path: string): void {
    const parent = posix.dirname(path);
    if (parent === ".") return;
    const there = table.get(parent);
    if (there && there.type !== "dir")
      throw new BuildError(`/${path} cannot be put into the image: /${parent} is no directory there`);
    if (there) return;
    addParents(parent);
    table.set(parent, { type: "dir", mode: 0o755 });
  }

  function add(path: string, entry: Entry): boolean {
    const place = locate(path, false);
    if (place === undefined) return false;
    const there = place === "" ? rootFolder : table.get(place);
    if (there && (there.type === "dir") !== (entry.type === "dir") && there.type !== "symlink")
      throw new BuildError(
        `/${place} cannot be a ${nouns[entry.type]} in the image: it is a ${nouns[there.type]} already; choose another path`,
      );
    if (there) return false;
    addParents(place);
    table.set(place, entry);
    if (entry.type === "file") size += sizeOf(entry.content);
    if (tree.bringer !== undefined) bringers.set(place, tree.bringer);
    // On a host without merged /usr, /usr/bin/x -> /bin/x is a useful link; here both are the same place.
    if (entry.type === "symlink" && locate(place, true) === undefined) table.delete(place);
    return true;
  }

  function remove(path: string): boolean {
    const place = locate(path, false);
    if (!place || !table.has(place)) return false;
    for (const [each, entry] of [...table]) {
      if (each !== place && !each.startsWith(`${place}/`)) continue;
      table.delete(each);
      bringers.delete(each);
      if (entry.type === "file") size -= sizeOf(entry.content);
    }
    return true;
  }

  const tree: Tree = {
    add,
    bringer: undefined,
    bringerOf: (path) => bringers.get(path),
    remove,
    size: () => size,
    get: (path) => table.get(locate(path, false) ?? "/"),
    text: (path) => {
      const entry = table.get(locate(path, true) ?? "/");
      if (entry?.type !== "file") return undefined;
      return Buffer.isBuffer(entry.content) ? entry.content.toString() : readFileSync(entry.content.path, "utf8");
    },
    has: (path) => table.has(locate(path, true) ?? "/"),
    entries: () =>
      [...table]
        .map((pair) => ({ pair, bytes: Buffer.from(pair[0]).toString("latin1") }))
        .sort((a, b) => (a.bytes < b.bytes ? -1 : 1))
        .map(({ pair }) => pair),
  };
  return tree;
}
