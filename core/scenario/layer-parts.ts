import { createHash } from "node:crypto";
import type { Layer } from "../rehearsal/description.js";
import type { DiskPart } from "../schema/machine.js";

/** How a device is made of others. */
export type LayerPart = Pick<DiskPart, "raid" | "lvm" | "luks">;

type Raid = NonNullable<DiskPart["raid"]>;

/** How many of so many members an array of a level runs with. raid10 as mdadm makes it, with two copies of everything. */
const leastMembers: Readonly<Record<Raid["level"], (members: number) => number>> = {
  linear: (members) => members,
  raid0: (members) => members,
  raid1: () => 1,
  raid4: (members) => members - 1,
  raid5: (members) => members - 1,
  raid6: (members) => members - 2,
  raid10: (members) => Math.ceil(members / 2),
};

/** What a disk is made of; undefined: it is none that is made of others. */
export function layerOf({ raid, lvm, luks }: LayerPart): Layer | undefined {
  if (raid) {
    const { uuid, name, level, metadata = "1.2", members } = raid;
    const least = raid.least ?? Math.max(1, leastMembers[level](members.length));
    return {
      kind: "raid",
      uuid: withDashes(uuid),
      ...(name === undefined ? {} : { name }),
      level,
      metadata,
      members,
      least,
    };
  }
  if (lvm)
    return { kind: "lvm", ...lvm, uuid: lvm.uuid ?? `LVM-${madeUp(lvm.group)}${madeUp(`${lvm.group}/${lvm.volume}`)}` };
  if (!luks) return undefined;
  const { member, uuid, version = 2, passphrases = [], keys = [], detached } = luks;
  return {
    ...{ kind: "luks", members: [member], uuid: uuid.toLowerCase(), version, passphrases, keys },
    ...(detached ? { detached } : {}),
  };
}

export const isLayered = ({ raid, lvm, luks }: LayerPart): boolean => Boolean(raid ?? lvm ?? luks);

/** The UUID of an array as blkid writes it. */
const withDashes = (uuid: string): string =>
  uuid
    .toLowerCase()
    .replaceAll(/[:-]/g, "")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

/** 32 letters and digits, as LVM's UUIDs have them without their dashes. */
const madeUp = (name: string): string => createHash("md5").update(name).digest("hex");
