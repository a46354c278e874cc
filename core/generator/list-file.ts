import { accessSync, constants, statSync } from "node:fs";
import { posix } from "node:path";
import type { CpioOptions } from "./cpio.js";
import { BuildError, createProblems, reasonOf } from "./problems.js";
import { resolveIn } from "./resolve-links.js";
import type { Entry, Owner } from "./tree.js";

/** What a list describes, in its order. */
export interface ListedFiles {
  entries: readonly [path: string, entry: Entry][];
  /** For `cpio`. */
  options: Pick<CpioOptions, "identical" | "owners">;
}

/** What stands on a line after its type, as the kernel's usr/gen_init_cpio reads it. */
const forms: Record<string, string> = {
  file: "NAME LOCATION MODE UID GID [HARDLINK...]",
  dir: "NAME MODE UID GID",
  nod: "NAME MODE UID GID b|c MAJOR MINOR",
  slink: "NAME TARGET MODE UID GID",
  pipe: "NAME MODE UID GID",
  sock: "NAME MODE UID GID",
};

/** PATH_MAX of Linux, without the NUL. */
const longestPath = 4095;
const isPath = (word: string) => !/[\0\ufffd]/.test(word) && Buffer.byteLength(word) <= longestPath;
const isNumber = (most: number) => (word: string) => /^\d{1,10}$/.test(word) && Number(word) <= most;

/** What each word of a form must be; the limits of numbers are those of archives (IDs), and of Linux (devices). */
const rules: Record<string, [isRight: (word: string) => boolean, what: string]> = {
  NAME: [(word) => isPath(word) && !word.split("/").includes(".."), "a path of UTF-8 without .."],
  LOCATION: [isPath, "a path"],
  TARGET: [isPath, "a path"],
  MODE: [(word) => /^0*[0-7]{1,4}$/.test(word), "an octal number up to 7777"],
  UID: [isNumber(2 ** 32 - 1), "a number"],
  GID: [isNumber(2 ** 32 - 1), "a number"],
  "b|c": [(word) => word === "b" || word === "c", "b or c"],
  MAJOR: [isNumber(2 ** 12 - 1), "a number below 4096"],
  MINOR: [isNumber(2 ** 20 - 1), "a number below 1048576"],
};

/** One line, whose words are right. */
interface Line {
  type: string;
  values: Record<string, string>;
  links: readonly string[];
}

/** Takes a line apart; undefined: it is empty or a comment. Throws BuildError with what is wrong with it. */
function parseLine(line: string): Line | undefined {
  if (line.startsWith("#")) return undefined;
  const [type, ...words] = line.split(/[ \t\v\f\r]+/).filter(Boolean);
  if (type === undefined) return undefined;
  const form = Object.hasOwn(forms, type) ? forms[type] : undefined;
  if (form === undefined) throw new BuildError(`unknown type "${type}": it is one of ${Object.keys(forms).join(", ")}`);
  const names = form.split(" ").filter((name) => !name.startsWith("["));
  const links = type === "file" ? words.splice(names.length) : [];
  if (words.length !== names.length)
    throw new BuildError(`${words.length} words after "${type}", where ${names.length} must be: ${type} ${form}`);
  const checked = [...names.map((name, index) => [name, words[index] ?? ""]), ...links.map((link) => ["NAME", link])];
  const wrong = checked.flatMap(([name = "", word = ""]) => {
    const [isRight, what] = rules[name] ?? [() => true, ""];
    return isRight(word) ? [] : [`${name} is "${word}", which is not ${what}: ${type} ${form}`];
  });
  if (wrong.length) throw new BuildError(...wrong);
  return { type, values: Object.fromEntries(names.map((name, index) => [name, words[index] ?? ""])), links };
}

/** Environment variables, as `${NAME}`. Throws BuildError where one is not set. */
function expand(text: string, environment: NodeJS.ProcessEnv): string {
  return text.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const value = environment[name];
    if (value === undefined) throw new BuildError(`the environment variable ${name} of LOCATION is not set`);
    return value;
  });
}

/** Bytes, and seconds since 1970. */
export interface FoundFile {
  size: number;
  modified: number;
}

/** Looks at a file of the host. Throws BuildError: it cannot be read, or has no content. */
export function findFile(path: string): FoundFile {
  try {
    const stats = statSync(path);
    accessSync(path, constants.R_OK);
    if (stats.isFile()) return { size: stats.size, modified: Math.floor(stats.mtimeMs / 1000) };
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
  throw new BuildError(`${path} is no regular file: only those have a content`);
}

/** Wrong lines, after which nobody wants to read of more: the file is no list. */
const mostMistakes = 100;

/**
 * Reads a list in the language of the kernel's usr/gen_init_cpio. Directories that are missing are made (0755), a line that is repeated
 * counts once, and what is listed below a link goes where the link leads. `name` is the list's, for messages; `find` is findFile. Throws
 * BuildError with file and line of all mistakes, up to a hundred.
 */
export function readList(
  name: string,
  text: string,
  environment: NodeJS.ProcessEnv,
  find: (path: string) => FoundFile,
): ListedFiles {
  const problems = createProblems();
  const archive = createArchive();
  let mistakes = 0;
  for (const [index, raw] of text.split("\n").entries()) {
    if (mistakes === mostMistakes) break;
    try {
      const line = parseLine(raw);
      if (!line) continue;
      const { UID, GID, NAME = "" } = line.values;
      const owner = { uid: Number(UID), gid: Number(GID) };
      const entry = entryOf(line, (location) => {
        const path = expand(location, environment);
        return { path, ...find(path) };
      });
      archive.add([NAME, ...line.links], entry, owner, index + 1);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      mistakes++;
      for (const problem of error.problems) problems.add(`${name}:${index + 1}: ${problem}`);
    }
  }
  problems.check();
  return archive.listed();
}

const kinds = { pipe: "pipe", sock: "socket", b: "block", c: "char" } as const;

function entryOf({ type, values }: Line, find: (location: string) => FoundFile & { path: string }): Entry {
  const mode = Number.parseInt(values.MODE ?? "", 8);
  if (type === "dir") return { type, mode };
  // Links have no permissions of their own in Linux.
  if (type === "slink") return { type: "symlink", target: values.TARGET ?? "" };
  if (type === "file") {
    const { path, size, modified } = find(values.LOCATION ?? "");
    return { type, mode, content: { path, size }, modified };
  }
  const kind = kinds[(values["b|c"] ?? type) as keyof typeof kinds];
  return { type: "node", kind, major: Number(values.MAJOR ?? 0), minor: Number(values.MINOR ?? 0), mode };
}

interface Archive {
  /** Adds what a line describes, under all its names. Throws BuildError. */
  add(names: readonly string[], entry: Entry, owner: Owner, line: number): void;
  listed(): ListedFiles;
}

function createArchive(): Archive {
  /** By where they come to lie, links followed; `line` undefined: a directory that no line has named yet. */
  const table = new Map<string, { name: string; entry: Entry; description: string; line: number | undefined }>();
  const owners = new Map<string, Owner>();
  const identical = new Map<string, readonly string[]>();

  const targetOf = (path: string) => {
    const entry = table.get(path)?.entry;
    return entry?.type === "symlink" ? entry.target : undefined;
  };

  function addParents(place: string): void {
    const parent = posix.dirname(place);
    if (parent === ".") return;
    const there = table.get(parent);
    if (there && there.entry.type !== "dir")
      throw new BuildError(`/${parent} is no directory: line ${there.line} makes it a ${there.entry.type}`);
    if (there) return;
    addParents(parent);
    table.set(parent, { name: parent, entry: { type: "dir", mode: 0o755 }, description: "", line: undefined });
  }

  function add(names: readonly string[], entry: Entry, owner: Owner, line: number): void {
    const paths = names.map(
      (name) =>
        posix
          .join("/", name)
          .replace(/(?<=.)\/$/, "")
          .slice(1) || ".",
    );
    const description = JSON.stringify([entry, owner, paths.length > 1 && paths]);
    for (const name of paths) {
      const place = resolveIn(targetOf, name, false);
      if (place === undefined) throw new BuildError(`the links on the way to ${name} go round in circles`);
      const there = table.get(place || ".");
      if (there?.description === description) continue;
      if (there && (there.line !== undefined || entry.type !== "dir"))
        throw new BuildError(
          `/${name} is in the list already, as something else${there.line ? `, by line ${there.line}` : ": files lie below it"}; leave one of them out`,
        );
      addParents(place);
      table.set(place || ".", { name: there?.name ?? name, entry, description, line });
      if (owner.uid || owner.gid) owners.set(there?.name ?? name, owner);
      if (paths.length > 1) identical.set(name, paths);
    }
  }

  return {
    add,
    listed: () => ({
      entries: [...table.values()].map(({ name, entry }) => [name, entry]),
      options: { identical, owners },
    }),
  };
}
