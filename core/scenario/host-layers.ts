import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { identityOf, type LayerIdentity } from "../generator/layer-identity.js";
import { raidLevels } from "../schema/machine.js";
import { type LayerPart, layerOf } from "./layer-parts.js";

/** A block device of this host. */
export interface BlockFolder {
  name: string;
  /** In /sys/devices. */
  folder: string;
}

/**
 * What of these devices is made of disks and partitions with these names, or of each other, each after what it is made of. What lies on something else,
 * a file on a loop device, is left out, and so is what a machine file has no words for.
 */
export function layersOn(
  root: string,
  devices: readonly BlockFolder[],
  disks: readonly string[],
): (BlockFolder & { part: LayerPart })[] {
  const names = new Set(disks);
  const layers: (BlockFolder & { part: LayerPart })[] = [];
  const candidates = devices.filter(({ folder }) => isLayer(root, folder));
  for (let before = -1; before < layers.length; ) {
    before = layers.length;
    for (const device of candidates) {
      const part = names.has(device.name) ? undefined : layerPartOf(root, device.folder);
      const members = part && layerOf(part)?.members;
      if (!part || !members?.every((member) => names.has(member))) continue;
      names.add(device.name);
      layers.push({ ...device, part });
    }
  }
  return layers;
}

/** What is not: hidden parts of volumes, and what else the kernel makes. */
const isLayer = (root: string, folder: string): boolean => identityOf(root, folder) !== undefined;

/** How a device is made; undefined: that cannot be described. `root`: where /sys and /run are, `folder`: of the device in sysfs. */
function layerPartOf(root: string, folder: string): LayerPart | undefined {
  const identity = identityOf(root, folder);
  if (!identity) return undefined;
  const members = membersOf(root, folder);
  const [member] = members;
  if (member === undefined) return undefined;
  switch (identity.kind) {
    case "raid":
      return arrayPartOf(folder, identity, members);
    case "lvm": {
      const { group, volume } = identity;
      const uuid = read(folder, "dm/uuid");
      return { lvm: { group, volume, members, ...(uuid === undefined ? {} : { uuid }) } };
    }
    case "luks":
      return {
        luks: { member, uuid: identity.uuid, version: read(folder, "dm/uuid")?.startsWith("CRYPT-LUKS1-") ? 1 : 2 },
      };
    default:
      return undefined;
  }
}

/** Containers of a BIOS's RAID, and arrays in them, have no level and metadata that a machine file knows. */
function arrayPartOf(
  folder: string,
  { uuid, name }: Extract<LayerIdentity, { kind: "raid" }>,
  members: string[],
): LayerPart | undefined {
  const level = raidLevels.find((known) => known === read(folder, "md/level"));
  const metadata = /^(0\.90|1\.[012])$/.exec(read(folder, "md/metadata_version") ?? "")?.[0];
  if (uuid === undefined || level === undefined || metadata === undefined) return undefined;
  return { raid: { uuid, level, metadata, members, ...(name === undefined ? {} : { name }) } };
}

/** Names of the devices below it that a description has: hidden parts between have none. */
function membersOf(root: string, folder: string): string[] {
  const slaves = join(folder, "slaves");
  const names = existsSync(slaves) ? readdirSync(slaves) : [];
  const found = names.flatMap((name) => {
    const below = join(slaves, name);
    return existsSync(join(below, "slaves")) && isHidden(root, below) ? membersOf(root, below) : [name];
  });
  return [...new Set(found)];
}

const isHidden = (root: string, folder: string) => basename(folder).startsWith("dm-") && !isLayer(root, folder);

function read(...path: string[]): string | undefined {
  try {
    return readFileSync(join(...path), "utf8").trim();
  } catch {
    return undefined;
  }
}
