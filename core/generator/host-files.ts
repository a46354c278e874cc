import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join, posix } from "node:path";

/** A symbolic link as it is on the host. */
export interface HostLink {
  /** Absolute, its directories being no links themselves. */
  path: string;
  target: string;
}

/** Where a path leads on the host. */
export interface HostPath {
  /** Absolute and free of links, as seen inside the root. */
  path: string;
  stats: Stats;
  /** The links met on the way, in order. */
  links: readonly HostLink[];
}

/** The files that an image is made of, below a root directory in which absolute links are looked up, too. */
export interface HostFiles {
  /** Follows all links; undefined: there is no such file, or the links go round in circles. */
  resolve(path: string): HostPath | undefined;
  /** For a path that leads nowhere: why, and what to do about it. */
  whyMissing(path: string): string;
  /** Target of a path that is itself a link; undefined: it is none. */
  readLink(path: string): string | undefined;
  /** The path that the operating system knows; `path` must be free of links. */
  outside(path: string): string;
  /** Text of a file; undefined if it cannot be read. */
  readText(path: string): string | undefined;
  /** Names in a directory, sorted; undefined if it cannot be read. */
  list(path: string): string[] | undefined;
}

/** As the kernel: MAXSYMLINKS of namei.h. */
const mostLinks = 40;

export function createHostFiles(root = "/"): HostFiles {
  const outside = (path: string) => (root === "/" ? path : join(root, path));
  const known = new Map<string, { stats: Stats; target: string | undefined } | undefined>();

  function look(path: string): { stats: Stats; target: string | undefined } | undefined {
    if (known.has(path)) return known.get(path);
    const stats = lstatSync(outside(path), { throwIfNoEntry: false });
    const found = stats && { stats, target: stats.isSymbolicLink() ? readlinkSync(outside(path)) : undefined };
    known.set(path, found);
    return found;
  }

  /** Where a path leads; `stats` left out: there is nothing there, or `at` is where the links begin to go round in circles. */
  function follow(path: string): { at: string; stats?: Stats; links: HostLink[] } {
    const links: HostLink[] = [];
    const rest = posix.normalize(path).split("/").filter(Boolean).reverse();
    let at = "/";
    while (rest.length) {
      const name = rest.pop() ?? "";
      if (name === "..") {
        at = posix.dirname(at);
        continue;
      }
      const next = posix.join(at, name);
      const found = lookSafely(next);
      if (!found) return { at: next, links };
      if (found.target === undefined) {
        at = next;
        continue;
      }
      if (links.push({ path: next, target: found.target }) > mostLinks) return { at: next, links };
      if (found.target.startsWith("/")) at = "/";
      rest.push(
        ...found.target
          .split("/")
          .filter((part) => part && part !== ".")
          .reverse(),
      );
    }
    const end = lookSafely(at);
    return { at, links, ...(end && { stats: end.stats }) };
  }

  function resolve(path: string): HostPath | undefined {
    const { at, stats, links } = follow(path);
    return stats && { path: at, stats, links };
  }

  function whyMissing(path: string): string {
    if (path.includes("\ufffd")) return `the name of ${path} is not in UTF-8: rename it`;
    const { at, links } = follow(path);
    const last = links.at(-1);
    if (!last) return `there is no file ${path}: install its package`;
    if (links.length > mostLinks)
      return `the links at ${path} go round in circles: mend ${last.path}, which leads to ${last.target}`;
    return `${path} leads to ${at}, which does not exist: install what it belongs to, or mend the link ${last.path}`;
  }

  /** A component below a file, or in a directory that may not be searched, is as good as missing. */
  function lookSafely(path: string): ReturnType<typeof look> {
    try {
      return look(path);
    } catch {
      known.set(path, undefined);
      return undefined;
    }
  }

  function attempt<Result>(path: string, read: (path: string) => Result): Result | undefined {
    const found = resolve(path);
    if (!found) return undefined;
    try {
      return read(outside(found.path));
    } catch {
      return undefined;
    }
  }

  return {
    resolve,
    whyMissing,
    readLink: (path) => {
      const folder = resolve(posix.dirname(path));
      return folder && lookSafely(posix.join(folder.path, posix.basename(path)))?.target;
    },
    outside,
    readText: (path) => attempt(path, (file) => readFileSync(file, "utf8")),
    list: (path) => attempt(path, (folder) => readdirSync(folder).sort()),
  };
}
