import type { JobOps } from "../abi/index.js";
import { checkBtrfs } from "./btrfs-model.js";
import { deviceAt } from "./devices.js";
import { Failure } from "./failure.js";
import type { Mount } from "./file-space.js";
import { addFiles, createFileSystem, type FileSystem, isFolder, sizeOf } from "./file-tree.js";
import { fill, isMemoryType, kernelKnows } from "./kernel-files.js";
import { propagationFlags, shownFlags } from "./mount-flags.js";
import { checkOptions, configure } from "./mount-options.js";
import { type JobModels, soon, type World } from "./world.js";

type MountRequest = JobOps["mount"][0];

/** The file system on a device. Throws Failure. */
function diskSystem(world: World, { source, type, flags, data }: MountRequest): FileSystem {
  checkOptions(world, type, data);
  const device = world.devices.at(source);
  if (device.sectors === 0) throw new Failure("ENOMEDIUM");
  if (device.tags.TYPE !== type) throw new Failure("EINVAL");
  if (device.readOnly && !flags.includes("ro")) throw new Failure("EACCES");
  if (type === "btrfs") checkBtrfs(world, device, data);
  const known = world.devices.systems.get(device.number);
  if (known) return known;
  const system = createFileSystem(type, device.number, world.realtime());
  addFiles(system, system.root, device.files ?? {}, world.realtime());
  system.disk = true;
  world.devices.systems.set(device.number, system);
  return system;
}

/** All that is in its lower folder, and writable. Throws Failure: an option is missing, or one of its folders. */
function overlay(world: World, data: string): FileSystem {
  const options = new Map(data.split(",").map((option) => option.split("=", 2) as [string, string]));
  const [lower, upper, work] = ["lowerdir", "upperdir", "workdir"].map((name) => options.get(name));
  if (lower === undefined || upper === undefined || work === undefined) throw new Failure("EINVAL", data);
  // The uppermost one comes first; what is in those below it is not shown here.
  const [first = "", ...others] = lower.split(":");
  for (const path of [first, ...others, upper, work])
    if (!isFolder(world.files.find(path))) throw new Failure("ENOTDIR", path);
  return Object.assign(world.newSystem("overlay"), { root: world.files.find(first), disk: true });
}

function systemFor(world: World, request: MountRequest): FileSystem {
  const { type, data } = request;
  if (!kernelKnows(world, type)) throw new Failure("ENODEV");
  if (type === "virtiofs") return world.folders.system(request.source, data);
  if (type === "overlay") return overlay(world, data);
  if (!isMemoryType(type)) return diskSystem(world, request);
  const system = world.newSystem(type);
  if (["tmpfs", "ramfs", "devtmpfs", "devpts", "proc"].includes(type)) configure(world, system, data);
  // There is one devtmpfs, and one sysfs, however often they are mounted.
  const same = world.files.mounts.find((mount) => mount.system.type === type)?.system;
  if (same && ["devtmpfs", "sysfs", "efivarfs", "cgroup2", "securityfs", "debugfs"].includes(type)) return same;
  fill(world, system);
  return system;
}

/** The mount whose top a path leads to. Throws Failure EINVAL. */
function mountAt(world: World, path: string): Mount {
  const { mount, inode } = world.files.spot(path);
  if (inode !== mount.root) throw new Failure("EINVAL", "not a mount point");
  return mount;
}

function attach(world: World, target: string, part: Omit<Mount, "point" | "parent" | "on">): Mount {
  const place = world.files.locate(target);
  if (!place.found) throw new Failure("ENOENT");
  if (isFolder(place.found.inode) !== isFolder(part.root)) throw new Failure("ENOTDIR");
  const mount = { ...part, point: place.path, parent: place.found.mount, on: place.found.inode };
  world.files.mount(mount);
  return mount;
}

const below = (world: World, top: Mount): Mount[] =>
  world.files.mounts.filter((mount) => mount.parent === top).flatMap((mount) => [mount, ...below(world, mount)]);

function bind(world: World, { source, target, flags }: MountRequest): void {
  const from = world.files.spot(source);
  const { system } = from.mount;
  const shown = new Set([...from.mount.flags, ...shownFlags(flags)]);
  // Before it is there: a bind to a place below itself does not hold itself.
  const others = flags.includes("rbind") ? below(world, from.mount) : [];
  const top = attach(world, target, { system, root: from.inode, source: from.mount.source, flags: shown });
  const place = world.files.locate(source).path;
  for (const { point, system: each, root, source: name, flags: had } of others)
    if (point.startsWith(`${place === "/" ? "" : place}/`))
      attach(world, top.point + point.slice(place === "/" ? 0 : place.length), {
        system: each,
        root,
        source: name,
        flags: had,
      });
}

/** mount(2), and what the op `mount` adds to it. Throws Failure. */
export function mount(world: World, request: MountRequest): void {
  const { source, target, type, flags } = request;
  const { inode } = world.files.spot(target);
  if (flags.length && flags.every((flag) => propagationFlags.includes(flag))) mountAt(world, target);
  else if (flags.includes("remount")) remount(world, request);
  else if (flags.includes("bind") || flags.includes("rbind")) bind(world, request);
  else if (!isFolder(inode)) throw new Failure("ENOTDIR");
  else {
    const system = systemFor(world, request);
    attach(world, target, { system, root: system.root, source: source || type, flags: shownFlags(flags) });
  }
}

function remount(world: World, { target, flags, data }: MountRequest): void {
  const at = mountAt(world, target);
  const shown = shownFlags(flags);
  if (!flags.includes("bind")) {
    if (["tmpfs", "devtmpfs"].includes(at.system.type)) configure(world, at.system, data);
    const device = world.devices.byNumber(at.system.device);
    if (device?.readOnly && !shown.has("ro")) throw new Failure("EACCES");
    for (const other of world.files.mounts.filter(({ system }) => system === at.system))
      other.flags = new Set([...(other === at ? shown : other.flags)].filter((flag) => other === at || flag !== "ro"));
  }
  at.flags = shown;
}

function unmount(world: World, { target, lazy = false }: JobOps["unmount"][0]): void {
  const at = mountAt(world, target);
  if (!at.parent) throw new Failure("EINVAL");
  const above = below(world, at);
  if (!lazy && (above.length || world.programs.holds(at))) throw new Failure("EBUSY");
  for (const mount of [...above.reverse(), at]) world.files.detach(mount);
}

function move(world: World, { from, to }: JobOps["move"][0]): void {
  const at = world.files.spot(from);
  const place = world.files.locate(to);
  if (!place.found) throw new Failure("ENOENT");
  if (at.inode !== at.mount.root || !at.mount.parent) throw new Failure("EINVAL");
  if (isFolder(at.inode) !== isFolder(place.found.inode)) throw new Failure("ENOTDIR");
  if ([at.mount, ...below(world, at.mount)].includes(place.found.mount)) throw new Failure("ELOOP");
  const old = at.mount.point;
  const above = below(world, at.mount);
  world.files.detach(at.mount);
  for (const one of above) one.point = place.path + one.point.slice(old.length);
  Object.assign(at.mount, { point: place.path, parent: place.found.mount, on: place.found.inode });
  world.files.mount(at.mount);
}

/** The first free loop device, which now holds the file. Throws Failure. */
function attachLoop(world: World, { file, readOnly, offset = 0 }: JobOps["loopAttach"][0]): string {
  const { inode } = world.files.spot(file);
  if (isFolder(inode)) throw new Failure(readOnly ? "EINVAL" : "EISDIR", file);
  if (!world.files.has("/dev/loop-control")) throw new Failure("ENODEV", "/dev/loop-control");
  let number = 0;
  while (world.devices.byNumber(`7:${number}`)?.sectors) number++;
  const name = `loop${number}`;
  const volume = offset === 0 ? inode.volume : undefined;
  const size = sizeOf(inode);
  const device = {
    name,
    number: `7:${number}`,
    devpath: `virtual/block/${name}`,
    tags: volume?.tags ?? {},
    files: volume?.files ?? {},
    sectors: Math.max(0, Math.floor((size - offset) / 512)),
    readOnly,
  };
  const empty = world.devices.byNumber(device.number);
  if (empty) world.devices.replace(empty, device);
  else world.devices.arrive(device);
  return `/dev/${name}`;
}

function detachLoop(world: World, path: string): void {
  const { type, node = "" } = world.files.find(path);
  const device = deviceAt(world, path);
  if (type !== "block" || !node.startsWith("7:") || !device?.sectors) throw new Failure("ENXIO");
  if (world.files.mounts.some(({ system }) => system.device === device.number)) throw new Failure("EBUSY");
  world.devices.replace(device, { tags: {}, files: {}, sectors: 0 });
}

const nothing = (action: () => void) =>
  soon(() => {
    action();
    return {};
  });

/** As PID 1 tells it (core/init/rescue.c): all but what the boot code itself needs, and the file systems of the kernel. */
export function unmountNewRoot({ files }: World): void {
  const isSupport = ({ parent, system: { type }, flags }: Mount) =>
    !parent || (type === "tmpfs" ? flags.has("nosuid") && flags.has("nodev") : isMemoryType(type) && type !== "ramfs");
  for (const mount of [...files.mounts].reverse()) if (!isSupport(mount)) files.detach(mount);
}

/** Jobs on mounts. */
export const mountJobs: JobModels<"mount" | "unmount" | "move" | "loopAttach" | "loopDetach"> = {
  mount: (world, request) => ({
    ...nothing(() => mount(world, request)),
    lasts: deviceAt(world, request.source)?.mountLasts ?? 1,
  }),
  unmount: (world, request) => nothing(() => unmount(world, request)),
  move: (world, request) => nothing(() => move(world, request)),
  loopAttach: (world, request) => soon(() => ({ device: attachLoop(world, request) })),
  loopDetach: (world, { device }) => nothing(() => detachLoop(world, device)),
};
