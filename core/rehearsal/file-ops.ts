import type { InstantName, InstantOps } from "../abi/index.js";
import { deviceRead, deviceWrite } from "./device-nodes.js";
import { Failure } from "./failure.js";
import type { Mount, Place, Spot } from "./file-space.js";
import { createInode, dataOf, type Inode, isFolder, release, setData } from "./file-tree.js";
import type { World } from "./world.js";

type FileOp =
  | "read"
  | "write"
  | "list"
  | "stat"
  | "readLink"
  | "makeDir"
  | "symlink"
  | "makeNode"
  | "rename"
  | "remove"
  | "chmod"
  | "chown";

const readLimit = 1 << 20;

/** Instant ops work in memory only. Throws Failure. */
function inMemory({ system }: Mount): void {
  if (system.disk) throw new Failure("EXDEV");
}

/** May something be changed there? */
function writable(mount: Mount): void {
  if (mount.system.readOnly || mount.flags.has("ro")) throw new Failure("EROFS");
}

/** The place of a name, whose folder lies in memory. What is behind a slash at the end does not count. */
function placeOf(world: World, path: string): Place {
  const place = world.files.locate(path.replace(/(?<=.)\/+$/, ""), { last: false });
  inMemory(place.folder.mount);
  return place;
}

/** A new file there. Throws Failure. */
function create(world: World, place: Place, type: Inode["type"], mode: number): Inode {
  const { folder, name, found } = place;
  if (found) throw new Failure("EEXIST");
  writable(folder.mount);
  const { system } = folder.mount;
  // What the kernel makes up takes no files of others.
  if (system.type === "proc" || system.type === "sysfs") throw new Failure(system.type === "proc" ? "ENOENT" : "EPERM");
  const inode = createInode(system, type, mode, world.realtime());
  folder.inode.children?.set(name, inode);
  return inode;
}

function unlink({ folder, name, found }: Place): void {
  if (!found) throw new Failure("ENOENT");
  if (found.mount !== folder.mount || found.inode.covered) throw new Failure("EBUSY");
  writable(folder.mount);
  if (isFolder(found.inode) && found.inode.children.size) throw new Failure("ENOTEMPTY");
  folder.inode.children?.delete(name);
  release(folder.mount.system, found.inode);
}

/** What open(2) says of a file in the way. Throws Failure. */
function openable({ mount, inode }: Spot): void {
  if ((inode.type === "char" || inode.type === "block") && mount.flags.has("nodev")) throw new Failure("EACCES");
  if (inode.type === "socket") throw new Failure("ENXIO");
}

function read(world: World, { path, limit = readLimit }: InstantOps["read"][0]): string {
  const spot = world.files.spot(path);
  openable(spot);
  const { inode, mount } = spot;
  const contents = inode.type === "char" || inode.type === "block" ? deviceRead(world, inode) : undefined;
  inMemory(mount);
  if (isFolder(inode)) throw new Failure("EISDIR");
  const data = contents ?? (inode.read ? inode.read() : dataOf(inode));
  if (data.length > limit || (inode.size ?? 0) > limit) throw new Failure("EFBIG");
  return data;
}

/** Throws Failure. */
export function write(world: World, { path, data, mode, append }: InstantOps["write"][0]): void {
  const place = world.files.locate(path);
  if (mode !== undefined) inMemory(place.folder.mount);
  if (!place.found && mode === undefined) throw new Failure("ENOENT");
  if (place.found?.inode.type === "dir") throw new Failure("EISDIR");
  if (!place.found && path.endsWith("/")) throw new Failure("EISDIR");
  const spot = place.found ?? { mount: place.folder.mount, inode: create(world, place, "file", mode ?? 0) };
  openable(spot);
  const { inode } = spot;
  if (inode.type !== "file") writeNode(world, spot, data);
  else if (inode.write) inode.write(data);
  else if (inode.read) throw new Failure("EIO");
  else writeFile(world, spot, { data, mode, append });
}

function writeFile(
  world: World,
  { mount, inode }: Spot,
  { data, mode, append }: { data: string; mode: number | undefined; append: boolean | undefined },
): void {
  writable(mount);
  inMemory(mount);
  const old = dataOf(inode);
  inode.modified = world.realtime();
  if (append) setData(mount.system, inode, old + data);
  else setData(mount.system, inode, mode === undefined ? data + old.slice(data.length) : data);
}

function writeNode(world: World, { mount, inode }: Spot, data: string): void {
  inMemory(mount);
  if (inode.type === "fifo") throw new Failure("ENXIO");
  deviceWrite(world, inode, data);
}

function makeDir(world: World, path: string, mode: number, parents: boolean): void {
  const names = path.replace(/\/+$/, "").split("/");
  if (parents)
    for (let depth = 2; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join("/");
      const place = world.files.locate(folder);
      if (place.found) continue;
      inMemory(place.folder.mount);
      create(world, place, "dir", 0o755);
    }
  const place = placeOf(world, path);
  if (place.found && parents && isFolder(world.files.find(path))) return;
  create(world, place, "dir", mode);
}

function symlink(world: World, { path, target, replace }: InstantOps["symlink"][0]): void {
  const place = placeOf(world, path);
  const givesWay = replace && place.found && !isFolder(place.found.inode);
  if (givesWay) unlink(place);
  create(world, givesWay ? { ...place, found: undefined } : place, "symlink", 0o777).target = target;
}

function rename(world: World, { from, to }: InstantOps["rename"][0]): void {
  const old = placeOf(world, from);
  const place = placeOf(world, to);
  if (old.folder.mount !== place.folder.mount) throw new Failure("EXDEV");
  if (!old.found) throw new Failure("ENOENT");
  if (old.found.mount !== old.folder.mount || old.found.inode.covered || place.found?.inode.covered)
    throw new Failure("EBUSY");
  writable(old.folder.mount);
  if (`${place.path}/`.startsWith(`${old.path}/`) && place.path !== old.path) throw new Failure("EINVAL");
  if (place.found) {
    if (place.found.inode === old.found.inode) return;
    if (isFolder(place.found.inode) && !isFolder(old.found.inode)) throw new Failure("EISDIR");
    if (!isFolder(place.found.inode) && isFolder(old.found.inode)) throw new Failure("ENOTDIR");
    unlink(place);
  }
  old.folder.inode.children?.delete(old.name);
  place.folder.inode.children?.set(place.name, old.found.inode);
}

/** The file at a path, which lies in memory and may be changed. */
function changeable(world: World, path: string, last = true): Inode {
  const { mount, inode } = world.files.spot(path, { last });
  inMemory(mount);
  writable(mount);
  return inode;
}

const nothing = (action: () => void): Record<string, never> => {
  action();
  return {};
};

/** The instant ops on files. */
export const fileOps: { [Name in FileOp & InstantName]: (world: World, request: InstantOps[Name][0]) => unknown } = {
  read: (world, request) => ({ data: read(world, request) }),
  write: (world, request) => nothing(() => write(world, request)),
  list: ({ files }, { path }) => {
    const { mount } = files.spot(path);
    const entries = files.list(path);
    inMemory(mount);
    return { entries };
  },
  stat: ({ files }, { path, follow }) => {
    const spot = files.spot(path, { last: follow !== false });
    inMemory(spot.mount);
    return files.status(spot);
  },
  readLink: (world, { path }) => {
    const { found } = placeOf(world, path);
    if (!found) throw new Failure("ENOENT");
    if (found.inode.type !== "symlink") throw new Failure("EINVAL");
    return { target: found.inode.target ?? "" };
  },
  makeDir: (world, { path, mode = 0o755, parents = false }) => nothing(() => makeDir(world, path, mode, parents)),
  symlink: (world, request) => nothing(() => symlink(world, request)),
  makeNode: (world, { path, type, mode, major = 0, minor = 0 }) =>
    nothing(() => {
      const inode = create(world, placeOf(world, path), type, mode);
      if (type !== "fifo") inode.node = `${major}:${minor}`;
    }),
  rename: (world, request) => nothing(() => rename(world, request)),
  remove: (world, { path }) => nothing(() => unlink(placeOf(world, path))),
  chmod: (world, { path, mode }) =>
    nothing(() => {
      changeable(world, path).mode = mode;
    }),
  chown: (world, { path, uid, gid }) => nothing(() => void Object.assign(changeable(world, path, false), { uid, gid })),
};

/** Deletes a tree, not crossing into another mount, and counts what has gone. Throws Failure EBUSY in the end where one is in the way. */
export function removeTree(world: World, path: string): number {
  const place = world.files.locate(path, { last: false });
  if (!place.found) throw new Failure("ENOENT");
  let removed = 0;
  let busy = false;
  const removeBelow = ({ mount, inode }: Spot): void => {
    for (const [name, child] of [...(inode.children ?? [])]) {
      const covered = child.covered > 0;
      if (!covered && isFolder(child)) removeBelow({ mount, inode: child });
      if (covered || (isFolder(child) && child.children.size)) {
        busy = true;
        continue;
      }
      inode.children?.delete(name);
      release(mount.system, child);
      removed++;
    }
  };
  writable(place.folder.mount);
  if (place.found.mount === place.folder.mount) removeBelow(place.found);
  if (busy) throw new Failure("EBUSY");
  unlink(place);
  return removed + 1;
}
