import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { udevProperty } from "../generator/device-layers.js";
import { readHostDevices } from "../generator/host-devices.js";
import { createHostFiles } from "../generator/host-files.js";
import type { DiskPart, FilesPart, MachineFile, PartitionPart } from "../schema/machine.js";

/** This host, as a machine to rehearse on. */
export interface HostMachine {
  machine: MachineFile;
  /** What is not to be seen, a sentence each. */
  unseen: string[];
}

/** Not there before a boot has made them, or never a root: RAM, floppies, drives for media. */
const notHardware = /^(loop|ram|zram|fd|sr|nbd|dm-|md)\d/;
/** Udev's names of what libblkid calls so. */
const tagsOfUdev: Readonly<Record<string, string>> = {
  TYPE: "ID_FS_TYPE",
  USAGE: "ID_FS_USAGE",
  UUID: "ID_FS_UUID",
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
 * What /sys, /proc, udev's database and, for root, blkid tell of this host; `below`: where these are. The file system at / has its init; those on
 * other devices have no files.
 */
export function readHostMachine(below = "/"): HostMachine {
  const root = realpathSync(below);
  const { hardware, unseen: unseenDevices } = readHostDevices(root);
  const unseen = hardware ? [] : [...unseenDevices];
  const top = folderOf(root, "/");
  const disks = blockDevices(root)
    .filter(({ folder }) => read(join(folder, "partition")) === undefined)
    .map(({ name, folder }) => diskOf(root, name, folder, top, unseen));
  if (!disks.length) unseen.push("no disk is to be seen in /sys/class/block");
  const isSeen = disks.some((disk) => [disk, ...(disk.partitions ?? [])].some(({ files }) => files));
  if (disks.length && !isSeen)
    unseen.push(
      "the file system at / is on none of its disks and partitions: what lies between them has to be described",
    );
  const onTheWay = new Set(disks.flatMap(({ behind = [] }) => behind));
  const memory = /^MemTotal: *(\d+) kB/m.exec(read(join(root, "proc/meminfo")) ?? "")?.[1];
  return {
    machine: {
      disks,
      modaliases: (hardware?.modaliases ?? []).filter((alias) => !onTheWay.has(alias)),
      ...(memory === undefined ? {} : { memory: `${memory}K` }),
    },
    unseen,
  };
}

interface BlockFolder {
  name: string;
  /** In /sys/devices. */
  folder: string;
}

function blockDevices(root: string): BlockFolder[] {
  const folder = join(root, "sys/class/block");
  try {
    return readdirSync(folder)
      .filter((name) => !notHardware.test(name))
      .sort()
      .map((name) => ({ name, folder: realpathSync(join(folder, name)) }));
  } catch {
    return [];
  }
}

/** Where sysfs has the device that a file system at a path is on. */
function folderOf(root: string, path: string): string | undefined {
  const { dev } = statSync(join(root, path));
  // gnu_dev_major(3) for numbers of 32 bits.
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  try {
    return realpathSync(join(root, `sys/dev/block/${major}:${minor}`));
  } catch {
    return undefined;
  }
}

function diskOf(root: string, name: string, folder: string, top: string | undefined, unseen: string[]): DiskPart {
  const behind = modaliasesAbove(root, folder);
  const parts = blockDevices(root)
    .filter((each) => dirname(each.folder) === folder && read(join(each.folder, "partition")) !== undefined)
    .sort((a, b) => Number(read(join(a.folder, "partition"))) - Number(read(join(b.folder, "partition"))));
  return {
    name,
    ...partOf(root, name, folder, top, unseen),
    ...(behind.length ? { behind } : {}),
    ...(read(join(folder, "ro")) === "1" ? { readOnly: true } : {}),
    ...(parts.length ? { partitions: parts.map((part) => partOf(root, part.name, part.folder, top, unseen)) } : {}),
  };
}

/** Of the devices on the way to one, the outermost first. */
function modaliasesAbove(root: string, folder: string): string[] {
  const found: string[] = [];
  for (let at = dirname(folder); at.startsWith(join(root, "sys/devices/")); at = dirname(at)) {
    const modalias = read(join(at, "modalias"));
    if (modalias) found.unshift(modalias);
  }
  return found;
}

function partOf(root: string, name: string, folder: string, top: string | undefined, unseen: string[]): PartitionPart {
  const tags = tagsOf(root, name, folder);
  if (!Object.keys(tags).length)
    unseen.push(
      `what is on /dev/${name}: udev tells nothing of it${process.getuid?.() === 0 ? ", nor does blkid" : ", and only root may ask blkid"}`,
    );
  return {
    size: Number(read(join(folder, "size")) ?? 0) * 512,
    tags,
    ...(folder === top ? { files: rootFiles(root) } : {}),
  };
}

function tagsOf(root: string, name: string, folder: string): Record<string, string> {
  const number = read(join(folder, "dev")) ?? "";
  const known = Object.entries(tagsOfUdev).flatMap(([tag, property]) => {
    const value = udevProperty(root, number, property);
    return value === undefined ? [] : [[tag, decoded(value)] as const];
  });
  return known.length || root !== "/" ? Object.fromEntries(known) : probed(name);
}

/** Udev writes blanks and the like as \\x20. */
function decoded(text: string): string {
  const bytes = text.replaceAll(/\\x([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return bytes === text ? text : Buffer.from(bytes, "latin1").toString();
}

function probed(name: string): Record<string, string> {
  const { stdout } = spawnSync("blkid", ["-p", "-o", "export", `/dev/${name}`], {
    encoding: "utf8",
    timeout: programTimeLimit,
  });
  const lines = (stdout ?? "").split("\n").flatMap((line) => {
    const [, tag, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    return tag === undefined || value === undefined || tag === "DEVNAME" ? [] : [[tag, value] as const];
  });
  return Object.fromEntries(lines);
}

/** What a boot looks for in a root: its init, with the links to it, a shell for an init that is a script, and the mount points. */
function rootFiles(root: string): FilesPart {
  const host = createHostFiles(root);
  const files: FilesPart = { "dev/": "", "proc/": "", "run/": "", "sys/": "", "tmp/": "" };
  for (const path of ["/sbin/init", "/bin/sh"]) {
    const found = host.resolve(path);
    for (const { path: link, target } of found?.links ?? []) files[link.slice(1)] = { link: target };
    if (found?.stats.isFile()) files[found.path.slice(1)] = { from: host.outside(found.path) };
  }
  return files;
}
