import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { HostMount } from "./host-mounts.js";

/** A device made of others. */
export interface DeviceLayer {
  /** Its name in /sys/block: "dm-0". */
  device: string;
  /** Module that sets such devices up. */
  module: string;
}

/** Device-mapper devices by the start of their uuid, which each of these programs gives them. */
const mappers: readonly [pattern: RegExp, module: string][] = [
  [/^LVM-/, "lvm"],
  [/^CRYPT-/, "luks"],
  [/^(part\d+-)?mpath-/, "multipath"],
];

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

/** The layers of a device by its folder in sysfs: a partition's lies in its disk's, others have slaves. */
export function layersOf(folder: string): DeviceLayer[] {
  const module = moduleFor(folder);
  return [
    ...(module === undefined ? [] : [{ device: basename(folder), module }]),
    ...devicesBelow(folder).flatMap(layersOf),
  ];
}

function devicesBelow(folder: string): string[] {
  if (existsSync(join(folder, "partition"))) return [dirname(folder)];
  const slaves = join(folder, "slaves");
  return existsSync(slaves) ? readdirSync(slaves).map((name) => realpathSync(join(slaves, name))) : [];
}

function moduleFor(folder: string): string | undefined {
  if (existsSync(join(folder, "md"))) return "md-raid";
  if (!existsSync(join(folder, "dm"))) return undefined;
  const uuid = mapperUuid(folder) ?? "";
  return mappers.find(([pattern]) => pattern.test(uuid))?.[1] ?? "dm";
}

function mapperUuid(folder: string): string | undefined {
  const path = join(folder, "dm/uuid");
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** Is it encrypted by a key that nobody keeps? Then what is on it is lost whenever the machine is switched off. */
export const losesContent = (folder: string): boolean => mapperUuid(folder)?.startsWith("CRYPT-PLAIN-") ?? false;

/** Names of the drivers that serve a device, those below it, and all that they are connected by. */
export function driversOf(folder: string): string[] {
  const found = new Set(devicesBelow(folder).flatMap(driversOf));
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    const module = existing(join(at, "driver/module"));
    if (module !== undefined) found.add(basename(module));
  }
  return [...found];
}

/** What udev's database below `root` has of a block device: lines "E:NAME=VALUE". */
export function udevProperty(root: string, number: string, name: string): string | undefined {
  const path = join(root, "run/udev/data", `b${number}`);
  if (!existsSync(path)) return undefined;
  return new RegExp(`^E:${name}=(\\S+)$`, "m").exec(readFileSync(path, "utf8"))?.[1];
}
