import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { HostMount } from "./host-mounts.js";
import { identityOf, type LayerIdentity, mappingAt } from "./layer-identity.js";

/** A device made of others: its name in /sys/block ("dm-0"), and what identifies it. */
export type DeviceLayer = LayerIdentity & { device: string };

const tagFolders: Record<string, string> = {
  UUID: "by-uuid",
  LABEL: "by-label",
  PARTUUID: "by-partuuid",
  PARTLABEL: "by-partlabel",
};

/** "MAJ:MIN" of what is mounted; "none": it is on no device, or that is not to be seen. `root`: where /sys and /dev are. */
export function deviceNumber(root: string, { number, source }: Pick<HostMount, "number" | "source">): string {
  // btrfs shows a number of its own, and the device as its source only.
  return number === undefined || number.startsWith("0:") ? numberOf(nodeOf(root, source)) : number;
}

/** Folder in sysfs of a device; undefined: there is none. */
export const deviceFolder = (root: string, number: string): string | undefined =>
  existing(join(root, "sys/dev/block", number));

const existing = (path: string) => (existsSync(path) ? realpathSync(path) : undefined);

/** Path of a device's node by any of its names: "/dev/sda1", "UUID=…". */
function nodeOf(root: string, name: string): string {
  const [, tag = "", value = ""] = /^(\w+)=(.*)$/.exec(name) ?? [];
  return join(root, Object.hasOwn(tagFolders, tag) ? `dev/disk/${tagFolders[tag]}/${linkName(value)}` : name);
}

/** As udev writes it: what is no letter, digit or one of #+-.:=@_ is "\xHH"; other letters than ASCII's stay. */
const linkName = (value: string) =>
  value.replaceAll(
    /[^\w#+\-.:=@\u{80}-\u{10ffff}]/gu,
    (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );

function numberOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isBlockDevice()) return "none";
  // glibc's dev_t: 8 bits of the minor number below 12 of the major's, the rest above.
  return `${(stats.rdev >> 8) & 0xfff}:${(stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00)}`;
}

/** The layers of a device by its folder in sysfs, the uppermost first: a partition's lies in its disk's, others have slaves. */
export function layersOf(root: string, folder: string): DeviceLayer[] {
  const identity = identityOf(root, folder);
  return [
    ...(identity === undefined ? [] : [{ ...identity, device: basename(folder) }]),
    ...devicesBelow(folder).flatMap((below) => layersOf(root, below)),
  ];
}

function devicesBelow(folder: string): string[] {
  if (existsSync(join(folder, "partition"))) return [dirname(folder)];
  const slaves = join(folder, "slaves");
  return existsSync(slaves) ? readdirSync(slaves).map((name) => realpathSync(join(slaves, name))) : [];
}

/** All devices of the btrfs that one of them belongs to; another file system has one. */
export function partsOf(root: string, folder: string): string[] {
  const systems = join(root, "sys/fs/btrfs");
  for (const system of existsSync(systems) ? readdirSync(systems) : []) {
    const devices = join(systems, system, "devices");
    const parts = existsSync(devices) ? readdirSync(devices).map((name) => realpathSync(join(devices, name))) : [];
    if (parts.includes(folder)) return parts;
  }
  return [folder];
}

/** Is it encrypted by a key that nobody keeps? Then what is on it is lost whenever the machine is switched off. */
export const losesContent = (folder: string): boolean => mappingAt(folder)?.uuid.startsWith("CRYPT-PLAIN-") ?? false;

/** Names of the drivers that serve a device, those below it, and all that they are connected by. */
export function driversOf(folder: string): string[] {
  const found = new Set(devicesBelow(folder).flatMap(driversOf));
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    const module = existing(join(at, "driver/module"));
    if (module !== undefined) found.add(basename(module));
  }
  return [...found];
}
