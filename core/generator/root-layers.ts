import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A device made of others, below the file system at / or /usr. */
export interface RootLayer {
  /** "/" or "/usr". */
  point: string;
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

/** What the file systems at / and /usr lie on, from the lines of mountinfo and from `sysfs`, usually /sys. */
export function rootLayers(mountinfo: readonly string[], sysfs: string): RootLayer[] {
  return mountinfo.flatMap((line) => {
    const point = line.split(" ", 5)[4] ?? "";
    if (point !== "/" && point !== "/usr") return [];
    const device = join(sysfs, "dev/block", deviceNumber(line));
    return existsSync(device) ? layersOf(realpathSync(device), point) : [];
  });
}

/** "MAJ:MIN" of the device that a line of mountinfo mounts; of none, if it is no block device. */
export function deviceNumber(line: string): string {
  const number = line.split(" ", 3)[2] ?? "";
  const [, source = ""] = line.slice(line.indexOf(" - ") + 3).split(" ", 2);
  return number.startsWith("0:") ? numberOf(source) : number;
}

/** "MAJ:MIN" of a device's node: btrfs shows a number of its own, and the device as its source only. */
function numberOf(source: string): string {
  const stats = source.startsWith("/dev/") ? statSync(source, { throwIfNoEntry: false }) : undefined;
  if (!stats?.isBlockDevice()) return "none";
  // glibc's dev_t: 8 bits of the minor number below 12 of the major's, the rest above.
  return `${(stats.rdev >> 8) & 0xfff}:${(stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00)}`;
}

/** The device of a folder of sysfs, and those that it is made of: a partition's lies in its disk's, others have slaves. */
function layersOf(folder: string, point: string): RootLayer[] {
  if (existsSync(join(folder, "partition"))) return layersOf(dirname(folder), point);
  const module = moduleFor(folder);
  const slaves = join(folder, "slaves");
  const below = existsSync(slaves) ? readdirSync(slaves).map((name) => realpathSync(join(slaves, name))) : [];
  return [
    ...(module === undefined ? [] : [{ point, device: basename(folder), module }]),
    ...below.flatMap((slave) => layersOf(slave, point)),
  ];
}

function moduleFor(folder: string): string | undefined {
  if (existsSync(join(folder, "md"))) return "md-raid";
  if (!existsSync(join(folder, "dm"))) return undefined;
  const uuid = readFileSync(join(folder, "dm/uuid"), "utf8");
  return mappers.find(([pattern]) => pattern.test(uuid))?.[1] ?? "dm";
}
