import type { FileStatus, FileType } from "../abi/index.js";
import { Failure } from "./failure.js";

/** One file of the simulated machine. */
export interface SimulatedFile {
  type: FileType;
  mode: number;
  /** Of a "file". */
  data?: string;
  /** Of a "symlink". */
  target?: string;
  /** Of a device node, "MAJOR:MINOR". */
  node?: string;
}

/** One file system: files by their path in it, "/" being its top. A folder has an entry of its own. */
export type FileSystem = Map<string, SimulatedFile>;

/** A file system from a description: "path": "content", folders made as needed; a path that ends in "/" is a folder. */
export function fileSystemOf(contents: Readonly<Record<string, string | SimulatedFile>>): FileSystem {
  const tree: FileSystem = new Map([["/", { type: "dir", mode: 0o755 }]]);
  for (const [path, content] of Object.entries(contents)) {
    const names = path.split("/").filter(Boolean);
    for (let depth = 1; depth < names.length; depth++) {
      const folder = `/${names.slice(0, depth).join("/")}`;
      if (!tree.has(folder)) tree.set(folder, { type: "dir", mode: 0o755 });
    }
    const file: SimulatedFile = path.endsWith("/")
      ? { type: "dir", mode: 0o755 }
      : typeof content === "string"
        ? { type: "file", mode: 0o644, data: content }
        : content;
    tree.set(`/${names.join("/")}`, file);
  }
  return tree;
}

/** Where a path leads: the file system, the path in it, and the path from the root of everything. */
interface Place {
  tree: FileSystem;
  inner: string;
  path: string;
}

const join = (folder: string, name: string): string => (folder === "/" ? `/${name}` : `${folder}/${name}`);

/** How a path is looked up. */
export interface LookUp {
  /** Follow a symlink at its end. Left out: true. */
  last?: boolean;
  /** As a process chrooted there sees it. */
  root?: string;
  /** By a job: on disks, too, where an instant op gets EXDEV. */
  job?: boolean;
}

/** Files of all mounted file systems. */
export interface FileSpace {
  /** Mount points in the order they were mounted; "/" first. */
  readonly mounts: Map<string, FileSystem>;
  /** Mount points of file systems that lie on devices. */
  readonly disks: Set<string>;
  /** Throws Failure. */
  find(path: string, options?: LookUp): SimulatedFile;
  locate(path: string, options?: LookUp): Place;
  put(path: string, file: SimulatedFile): void;
  /** Is something there, be it a link to nothing? */
  has(path: string): boolean;
  remove(path: string): void;
  list(path: string): { name: string; type: FileType }[];
  status(file: SimulatedFile): FileStatus;
}

export function createFileSpace(initramfs: FileSystem): FileSpace {
  const mounts = new Map([["/", initramfs]]);
  const disks = new Set<string>();

  /** The file system that `path`, which has no symlinks, lies in. */
  function place(path: string, job: boolean): Place {
    let top = "/";
    for (const point of mounts.keys())
      if (point.length >= top.length && (path === point || path.startsWith(join(point, "")))) top = point;
    if (disks.has(top) && !job) throw new Failure("EXDEV");
    const tree = mounts.get(top) ?? initramfs;
    return { tree, inner: top === "/" ? path : path.slice(top.length) || "/", path };
  }

  function locate(path: string, { last = true, root = "/", job = false }: LookUp = {}): Place {
    if (!path.startsWith("/")) throw new Failure("EINVAL", "a path starts with /");
    const names = path.split("/").filter(Boolean);
    let at = root;
    for (let links = 0; names.length; ) {
      const name = names.shift() ?? "";
      if (name === ".") continue;
      if (name === "..") {
        if (at !== root) at = at.slice(0, at.lastIndexOf("/")) || "/";
        continue;
      }
      const here = place(at, job);
      const folder = here.tree.get(here.inner);
      if (folder?.type !== "dir") throw new Failure(folder ? "ENOTDIR" : "ENOENT");
      const next = place(join(at, name), job);
      const file = next.tree.get(next.inner);
      if (file?.type === "symlink" && (names.length || last)) {
        if (++links > 40) throw new Failure("ELOOP");
        const target = file.target ?? "";
        if (target.startsWith("/")) at = root;
        names.unshift(...target.split("/").filter(Boolean));
      } else at = next.path;
    }
    return place(at, job);
  }

  function find(path: string, options?: LookUp): SimulatedFile {
    const { tree, inner } = locate(path, options);
    const file = tree.get(inner);
    if (!file) throw new Failure("ENOENT");
    return file;
  }

  function list(path: string): { name: string; type: FileType }[] {
    const { tree, inner } = locate(path);
    const folder = tree.get(inner);
    if (folder?.type !== "dir") throw new Failure(folder ? "ENOTDIR" : "ENOENT");
    const prefix = join(inner, "");
    return [...tree]
      .filter(([name]) => name !== "/" && name.startsWith(prefix) && !name.slice(prefix.length).includes("/"))
      .map(([name, { type }]) => ({ name: name.slice(prefix.length), type }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  return {
    mounts,
    disks,
    find,
    locate,
    put(path, file) {
      if (path.slice(path.lastIndexOf("/") + 1).length > 255) throw new Failure("ENAMETOOLONG");
      const { tree, inner } = locate(path, { last: false });
      const parent = tree.get(inner.slice(0, inner.lastIndexOf("/")) || "/");
      if (parent?.type !== "dir") throw new Failure(parent ? "ENOTDIR" : "ENOENT");
      tree.set(inner, file);
    },
    has(path) {
      const { tree, inner } = locate(path, { last: false });
      return tree.has(inner);
    },
    remove(path) {
      find(path, { last: false });
      const { tree, inner } = locate(path, { last: false });
      if ([...tree.keys()].some((name) => name.startsWith(join(inner, "")))) throw new Failure("ENOTEMPTY");
      tree.delete(inner);
    },
    list,
    status: (file) => ({
      type: file.type,
      mode: file.mode,
      uid: 0,
      gid: 0,
      size: file.data?.length ?? 0,
      device: "0:1",
      inode: 1,
      links: 1,
      modified: 0,
      ...(file.node === undefined ? {} : { node: file.node }),
    }),
  };
}
