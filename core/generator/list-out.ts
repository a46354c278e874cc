import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { mkdir, readdir, readFile, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { type CpioOptions, timeOf } from "./cpio.js";
import { findIdentical } from "./identical-files.js";
import { writeWhole } from "./output.js";
import { BuildError, reasonOf } from "./problems.js";
import { project } from "./project.js";
import type { Entry } from "./tree.js";

type FileEntry = Extract<Entry, { type: "file" }>;
type Entries = readonly [string, Entry][];
type Times = Pick<CpioOptions, "sourceDate" | "made">;

/** Characters. The kernel's usr/gen_init_cpio.c reads lines of up to 8250 bytes. */
const longestLine = 8000;

/** Before an image is written. Throws BuildError: a list, whose fields are parted by blanks, cannot name all of this, or would have no folder. */
export function checkListable(list: string, entries: Entries): void {
  const names = entries.flatMap(([path, entry]) => (entry.type === "symlink" ? [path, entry.target] : [path]));
  const wrong = names.filter((name) => /\s/.test(name));
  if (wrong.length)
    throw new BuildError(
      ...wrong.map((name) => `--list-out: no list can name "${name}", which has blanks: leave it out by --remove`),
    );
  const folder = folderOf(list);
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats && !stats.isDirectory())
    throw new BuildError(`--list-out: ${folder} is no directory: remove it, or name another list`);
}

/** Of what the list names and is no file of the host. */
const folderOf = (list: string) => `${list}.files`;

/**
 * Writes a list that the kernel's usr/gen_init_cpio makes the same archive of, and beside it, in LIST.files, what is no file of the host as it is
 * there. The list is replaced as a whole once all that it names is there; then what only the old one named goes. Throws BuildError.
 */
export async function writeList(list: string, entries: Entries, times: Times): Promise<void> {
  const folder = folderOf(list);
  const groups = await linkGroups(entries);
  const kept = new Set<string>();
  try {
    await mkdir(folder, { mode: 0o700, recursive: true });
    const lines: string[] = [];
    // Directories first: the other names of a hard link stand where its first one does.
    for (const [path, entry] of [...entries].sort((one, other) => rank(one) - rank(other))) {
      const names = groups.get(path) ?? [path];
      if (entry.type !== "file") lines.push(lineOf(path, entry));
      else if (names[0] === path) lines.push(fileLine(names, await place(entry, folder, times, kept), entry.mode));
    }
    const head = `# An image of firstlight ${project.version}: usr/gen_init_cpio -t ${timeOf(0, times)}, or CONFIG_INITRAMFS_SOURCE`;
    await writeWhole(list, Buffer.from(`${[head, ...lines].join("\n")}\n`));
    for (const name of await readdir(folder))
      if (contentName.test(name) && !kept.has(name)) await rm(join(folder, name));
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError(`--list-out: ${list} cannot be written: ${reasonOf(error)}`);
  }
}

const rank = ([, { type }]: [string, Entry]) => (type === "dir" ? 0 : 1);

/** Files that are one, as in the image; not those whose names are too long for a line. */
async function linkGroups(entries: Entries): Promise<ReadonlyMap<string, readonly string[]>> {
  const groups = await findIdentical(entries);
  return new Map([...groups].filter(([, names]) => names.join(" ").length < longestLine));
}

const owner = "0 0";
const octal = (mode: number) => mode.toString(8).padStart(4, "0");

const fileLine = ([path, ...links]: readonly string[], location: string, mode: number) =>
  ["file", `/${path}`, location, octal(mode), owner, ...links.map((link) => `/${link}`)].join(" ");

function lineOf(path: string, entry: Exclude<Entry, FileEntry>): string {
  if (entry.type === "dir") return `dir /${path} ${octal(entry.mode)} ${owner}`;
  if (entry.type === "symlink") return `slink /${path} ${entry.target} 0777 ${owner}`;
  const { kind, mode, major, minor } = entry;
  if (kind === "pipe") return `pipe /${path} ${octal(mode)} ${owner}`;
  if (kind === "socket") return `sock /${path} ${octal(mode)} ${owner}`;
  return `nod /${path} ${octal(mode)} ${owner} ${kind === "block" ? "b" : "c"} ${major} ${minor}`;
}

/** Of files in LIST.files: of content and time, so that a list that is there keeps what it names. */
const contentName = /^[0-9a-f]{32}$/;

/** Where a file's content is found, with the time that it has in the image. */
async function place(
  { content, modified }: FileEntry,
  folder: string,
  times: Times,
  kept: Set<string>,
): Promise<string> {
  const time = timeOf(modified, times);
  if (!Buffer.isBuffer(content) && time === modified && !/\s|\$\{/.test(content.path)) return content.path;
  const bytes = Buffer.isBuffer(content) ? content : await readFile(content.path);
  const name = createHash("sha256").update(`${time}\n`).update(bytes).digest("hex").slice(0, 32);
  const path = join(folder, name);
  if (!kept.has(name)) {
    await writeWhole(path, bytes);
    await utimes(path, time, time);
    kept.add(name);
  }
  return path;
}
