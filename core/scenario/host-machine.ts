import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { deviceFolder, deviceNumber, partsOf } from "../generator/device-layers.js";
import { readHostDevices } from "../generator/host-devices.js";
import { createHostFiles } from "../generator/host-files.js";
import { mountAt, readMounts } from "../generator/host-mounts.js";
import { udevProperty } from "../generator/layer-identity.js";
import type { DiskPart, FilesPart, FolderPart, MachineFile, PartitionPart } from "../schema/machine.js";
import { parameterOf } from "./assumed-machine.js";
import { type BlockFolder, layersOn } from "./host-layers.js";
import { partitionName } from "./machine-parts.js";

/** This host, as a machine to rehearse on. */
export interface HostMachine {
  machine: MachineFile;
  /** What is not to be seen, a sentence each. */
  unseen: string[];
  /** What cannot be known, and is taken to be so, a sentence each. */
  assumed: string[];
}

/** Never a root, or none that a boot reaches by itself: RAM, floppies, drives for media. */
const neverDescribed = /^(loop|ram|zram|fd|sr|nbd)\d/;
/** A boot makes them of others. */
const madeOfOthers = /^(dm-|md)/;
/** Udev's names of what libblkid calls so. */
const tagsOfUdev: Readonly<Record<string, string>> = {
  TYPE: "ID_FS_TYPE",
  USAGE: "ID_FS_USAGE",
  UUID: "ID_FS_UUID",
  UUID_SUB: "ID_FS_UUID_SUB",
  LABEL: "ID_FS_LABEL_ENC",
  PTTYPE: "ID_PART_TABLE_TYPE",
  PART_ENTRY_UUID: "ID_PART_ENTRY_UUID",
  PART_ENTRY_NAME: "ID_PART_ENTRY_NAME",
};
const programTimeLimit = 10_000;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/**
 * What /sys, /proc, udev's database and, for root, blkid tell of this host; `below`: where these are. The file system at / has its init, and what
 * init= names; those on other devices have no files.
 */
export function readHostMachine(below = "/", init?: string): HostMachine {
  const root = realpathSync(below);
  const { hardware, layers: needed, unseen: unseenDevices } = readHostDevices(root);
  const unseen = hardware ? [] : [...unseenDevices];
  const top = folderOfRoot(root);
  const files = rootFiles(root, init);
  const known = { tops: top === undefined ? [] : partsOf(root, top), files, unseen };
  const hard = blockDevices(root)
    .filter(({ name, folder }) => !madeOfOthers.test(name) && read(join(folder, "partition")) === undefined)
    .map(({ name, folder }) => diskOf(root, name, folder, known));
  const layers = layersOn(root, blockDevices(root), hard.flatMap(namesOf)).map(
    ({ name, folder, part }): DiskPart => ({ name, ...partOf(root, name, folder, known), ...part }),
  );
  const disks = [...hard, ...layers];
  for (const { device } of needed)
    if (!layers.some(({ name }) => name === device))
      unseen.push(`how /dev/${device} is made of the disks that are to be seen`);
  const virtiofs = foldersOf(root, files);
  if (!disks.length && !virtiofs.length) unseen.push("no disk is to be seen in /sys/class/block");
  const isSeen = disks.some((disk) => [disk, ...(disk.partitions ?? [])].some(({ files }) => files));
  if (disks.length && !isSeen && !virtiofs.length)
    unseen.push(
      "the file system at / is on none of its disks and partitions: what lies between them has to be described",
    );
  const containers = disks.filter(({ luks }) => luks);
  const onTheWay = new Set([...disks, ...virtiofs].flatMap(({ behind = [] }) => behind));
  const memory = /^MemTotal: *(\d+) kB/m.exec(read(join(root, "proc/meminfo")) ?? "")?.[1];
  return {
    machine: {
      disks,
      ...(virtiofs.length ? { virtiofs } : {}),
      modaliases: (hardware?.modaliases ?? []).filter((alias) => !onTheWay.has(alias)),
      ...(memory === undefined ? {} : { memory: `${memory}K` }),
      nodes: nodesOf(root),
      kernel: { mountOptions: takenOptions(root) },
      ...(containers.length ? { console: containers.map(() => ({ line: "the passphrase" })) } : {}),
    },
    unseen,
    assumed: containers.map(
      ({ luks }) =>
        `whoever is asked for the passphrase of the LUKS container ${luks?.uuid} knows it, and its keys fit`,
    ),
  };
}

const namesOf = ({ name, partitions = [] }: DiskPart) => [
  name,
  ...partitions.map((_, index) => partitionName(name, index + 1)),
];

/** NUMA nodes up to the last one with memory: "0,2-3" are four. */
const nodesOf = (root: string): number =>
  Number(/(\d+)$/.exec(read(join(root, "sys/devices/system/node/has_memory")) ?? "")?.[1] ?? 0) + 1;

/** Names of the options that the kernel has mounted the root with when this host was booted. */
function takenOptions(root: string): string[] {
  const options = parameterOf(read(join(root, "proc/cmdline")) ?? "", "rootflags")?.split(",") ?? [];
  return options.map((option) => option.replace(/=.*/s, "")).filter(Boolean);
}

/** The folder of another host that is mounted at /, by virtiofs; sysfs does not tell which device offers which tag, but all are alike. */
function foldersOf(root: string, files: FilesPart): FolderPart[] {
  const mount = mountAt(readMounts(root), "/");
  if (mount?.type !== "virtiofs") return [];
  const driver = join(root, "sys/bus/virtio/drivers/virtiofs");
  const device = existsSync(driver) && readdirSync(driver).find((name) => name.startsWith("virtio"));
  // From the device itself on.
  const behind = device ? modaliasesAbove(root, join(realpathSync(join(driver, device)), "virtiofs")) : [];
  return [{ tag: mount.source, ...(behind.length ? { behind } : {}), files }];
}

function blockDevices(root: string): BlockFolder[] {
  const folder = join(root, "sys/class/block");
  try {
    return readdirSync(folder)
      .filter((name) => !neverDescribed.test(name))
      .sort()
      .map((name) => ({ name, folder: realpathSync(join(folder, name)) }));
  } catch {
    return [];
  }
}

/** Where sysfs has the device that the file system at / is on. */
function folderOfRoot(root: string): string | undefined {
  const { dev } = statSync(root);
  // gnu_dev_major(3) for numbers of 32 bits.
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  // btrfs gives its files a number of no device.
  const mount = mountAt(readMounts(root), "/");
  return deviceFolder(root, `${major}:${minor}`) ?? (mount && deviceFolder(root, deviceNumber(root, mount)));
}

/** What is known of the file systems on disks. */
interface Known {
  /** Folders of the devices that are mounted at /. */
  tops: readonly string[];
  /** What is on that. */
  files: FilesPart;
  unseen: string[];
}

function diskOf(root: string, name: string, folder: string, known: Known): DiskPart {
  const behind = modaliasesAbove(root, folder);
  const parts = blockDevices(root)
    .filter((each) => dirname(each.folder) === folder && read(join(each.folder, "partition")) !== undefined)
    .sort((a, b) => Number(read(join(a.folder, "partition"))) - Number(read(join(b.folder, "partition"))));
  return {
    name,
    ...partOf(root, name, folder, known),
    ...(behind.length ? { behind } : {}),
    ...(read(join(folder, "ro")) === "1" ? { readOnly: true } : {}),
    ...(parts.length ? { partitions: parts.map((part) => partOf(root, part.name, part.folder, known)) } : {}),
  };
}

/**
 * Of the devices on the way to one that have a loaded driver, the outermost first: bridges and the like have one that is built in, which need
 * not say what it answers, or none.
 */
function modaliasesAbove(root: string, folder: string): string[] {
  const found: string[] = [];
  for (let at = dirname(folder); at.startsWith(join(root, "sys/devices/")); at = dirname(at)) {
    const modalias = read(join(at, "modalias"));
    if (modalias && existsSync(join(at, "driver/module/initstate"))) found.unshift(modalias);
  }
  return found;
}

function partOf(root: string, name: string, folder: string, { tops, files, unseen }: Known): PartitionPart {
  const tags = tagsOf(root, name, folder);
  if (!tags)
    unseen.push(
      `what is on /dev/${name}: udev tells nothing of it${process.getuid?.() === 0 ? ", nor can blkid read it" : ", and only root may ask blkid"}`,
    );
  return {
    size: Number(read(join(folder, "size")) ?? 0) * 512,
    ...(tags && { tags }),
    ...(tops.includes(folder) ? { files } : {}),
  };
}

/** undefined: nobody tells; without any there is nothing on the device. */
function tagsOf(root: string, name: string, folder: string): Record<string, string> | undefined {
  const number = read(join(folder, "dev")) ?? "";
  const known = Object.entries(tagsOfUdev).flatMap(([tag, property]) => {
    const value = udevProperty(root, number, property);
    return value === undefined ? [] : [[tag, decoded(value)] as const];
  });
  if (known.length) return Object.fromEntries(known);
  return root === "/" ? probed(name) : undefined;
}

/** Udev writes blanks and the like as \\x20. */
function decoded(text: string): string {
  const bytes = text.replaceAll(/\\x([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return bytes === text ? text : Buffer.from(bytes, "latin1").toString();
}

function probed(name: string): Record<string, string> | undefined {
  const path = `/dev/${name}`;
  try {
    closeSync(openSync(path, "r"));
  } catch {
    return undefined;
  }
  const { status, stdout } = spawnSync("blkid", ["-p", "-o", "export", path], {
    encoding: "utf8",
    timeout: programTimeLimit,
  });
  // 2: there is nothing on it.
  if (status !== 0 && status !== 2) return undefined;
  const lines = stdout.split("\n").flatMap((line) => {
    const [, tag, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    return tag === undefined || value === undefined || tag === "DEVNAME" ? [] : [[tag, value] as const];
  });
  return Object.fromEntries(lines);
}

const usualInits = ["/sbin/init", "/etc/init", "/bin/init"];

/** What a boot looks for in a root: its init, with the links to it, what runs one that is a script, and the mount points. */
function rootFiles(root: string, init: string | undefined): FilesPart {
  const host = createHostFiles(root);
  const files: FilesPart = { "dev/": "", "proc/": "", "run/": "", "sys/": "", "tmp/": "" };
  const add = (path: string, mostInterpreters = 4) => {
    const found = host.resolve(path);
    for (const { path: link, target } of found?.links ?? []) files[link.slice(1)] = { link: target };
    if (!found?.stats.isFile()) return;
    const source = host.outside(found.path);
    files[found.path.slice(1)] = { from: source };
    const interpreter = /^#!\s*(\S+)/.exec(read(source) ?? "")?.[1];
    if (interpreter !== undefined && mostInterpreters) add(interpreter, mostInterpreters - 1);
  };
  for (const path of init === undefined ? usualInits : [init]) add(path);
  return files;
}
