import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants, mkdirSync, readdirSync } from "node:fs";
import {
  chmod,
  type FileHandle,
  lchown,
  link,
  lutimes,
  mkdir,
  open,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { BuildError, reasonOf } from "../generator/problems.js";
import { resolveIn } from "../generator/resolve-links.js";
import { type Contents, pathOf } from "./contents.js";
import { type Member, typeOf } from "./cpio-reader.js";
import { printable } from "./listing.js";
import { readImage } from "./read-image.js";

export interface UnpackOptions {
  /** The early segments, or all others. */
  early: boolean;
  /** Byte strings: these files, and what is below these directories. Empty: all. */
  paths: readonly string[];
  /** Aborted: the work ends, and the folder is as it was. */
  signal: AbortSignal;
  note(text: string): void;
  warning(text: string): void;
}

/**
 * Unpacks an image into a folder, which must be new or empty. All is written into a hidden folder in it first, and given its place when
 * it is complete: whatever fails, the folder is as it was. Nothing is written outside of it, because links are made last, and no path
 * leads through one: what lies below a link goes to where that leads within the image. Throws BuildError, or the signal's reason.
 */
export async function unpackImage(
  image: string,
  contents: Contents,
  folder: string,
  options: UnpackOptions,
): Promise<void> {
  const isWanted = selection(image, contents, options);
  const isNew = prepareFolder(folder);
  const staging = join(folder, `.lsinitrd-${randomBytes(8).toString("hex")}`);
  const writer = createWriter(image, staging, options);
  try {
    await mkdir(staging, 0o700);
    await writeMembers(image, contents, writer, isWanted, options.signal);
    const folders = await writer.finish();
    const names = readdirSync(Buffer.from(staging), { encoding: "buffer" });
    for (const name of names) await rename(below(staging, name), below(folder, name));
    await rmdir(staging);
    // Last: a directory that may not be written to could not be moved.
    for (const [path, member] of folders) await dress(below(folder, Buffer.from(path, "latin1")), member);
  } catch (error) {
    await writer.abandon();
    await rm(staging, { recursive: true, force: true });
    if (isNew) await rmdir(folder).catch(() => undefined);
    if (options.signal.aborted) throw options.signal.reason;
    if (error instanceof BuildError) throw error;
    throw new BuildError(`${folder} cannot be filled, and is as it was: ${reasonOf(error)}`);
  }
}

const below = (folder: string, name: Buffer) => Buffer.concat([Buffer.from(`${folder}/`), name]);

/** true: it was made. */
function prepareFolder(folder: string): boolean {
  try {
    if (readdirSync(folder).length === 0) return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      throw new BuildError(`${folder} cannot be unpacked into: ${reasonOf(error)}`);
    try {
      mkdirSync(folder);
    } catch (failure) {
      throw new BuildError(`${folder} cannot be made: ${reasonOf(failure)}`);
    }
    return true;
  }
  throw new BuildError(`${folder} is not empty: name a new or an empty folder, as --unpack=FOLDER`);
}

function selection(image: string, { segments, members }: Contents, { early, paths }: UnpackOptions) {
  const wanted = paths.map((name) => pathOf({ name }));
  const covers = (path: string) => (name: string) => path === name || path.startsWith(`${name}/`);
  const ofKind = members.filter(({ segment }) => segments[segment]?.early === early);
  if (ofKind.length === 0) throw new BuildError(`${image} has ${early ? "no early segment" : "early segments only"}`);
  for (const name of wanted)
    if (!ofKind.some((member) => covers(pathOf(member))(name)))
      throw new BuildError(`${image} has no file ${printable(name)}: lsinitrd without file names shows all`);
  return (member: Member, segment: number) =>
    segments[segment]?.early === early && (wanted.length === 0 || wanted.some(covers(pathOf(member))));
}

async function writeMembers(
  image: string,
  { segments }: Contents,
  writer: Writer,
  isWanted: (member: Member, segment: number) => boolean,
  signal: AbortSignal,
): Promise<void> {
  let segment = -1;
  let writes = false;
  for await (const event of readImage(image)) {
    signal.throwIfAborted();
    if (event.kind === "segment") segment++;
    if (segment >= segments.length) throw new BuildError(`${image} has changed while it was read: try again`);
    if (event.kind === "member") {
      writes = isWanted(event.member, segment);
      if (writes) await writer.add(event.member, segment);
    } else if (event.kind === "data" && writes) await writer.write(event.chunk);
  }
}

interface Writer {
  add(member: Member, segment: number): Promise<void>;
  /** Content of the regular file that was added last. */
  write(chunk: Buffer): Promise<void>;
  /** Makes links and device nodes. Result: the directories by path, the deepest ones first, which have not got their modes yet. */
  finish(): Promise<[string, Attributes][]>;
  /** Closes what is open, where nothing more is to come. */
  abandon(): Promise<void>;
}

type Attributes = Pick<Member, "mode" | "uid" | "gid" | "modified">;

function createWriter(image: string, root: string, { note, warning }: UnpackOptions): Writer {
  const folders = new Map<string, Attributes>();
  const links = new Map<string, Member & { target: string }>();
  const nodes = new Map<string, Member>();
  /** First paths of files with several. */
  const inodes = new Map<string, string>();
  let current: { file: FileHandle; member: Member } | undefined;
  const place = (path: string) => below(root, Buffer.from(path, "latin1"));

  async function ensureFolder(path: string): Promise<void> {
    if (path === "" || folders.has(path)) return;
    await ensureFolder(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    await mkdir(place(path), 0o700);
    folders.set(path, { mode: 0o755, uid: 0, gid: 0, modified: 0 });
  }

  async function openFile(path: string, key: string, member: Member): Promise<void> {
    const first = member.links > 1 ? inodes.get(key) : undefined;
    if (first === undefined) inodes.set(key, path);
    else if (first !== path) await link(place(first), place(path));
    if (first !== undefined && member.size === 0) return;
    if (first !== undefined) await chmod(place(path), 0o600);
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const file = await open(place(path), O_WRONLY | O_NOFOLLOW | (first === undefined ? O_CREAT | O_EXCL : 0), 0o600);
    current = { file, member };
  }

  async function closeFile(): Promise<void> {
    if (!current) return;
    const { file, member } = current;
    current = undefined;
    try {
      // In this order: a new owner takes the set-user-ID bit away.
      if (process.getuid?.() === 0) await file.chown(member.uid, member.gid);
      await file.chmod(member.mode & 0o7777);
      await file.utimes(member.modified, member.modified);
    } finally {
      await file.close();
    }
  }

  async function put(path: string, member: Member, segment: number): Promise<void> {
    await ensureFolder(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    links.delete(path);
    nodes.delete(path);
    const type = typeOf(member);
    if (type === 0o040000) {
      await ensureFolder(path);
      folders.set(path, member);
      return;
    }
    // What comes later stands for what came before; a directory stays one.
    if (!folders.has(path))
      await unlink(place(path)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    if (member.target !== undefined) links.set(path, { ...member, target: member.target });
    else if (type === 0o100000) await openFile(path, `${segment} ${member.device} ${member.inode}`, member);
    else nodes.set(path, member);
  }

  async function add(member: Member, segment: number): Promise<void> {
    await closeFile();
    if (member.name.split("/").includes(".."))
      throw new BuildError(
        `${image} names ${printable(member.name)}, which leads out of it: do not use the image, unless you know who made it and why`,
      );
    const path = resolveIn((at) => links.get(at)?.target, pathOf(member), false);
    if (path === "") return;
    note(printable(member.name));
    try {
      if (path === undefined) throw Object.assign(new Error(), { code: "ELOOP" });
      await put(path, member, segment);
    } catch (error) {
      throw new BuildError(`${printable(member.name)} of ${image} cannot be unpacked: ${reasonOf(error)}`);
    }
  }

  async function finish(): Promise<[string, Attributes][]> {
    await closeFile();
    for (const [path, member] of links) {
      // The kernel keeps the directory, too.
      if (folders.has(path)) warning(`${printable(path)} is a directory and a link in the image: the directory stays`);
      else await makeLink(place(path), member);
    }
    for (const [path, member] of nodes) await makeNode(place(path), path, member, warning);
    return [...folders].sort(([a], [b]) => b.length - a.length);
  }

  return {
    add,
    async write(chunk) {
      for (let at = 0; current && at < chunk.length; ) at += (await current.file.write(chunk, at)).bytesWritten;
    },
    finish,
    abandon: async () => current?.file.close(),
  };
}

async function makeLink(place: Buffer, { target, uid, gid, modified }: Member & { target: string }): Promise<void> {
  await symlink(Buffer.from(target, "latin1"), place);
  if (process.getuid?.() === 0) await lchown(place, uid, gid);
  await lutimes(place, modified, modified);
}

const nodeLetters = new Map([
  [0o020000, "c"],
  [0o060000, "b"],
  [0o010000, "p"],
]);

/** Node has no mknod(2), mknod(1) is part of every system. */
async function makeNode(place: Buffer, path: string, member: Member, warning: (text: string) => void): Promise<void> {
  const letter = nodeLetters.get(typeOf(member));
  const name = place.toString();
  if (letter === undefined || !Buffer.from(name).equals(place)) {
    warning(`${printable(path)} is left out: it is of a type, or has a name, that cannot be made here`);
    return;
  }
  try {
    const numbers = letter === "p" ? [] : member.node.map(String);
    await promisify(execFile)("mknod", ["--", name, letter, ...numbers]);
    await dress(place, member);
  } catch {
    warning(`${printable(path)} is left out: only root can make device nodes`);
  }
}

async function dress(place: Buffer, { mode, uid, gid, modified }: Attributes): Promise<void> {
  if (process.getuid?.() === 0) await lchown(place, uid, gid);
  await chmod(place, mode & 0o7777);
  await utimes(place, modified, modified);
}
