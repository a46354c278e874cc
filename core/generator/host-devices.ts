import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { HostLayer } from "../../hooks/module-setup.js";
import { deviceFolder, deviceNumber, driversOf, layersOf, losesContent, partsOf } from "./device-layers.js";
import { type HostMount, linesIfThere, mountAt, readFstab, readMounts, readSwaps } from "./host-mounts.js";
import { type HostRoot, mountedRoot, rootOfFstab } from "./host-root.js";
import { udevProperty } from "./layer-identity.js";
import { BuildError } from "./problems.js";

/** What a host-only image is made for. */
export interface HostDevices {
  /** undefined: it is not to be seen, so that the image has to boot any. */
  hardware: HostHardware | undefined;
  /** Types of the file systems at / and /usr, of those that fstab has mounted as early, and on devices that were added. None: they are not to be seen. */
  fileSystems: string[];
  /** What these and swap lie on besides disks and partitions. */
  layers: HostLayer[];
  /** undefined: it is on no block device. */
  root: HostRoot | undefined;
  /** Names of the drivers that devices need which were added. */
  added: string[];
  /** What is not to be seen, and what the image has instead: a sentence each. */
  unseen: string[];
}

export interface HostHardware {
  /** Of all devices, sorted, without duplicates. */
  modaliases: string[];
  /** Names of loaded drivers. */
  loaded: string[];
}

const allDrivers = "the image has the drivers for any machine";
const allFileSystems = "the image has the drivers of all local file systems";

/**
 * What is to be known of this machine. `root`: where /proc, /sys, /dev, /run and /etc are; `useFstab`: fstab counts, not what is mounted;
 * `addDevices`: names of devices that the boot is to reach, too. Throws BuildError for what was asked for and is not there.
 */
export function readHostDevices(
  root = "/",
  { useFstab = false, addDevices = [] }: { useFstab?: boolean; addDevices?: readonly string[] } = {},
): HostDevices {
  const unseen: string[] = [];
  const hardware = readHardware(root, unseen);
  const mounts = readMounts(root);
  const fstab = readFstab(root);
  const swaps = [...readSwaps(root), ...fstab.filter(({ type }) => type === "swap")];
  const mounted = useFstab ? undefined : seenRoot(mounts);
  const entry = mountAt(fstab, "/");
  if (useFstab && !entry)
    throw new BuildError(`${join(root, "etc/fstab")} has no line for /: add it, or leave --fstab (use_fstab) out`);
  const top = mounted ?? entry;
  if (!mounted && !useFstab)
    unseen.push(
      `${whyNoRoot(mountAt(mounts, "/"))}: ${entry ? "the root is that of /etc/fstab" : `/etc/fstab has none either, and ${allFileSystems}`}`,
    );
  const usr = (useFstab ? undefined : mountAt(mounts, "/usr")) ?? mountAt(fstab, "/usr");
  const added = addDevices.map((name) => addDevice(root, name, mounts));
  const systems = [...(top ? [top] : []), ...(usr ? [usr] : []), ...fstab.filter(isEarly)];
  for (const { point } of systems.filter(isAnyType))
    unseen.push(`fstab does not tell the type of the file system at ${point}: ${allFileSystems}`);
  return {
    hardware,
    fileSystems: top ? typesOf([...systems, ...added]) : [],
    layers: layersBelow(root, [...systems, ...swaps, ...added], unseen),
    root: mounted ? mountedRoot(mounted, root) : entry && rootOfFstab(entry),
    added: added.flatMap(({ folder }) => driversOf(folder)),
    unseen: [...new Set(unseen)],
  };
}

/** The same for a system below `sysroot`, which runs on another machine: only its fstab tells of that. */
export function readOtherHost(sysroot: string, addDevices: readonly string[]): HostDevices {
  const [device] = addDevices;
  if (device !== undefined)
    throw new BuildError(
      `--add-device ${device}: the devices of the system below ${sysroot} are not to be seen here: name drivers with --add-drivers`,
    );
  const path = join(sysroot, "etc/fstab");
  const fstab = readFstab(sysroot);
  const systems = [...["/", "/usr"].flatMap((point) => mountAt(fstab, point) ?? []), ...fstab.filter(isEarly)];
  const root = mountAt(fstab, "/");
  const which = !root
    ? `${path} has no line for /, so those of all local file systems`
    : systems.some(isAnyType)
      ? `${path} has the type auto for / or /usr, so those of all local file systems`
      : `those of the file systems in ${path}`;
  return {
    hardware: undefined,
    fileSystems: root ? typesOf(systems) : [],
    layers: [],
    root: root && rootOfFstab(root),
    added: [],
    unseen: [`the machine of the system below ${sysroot} is not to be seen here: ${allDrivers}, and ${which}`],
  };
}

/** Mounted before the switch of root, as / and /usr are; folders that are bound have no type. */
const isEarly = ({ point, options, type }: HostMount) =>
  !["/", "/usr"].includes(point) && type !== "none" && options.split(",").includes("x-initrd.mount");

const isAnyType = ({ type }: HostMount) => type === "auto";

/** Types of file systems, of which fstab(5) may name several for one. None: one of them may be any. */
function typesOf(systems: readonly HostMount[]): string[] {
  if (systems.some(isAnyType)) return [];
  return [...new Set(systems.flatMap(({ type }) => type.split(",")))].filter(Boolean).sort();
}

/** Layers of file systems that show nothing of the file system below, which a container's root is made of. */
export const coverTypes = /^(overlay|aufs|rootfs|ramfs|fuse\..*)$/;

/** What is mounted at /, if that tells what a boot has to mount. */
function seenRoot(mounts: readonly HostMount[]): HostMount | undefined {
  const mount = mountAt(mounts, "/");
  return mount && !coverTypes.test(mount.type) ? mount : undefined;
}

const whyNoRoot = (mount: HostMount | undefined) =>
  mount
    ? `what is mounted at / is ${mount.type}, as in a container, which tells of no root`
    : "it is not to be seen what is mounted at / (in a chroot, or without /proc)";

function readHardware(root: string, unseen: string[]): HostHardware | undefined {
  const modaliases = new Set<string>();
  collectModaliases(join(root, "sys/devices"), modaliases);
  if (!modaliases.size) {
    unseen.push(`no device in ${join(root, "sys/devices")} has a modalias (is /sys mounted?): ${allDrivers}`);
    return undefined;
  }
  // A kernel that cannot load drivers lacks this file (CONFIG_MODULES).
  const loaded = linesIfThere(join(root, "proc/modules")).map((line) => line.split(" ", 1)[0] ?? "");
  return { modaliases: [...modaliases].sort(), loaded };
}

/** Each layer once, with all that lies on it; those on top first. */
function layersBelow(root: string, mounts: readonly HostMount[], unseen: string[]): HostLayer[] {
  const found = new Map<string, HostLayer>();
  for (const mount of mounts)
    for (const folder of foldersBelow(root, mount, unseen))
      for (const layer of layersOf(root, folder)) {
        const points = new Set([...(found.get(layer.device)?.points ?? []), mount.point]);
        found.set(layer.device, { ...layer, points: [...points] });
      }
  return [...found.values()];
}

/** Folders in sysfs of the devices that it is on. None: they are not to be seen, or do not keep what is on them. */
function foldersBelow(root: string, mount: HostMount, unseen: string[]): string[] {
  const number = deviceNumber(root, mount);
  const folder = deviceFolder(root, number);
  if (folder === undefined && number !== "none")
    unseen.push(
      `what ${mount.source} (${mount.point}) lies on is not to be seen: there is no /sys/dev/block/${number}`,
    );
  if (folder === undefined || (mount.type === "swap" && losesContent(folder))) return [];
  return partsOf(root, folder);
}

/** A device that --add-device names; its type is "" where nobody knows it. */
function addDevice(root: string, name: string, mounts: readonly HostMount[]): HostMount & { folder: string } {
  const number = deviceNumber(root, { source: name });
  const folder = deviceFolder(root, number);
  if (folder === undefined)
    throw new BuildError(
      `--add-device ${name}: there is no such block device here: name its drivers with --add-drivers`,
    );
  const mounted = mounts.find((mount) => deviceNumber(root, mount) === number);
  const type = udevProperty(root, number, "ID_FS_TYPE") ?? mounted?.type ?? "";
  return { point: name, type, source: name, options: "", folder };
}

/** Walks the tree of devices; links in it lead to devices that are walked anyway. */
function collectModaliases(folder: string, found: Set<string>): void {
  for (const entry of unlessGone(() => readdirSync(folder, { withFileTypes: true }))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) collectModaliases(path, found);
    else if (entry.name === "modalias") for (const alias of unlessGone(() => linesIfThere(path))) found.add(alias);
  }
}

/** Devices come and go while we look. */
function unlessGone<Item>(read: () => Item[]): Item[] {
  try {
    return read();
  } catch {
    return [];
  }
}
