import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from "node:fs";
import { release as hostRelease } from "node:os";
import { join } from "node:path";
import { bundlePath, driverIndexPath, engineHash, initPath, rescuePath, snapshotPath } from "../abi/index.js";
import { ElfError } from "../generator/elf.js";
import { BuildError, reasonOf } from "../generator/problems.js";
import { resolveIn } from "../generator/resolve-links.js";
import { snapshotProblem } from "../generator/snapshot.js";
import { findOwnFiles } from "../generator/static-init.js";
import { type Entry, sizeOf } from "../generator/tree.js";
import { driverReleases, pathOf } from "../image/contents.js";
import { createCpioReader, type Member, typeOf } from "../image/cpio-reader.js";
import { readImage } from "../image/read-image.js";
import { readStaticInit } from "../image/static-init.js";
import { fromBytes } from "../rehearsal/bytes.js";
import type { FileTable, SimulatedFile } from "../rehearsal/file-tree.js";

/** What a rehearsal needs of an image. */
export interface RehearsedImage {
  /** Where it is, for messages. */
  path: string;
  bundle: string;
  files: FileTable;
  /** That it has drivers of. Without any it is this host's, with all that is needed built in. */
  kernel: { release: string; machine: string; monolithic: boolean };
  /** PID 1 has the boot code in itself, and no index of drivers. */
  staticInit: boolean;
  /** There is no root to switch to: it is all that runs. */
  wholeSystem: boolean;
  /** Why PID 1 does not use the engine's snapshot in it; undefined: it does, or there is none. */
  snapshotProblem?: string | undefined;
}

/** Larger files are not read as a whole by any op, nor are drivers: their beginning is enough. */
const wholeFile = 1 << 20;
const beginning = 4096;
const whole = new Set([initPath, bundlePath, snapshotPath, driverIndexPath].map((path) => path.slice(1)));

/** Reads an image's file, whoever has compressed it how, a static init, or the folder that an image was unpacked into. Throws BuildError. */
export async function openImage(path: string): Promise<RehearsedImage> {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
  const isThere = (inside: string) => lstatSync(join(path, inside), { throwIfNoEntry: false }) !== undefined;
  if (isFolder && ![initPath, bundlePath].some(isThere))
    throw new BuildError(
      `${path} has no ${initPath}: name an image, or the folder that lsinitrd --unpack has made of one`,
    );
  return imageOf(path, isFolder ? readFolder(path) : readStaticInit(path) ? aloneIn(path) : await readArchive(path));
}

/** An initramfs that has a program for /init, and nothing else. */
function aloneIn(path: string): Map<string, SimulatedFile> {
  return new Map([[initPath.slice(1), { type: "file", mode: 0o755, data: readFileSync(path) }]]);
}

/** An image that is not written yet, of what it is made of. Throws BuildError. */
export const imageOfEntries = (path: string, entries: readonly [string, Entry][]): RehearsedImage =>
  imageOf(path, new Map(entries.map(([name, entry]) => simulated(name, entry))));

/** What the kernel brings along, and unpacks first (usr/default_cpio_list). */
const kernelsOwn: FileTable = {
  "dev/": { type: "dir", mode: 0o755 },
  "dev/console": { type: "char", mode: 0o600, node: "5:1" },
  "root/": { type: "dir", mode: 0o700 },
};

/** `path` names it in messages. */
function imageOf(path: string, files: ReadonlyMap<string, SimulatedFile>): RehearsedImage {
  const own = ownFilesOf(path, files);
  checkEngine(path, own ?? files);
  const bundle = dataOf(own ?? files, bundlePath);
  const snapshot = dataOf(own ?? files, snapshotPath);
  if (!bundle)
    throw new BuildError(
      `${path} has no ${bundlePath}: only images of firstlight with boot code can be rehearsed; lsinitrd shows what it is`,
    );
  return {
    path,
    bundle: bundle.toString(),
    files: { ...kernelsOwn, ...Object.fromEntries(files) },
    kernel: kernelOf(files),
    staticInit: own !== undefined,
    // PID 1 has no other action for one (core/generator/rescue.ts).
    wholeSystem: dataOf(own ?? files, rescuePath)?.includes("action=again") ?? false,
    snapshotProblem: snapshot && snapshotProblem(snapshot, bundle),
  };
}

/** What PID 1 finds in its own program; undefined: it takes the image's files. Throws BuildError. */
function ownFilesOf(path: string, files: ReadonlyMap<string, SimulatedFile>): Map<string, SimulatedFile> | undefined {
  const init = dataOf(files, initPath);
  try {
    const part = init && findOwnFiles(init);
    return part && filesIn(`${path}, its init`, init.subarray(part.start, part.end));
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    throw new BuildError(`${path}: its init ${error.message}; build it again`);
  }
}

/** The regular files of an archive. Throws BuildError where it is damaged. */
function filesIn(source: string, archive: Buffer): Map<string, SimulatedFile> {
  const files = new Map<string, SimulatedFile>();
  const reader = createCpioReader(source);
  let file: SimulatedFile | undefined;
  for (const event of reader.push(archive)) {
    // The archive is read in one piece, and so is what its members hold.
    if (event.kind === "data" && file) file.data = event.chunk;
    if (event.kind !== "member") continue;
    file = fileOf(event.member);
    files.set(pathOf(event.member), file);
  }
  reader.end();
  return files;
}

function dataOf(files: ReadonlyMap<string, SimulatedFile>, path: string): Buffer | undefined {
  const data = files.get(path.slice(1))?.data;
  return data instanceof Buffer && data.length ? data : undefined;
}

/** The snapshot names the engine that has made it (core/abi/snapshot.ts). Throws BuildError. */
function checkEngine(path: string, files: ReadonlyMap<string, SimulatedFile>): void {
  const found = dataOf(files, snapshotPath)?.toString("latin1", 16, 16 + engineHash.length);
  if (found !== undefined && found !== engineHash)
    throw new BuildError(
      `${path} boots with another engine (${found.slice(0, 12)}…) than this firstlight has (${engineHash.slice(0, 12)}…): rehearse it with the firstlight that built it, or build it again`,
    );
}

const elfMachines: Readonly<Record<number, string>> = { 62: "x86_64", 183: "aarch64", 243: "riscv64", 22: "s390x" };

function kernelOf(files: ReadonlyMap<string, SimulatedFile>): RehearsedImage["kernel"] {
  const [release = ""] = driverReleases(files.keys());
  const init = dataOf(files, initPath);
  const machine = init && init.length > 20 ? elfMachines[init.readUInt16LE(18)] : undefined;
  return { release: release || hostRelease(), machine: machine ?? "x86_64", monolithic: release === "" };
}

const types = new Map<number, SimulatedFile["type"]>([
  [0o040000, "dir"],
  [0o020000, "char"],
  [0o060000, "block"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
]);

const isRead = (path: string, size: number) => whole.has(path) || (size <= wholeFile && !/\.ko(\.\w+)?$/.test(path));
const kept = (path: string, size: number) => (isRead(path, size) ? size : Math.min(size, beginning));

/** A member as the machine has it, without content. */
function fileOf({
  mode,
  uid,
  gid,
  node,
  target,
}: Pick<Member, "mode" | "uid" | "gid" | "node" | "target">): SimulatedFile {
  const shared = { mode: mode & 0o7777, uid, gid };
  if (target !== undefined) return { ...shared, type: "symlink", target: fromBytes(target) };
  const type = types.get(typeOf({ mode })) ?? "file";
  return { ...shared, type, ...(type === "char" || type === "block" ? { node: node.join(":") } : {}) };
}

const kinds = { char: "char", block: "block", pipe: "fifo", socket: "socket" } as const;

function simulated(name: string, entry: Entry): [path: string, file: SimulatedFile] {
  if (entry.type === "symlink") return [name, { type: "symlink", mode: 0o777, target: entry.target }];
  const { mode } = entry;
  if (entry.type === "dir") return [`${name}/`, { type: "dir", mode }];
  if (entry.type === "node") return [name, { type: kinds[entry.kind], mode, node: `${entry.major}:${entry.minor}` }];
  const { content } = entry;
  const data =
    content instanceof Uint8Array ? Buffer.from(content) : readBeginning(content.path, kept(name, content.size));
  const size = sizeOf(content);
  return [name, { type: "file", mode, data, ...(size > data.length ? { size } : {}) }];
}

function readBeginning(path: string, length: number): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(file, buffer, 0, length, 0));
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

async function readArchive(path: string): Promise<Map<string, SimulatedFile>> {
  const files = new Map<string, SimulatedFile>();
  const links = new Map<string, string>();
  /** Files with several names, by segment, device and inode: the last one has the content. */
  const named = new Map<string, SimulatedFile>();
  let segment = 0;
  let current: { file: SimulatedFile; path: string; parts: Buffer[]; length: number; size: number } | undefined;
  const finish = () => {
    if (!current) return;
    const { file, parts, size, length } = current;
    file.data = Buffer.concat(parts);
    if (size > length) file.size = size;
    current = undefined;
  };
  for await (const event of readImage(path)) {
    if (event.kind === "segment") segment++;
    if (event.kind === "data" && current) {
      const chunk = event.chunk.subarray(0, kept(current.path, current.size) - current.length);
      if (chunk.length) current.parts.push(Buffer.from(chunk));
      current.length += chunk.length;
    }
    if (event.kind !== "member") continue;
    finish();
    const { member } = event;
    const place = resolveIn((at) => links.get(at), pathOf(member), false);
    if (!place) continue;
    const key = `${segment} ${member.device} ${member.inode}`;
    let file = fileOf(member);
    if (file.type === "file" && member.links > 1) {
      file = named.get(key) ?? file;
      named.set(key, file);
    }
    links.delete(place);
    if (member.target !== undefined) links.set(place, member.target);
    const name = fromBytes(place) + (file.type === "dir" ? "/" : "");
    files.set(name, file);
    if (file.type === "file" && (member.size || file.data === undefined))
      current = { file, path: name, parts: [], length: 0, size: member.size };
  }
  finish();
  return files;
}

function readFolder(top: string, below = "", files = new Map<string, SimulatedFile>()): Map<string, SimulatedFile> {
  try {
    for (const name of readdirSync(Buffer.concat([Buffer.from(`${top}/`), Buffer.from(below, "latin1")]), {
      encoding: "latin1",
    }).sort()) {
      const path = below ? `${below}/${name}` : name;
      const source = Buffer.concat([Buffer.from(`${top}/`), Buffer.from(path, "latin1")]);
      const { mode, uid, gid, rdev, size } = lstatSync(source);
      const type = typeOf({ mode });
      const target = type === 0o120000 ? readlinkSync(source, { encoding: "latin1" }) : undefined;
      // gnu_dev_major(3) for numbers of 32 bits.
      const node = [(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00)] as const;
      const file = fileOf({ mode, uid, gid, node, ...(target === undefined ? {} : { target }) });
      files.set(fromBytes(path) + (file.type === "dir" ? "/" : ""), file);
      if (file.type === "dir") readFolder(top, path, files);
      if (file.type !== "file") continue;
      file.data = readFileSync(source).subarray(0, kept(path, size));
      if (size > file.data.length) file.size = size;
    }
    return files;
  } catch (error) {
    throw new BuildError(`${join(top, below)} cannot be read: ${reasonOf(error)}`);
  }
}
