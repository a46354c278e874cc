import type { FileStatus } from "../abi/index.js";
import { Failure } from "./failure.js";
import { type FileSystem, type Inode, isFolder, sizeOf } from "./file-tree.js";

/** A file system, or a part of one, at a place. */
export interface Mount {
  /** Where it is, as /proc/self/mounts has it. */
  point: string;
  /** What it lies on; undefined: it is the root of everything. */
  parent: Mount | undefined;
  on: Inode | undefined;
  system: FileSystem;
  /** The part of the file system that shows here. */
  root: Inode;
  source: string;
  /** ro, nosuid, ...; as mount(8) writes them. */
  flags: ReadonlySet<string>;
}

/** A folder or file, and the mount through which it is seen. */
export interface Spot {
  mount: Mount;
  inode: Inode;
}

/** Where a path leads. */
export interface Place {
  folder: Spot;
  /** Its name in the folder; "": the path leads to the folder itself. */
  name: string;
  /** undefined: it is not there. */
  found: Spot | undefined;
  path: string;
}

/** How a path is looked up. */
export interface LookUp {
  /** Follow a symlink at its end. Left out: true. */
  last?: boolean;
  /** As a process chrooted there sees it. */
  root?: string;
  /** Where a path without a slash in front begins. */
  from?: string;
}

/** Files of all mounted file systems. Paths are bytes. */
export interface FileSpace {
  /** In the order they were mounted; the root first. */
  readonly mounts: Mount[];
  /** Throws Failure: as path_resolution(7) has it. */
  locate(path: string, options?: LookUp): Place;
  /** Throws Failure, ENOENT too. */
  spot(path: string, options?: LookUp): Spot;
  find(path: string, options?: LookUp): Inode;
  /** Is something there, be it a link to nothing? */
  has(path: string): boolean;
  /** In a folder, by byte. */
  list(path: string): { name: string; type: Inode["type"] }[];
  mount(mount: Mount): void;
  /** Takes a mount away. */
  detach(mount: Mount): void;
  /** Is something mounted there? */
  isMountPoint(path: string): boolean;
  status(spot: Spot): FileStatus;
}

const [longestPath, longestName, mostLinks] = [4095, 255, 40];

export const join = (folder: string, name: string): string => (folder === "/" ? `/${name}` : `${folder}/${name}`);

export function createFileSpace(initramfs: FileSystem): FileSpace {
  const top: Mount = {
    point: "/",
    parent: undefined,
    on: undefined,
    system: initramfs,
    root: initramfs.root,
    source: "rootfs",
    flags: new Set(),
  };
  const mounts = [top];

  /** What is mounted there, or else the same. */
  function onTop({ mount, inode }: Spot): Spot {
    for (let at: Spot = { mount, inode }; ; ) {
      if (!at.inode.covered) return at;
      const { mount: below, inode: on } = at;
      const upper = mounts.findLast((one) => one.parent === below && one.on === on);
      if (!upper) return at;
      at = { mount: upper, inode: upper.root };
    }
  }

  function locate(path: string, { last = true, root, from = "/" }: LookUp = {}): Place {
    if (path.length > longestPath) throw new Failure("ENAMETOOLONG");
    const base = root === undefined ? onTop({ mount: top, inode: top.root }) : rootSpot(root);
    /** From the base to where we are. */
    const way: { folder: Spot; name: string; spot: Spot }[] = [];
    const rest = (path.startsWith("/") ? path : `${from}/${path}`).split("/").reverse();
    for (let links = 0; rest.length; ) {
      const name = rest.pop() ?? "";
      const folder = way.at(-1)?.spot ?? base;
      // A slash at the end asks for a folder, too.
      if (!isFolder(folder.inode)) throw new Failure("ENOTDIR");
      if (name === "" || name === ".") continue;
      if (name.length > longestName) throw new Failure("ENAMETOOLONG");
      if (name === "..") {
        way.pop();
        continue;
      }
      const child = folder.inode.children.get(name);
      if (!child) {
        if (rest.some((part) => part !== "")) throw new Failure("ENOENT");
        return { folder, name, found: undefined, path: join(pathOf(way), name) };
      }
      if (child.type === "symlink" && (last || rest.length > 0)) {
        if (++links > mostLinks) throw new Failure("ELOOP");
        const target = child.target ?? "";
        if (target.startsWith("/")) way.length = 0;
        rest.push(...target.split("/").reverse());
        continue;
      }
      way.push({ folder, name, spot: onTop({ mount: folder.mount, inode: child }) });
    }
    const end = way.at(-1);
    if (!end) return { folder: base, name: "", found: base, path: "/" };
    return { folder: end.folder, name: end.name, found: end.spot, path: pathOf(way) };
  }

  const pathOf = (way: readonly { name: string }[]) => `/${way.map(({ name }) => name).join("/")}`;

  function rootSpot(path: string): Spot {
    const found = spot(path);
    if (!isFolder(found.inode)) throw new Failure("ENOTDIR", path);
    return found;
  }

  function spot(path: string, options?: LookUp): Spot {
    const { found } = locate(path, options);
    if (!found) throw new Failure("ENOENT");
    return found;
  }

  return {
    mounts,
    locate,
    spot,
    find: (path, options) => spot(path, options).inode,
    has: (path) => {
      try {
        return locate(path, { last: false }).found !== undefined;
      } catch {
        return false;
      }
    },
    list(path) {
      const { inode } = spot(path);
      if (!isFolder(inode)) throw new Failure("ENOTDIR");
      return [...inode.children].map(([name, { type }]) => ({ name, type })).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    mount(mount) {
      mounts.push(mount);
      if (mount.on) mount.on.covered++;
    },
    detach(mount) {
      mounts.splice(mounts.indexOf(mount), 1);
      if (mount.on) mount.on.covered--;
    },
    isMountPoint: (path) => mounts.some(({ point }) => point === path),
    status: ({ mount, inode }) => ({
      type: inode.type,
      mode: inode.mode,
      uid: inode.uid,
      gid: inode.gid,
      size: inode.type === "dir" ? 0 : sizeOf(inode),
      device: mount.system.device,
      inode: inode.number,
      links: inode.links,
      modified: inode.modified,
      ...(inode.node === undefined ? {} : { node: inode.node }),
    }),
  };
}
