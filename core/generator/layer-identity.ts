import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostLayer } from "../../hooks/module-setup.js";
import { containerOf, isPartOfVolume, type Mapping, volumeOf } from "../abi/index.js";

/** What identifies a device that is made of others, whatever its number is after the next start. */
export type LayerIdentity = Distribute<HostLayer>;
type Distribute<Layer> = Layer extends unknown ? Omit<Layer, "device" | "points"> : never;

const read = (...path: string[]) => {
  const file = join(...path);
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
};

/** What udev's database below `root` has of a block device: lines "E:NAME=VALUE". */
export function udevProperty(root: string, number: string, name: string): string | undefined {
  const entries = read(root, "run/udev/data", `b${number}`);
  return entries && new RegExp(`^E:${name}=(\\S+)$`, "m").exec(entries)?.[1];
}

/** undefined: no mapping of the device mapper. `folder`: of the device in sysfs. */
export const mappingAt = (folder: string): Mapping | undefined =>
  existsSync(join(folder, "dm"))
    ? { name: read(folder, "dm/name") ?? "", uuid: read(folder, "dm/uuid") ?? "" }
    : undefined;

/** undefined: it is made of no others, or belongs to what is made of it (hidden parts of volumes, integrity below encryption). */
export function identityOf(root: string, folder: string): LayerIdentity | undefined {
  if (existsSync(join(folder, "md"))) return arrayAt(root, folder);
  const mapping = mappingAt(folder);
  if (!mapping || isPartOfVolume(mapping) || mapping.uuid.startsWith("CRYPT-SUBDEV-")) return undefined;
  const volume = volumeOf(mapping);
  if (volume) return { kind: "lvm", ...volume };
  const uuid = containerOf(mapping);
  if (uuid !== undefined) return { kind: "luks", uuid, name: mapping.name };
  return { kind: /^(part\d+-)?mpath-/.test(mapping.uuid) ? "multipath" : "other", ...mapping };
}

function arrayAt(root: string, folder: string): LayerIdentity {
  const property = (name: string) => udevProperty(root, read(folder, "dev") ?? "", name);
  const uuid = property("MD_UUID") ?? uuidInMap(root, folder) ?? uuidOfMember(root, folder);
  const name = property("MD_NAME");
  return {
    kind: "raid",
    ...(uuid === undefined ? {} : { uuid: withColons(uuid) }),
    ...(name === undefined ? {} : { name }),
  };
}

/** As mdadm writes it. */
const withColons = (uuid: string) =>
  uuid
    .toLowerCase()
    .replaceAll(/[:-]/g, "")
    .replaceAll(/.{8}(?=.)/g, "$&:");

/** mdadm's own list of arrays: lines "NAME METADATA UUID PATH". */
function uuidInMap(root: string, folder: string): string | undefined {
  const lines = read(root, "run/mdadm/map")?.split("\n") ?? [];
  return lines.map((line) => line.split(" ")).find(([name]) => folder.endsWith(`/${name}`))?.[2];
}

/** libblkid takes a member's UUID for that of its array. */
function uuidOfMember(root: string, folder: string): string | undefined {
  const slaves = join(folder, "slaves");
  const members = existsSync(slaves) ? readdirSync(slaves) : [];
  const numbers = members.map((name) => read(slaves, name, "dev") ?? "");
  return numbers
    .filter((number) => udevProperty(root, number, "ID_FS_TYPE") === "linux_raid_member")
    .map((number) => udevProperty(root, number, "ID_FS_UUID"))
    .find((uuid) => uuid !== undefined);
}
