import type { FileType } from "../abi/index.js";
import { toBytes } from "./bytes.js";
import { Failure } from "./failure.js";

/** Files by their path: the content of a regular file, or what else it is. Folders on the way are made; a path that ends in "/" is one. */
export type FileTable = Readonly<Record<string, string | SimulatedFile>>;

/** What can be wrong with an archive: it was cut short; some of its bytes are others; what is packed ends between two files, without the end of an archive. */
export type ArchiveDamage = "truncated" | "corrupt" | "unterminated";

/** What a file holds that programs unpack: tar, or a compressor and tar. */
export interface PackedArchive {
  files: FileTable;
  damage?: ArchiveDamage;
}

/** One file of a description. */
export interface SimulatedFile {
  type: FileType;
  mode: number;
  uid?: number;
  gid?: number;
  /** Of a "file". */
  data?: string | Buffer;
  /** Bytes, where it has more than `data`, which then is its beginning. */
  size?: number;
  /** Of a "symlink". */
  target?: string;
  /** Of a device node, "MAJOR:MINOR". */
  node?: string;
  /** Names of its extended attributes, which an archive brings. */
  xattrs?: readonly string[];
  archive?: PackedArchive;
  /** What a "file" holds that can be attached as a device: its tags, and the files on it. */
  volume?: { tags: Readonly<Record<string, string>>; files?: FileTable };
}

/** A file as a file system holds it. All text is bytes (bytes.ts). */
export interface Inode {
  type: FileType;
  mode: number;
  uid: number;
  gid: number;
  number: number;
  links: number;
  /** Milliseconds since 1970. */
  modified: number;
  /** Of an image's file a Buffer, until somebody reads it: most are never read (dataOf). */
  data?: string | Buffer;
  /** Bytes of a "file", where `data` is only its beginning. */
  size?: number;
  target?: string;
  node?: string;
  children?: Map<string, Inode>;
  archive?: PackedArchive;
  volume?: SimulatedFile["volume"];
  /** Of a file that the kernel makes up. */
  read?(): string;
  write?(data: string): void;
  /** How many mounts lie on it. */
  covered: number;
}

/** A superblock. */
export interface FileSystem {
  type: string;
  /** "MAJOR:MINOR" */
  device: string;
  root: Inode;
  /** It lies on a device, which may hold an op up: jobs only. */
  disk: boolean;
  readOnly: boolean;
  /** Bytes that its files may have; undefined: as many as come. */
  limit: number | undefined;
  used: number;
  lastNumber: number;
  /** Its device has gone: nothing can be read any more. */
  dead: boolean;
  /** Who serves it does not answer: whoever looks at a file waits for ever. */
  silent?: true;
  /** Whole block of data that a mount(8) of it shows after its flags: ",size=64k". */
  shown: string;
}

const page = 4096;
/** What a file takes of a tmpfs: whole pages. */
export const pagesOf = (bytes: number): number => Math.ceil(bytes / page) * page;

export const isFolder = (inode: Inode | undefined): inode is Inode & { children: Map<string, Inode> } =>
  inode?.type === "dir";

export function createInode(system: FileSystem, type: FileType, mode: number, modified: number): Inode {
  const number = ++system.lastNumber;
  const inode: Inode = { type, mode, uid: 0, gid: 0, number, links: 1, modified, covered: 0 };
  if (type === "dir") inode.children = new Map();
  return inode;
}

export function createFileSystem(type: string, device: string, modified: number): FileSystem {
  const system = {
    type,
    device,
    disk: false,
    readOnly: false,
    limit: undefined,
    used: 0,
    lastNumber: 0,
    dead: false,
    shown: "",
  } as Omit<FileSystem, "root"> as FileSystem;
  system.root = createInode(system, "dir", 0o755, modified);
  return system;
}

export const sizeOf = ({ size, data, target }: Inode): number => size ?? data?.length ?? target?.length ?? 0;

/** The content of a file that the kernel does not make up. */
export function dataOf(inode: Inode): string {
  const { data = "" } = inode;
  if (typeof data === "string") return data;
  const text = data.toString("latin1");
  inode.data = text;
  return text;
}

/** Sets the content of a file. Throws Failure ENOSPC: as much of it is there as fits. */
export function setData(system: FileSystem, inode: Inode, data: string | Buffer): void {
  const free =
    system.limit === undefined ? Number.POSITIVE_INFINITY : system.limit - system.used + pagesOf(sizeOf(inode));
  const most = Math.max(0, Math.floor(free / page)) * page;
  const fits =
    pagesOf(data.length) <= free ? data : typeof data === "string" ? data.slice(0, most) : data.subarray(0, most);
  system.used += pagesOf(fits.length) - pagesOf(sizeOf(inode));
  inode.data = fits;
  delete inode.size;
  if (fits !== data) throw new Failure("ENOSPC");
}

/** Takes what a file that nothing leads to any more held. */
export function release(system: FileSystem, inode: Inode): void {
  if (--inode.links === 0) system.used -= pagesOf(sizeOf(inode));
}

/** Puts the files of a description below a folder. Throws Failure ENOSPC. */
export function addFiles(system: FileSystem, top: Inode, files: FileTable, modified: number): void {
  for (const [path, file] of Object.entries(files)) {
    const names = toBytes(path).split("/").filter(Boolean);
    const last = path.endsWith("/") ? undefined : names.pop();
    let folder = top;
    for (const name of names) {
      let next = folder.children?.get(name);
      if (!next) {
        next = createInode(system, "dir", 0o755, modified);
        folder.children?.set(name, next);
      }
      folder = next;
    }
    if (last !== undefined) folder.children?.set(last, inodeOf(system, file, modified));
    else if (typeof file !== "string")
      Object.assign(folder, { mode: file.mode, uid: file.uid ?? folder.uid, gid: file.gid ?? folder.gid });
  }
}

function inodeOf(system: FileSystem, file: string | SimulatedFile, modified: number): Inode {
  const described: SimulatedFile = typeof file === "string" ? { type: "file", mode: 0o644, data: file } : file;
  const { type, mode, uid = 0, gid = 0, data, size, target, node, archive, volume } = described;
  const inode = createInode(system, type, mode, modified);
  Object.assign(inode, { uid, gid });
  if (node !== undefined) inode.node = node;
  if (target !== undefined) inode.target = toBytes(target);
  if (archive) inode.archive = archive;
  if (volume) inode.volume = volume;
  if (type !== "file") return inode;
  setData(system, inode, typeof data === "string" ? toBytes(data) : (data ?? ""));
  if (size !== undefined) {
    if (system.limit !== undefined && system.used + pagesOf(size) > system.limit) throw new Failure("ENOSPC");
    system.used += pagesOf(size) - pagesOf(sizeOf(inode));
    inode.size = size;
  }
  return inode;
}
