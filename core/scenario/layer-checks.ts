import { nearest } from "../abi/index.js";
import type { Layer } from "../rehearsal/description.js";
import type { DiskPart, MachineFile } from "../schema/machine.js";
import { isLayered, type LayerPart, layerOf } from "./layer-parts.js";
import type { Contradiction } from "./machine-checks.js";
import { partitionName } from "./machine-parts.js";

type Kind = "raid" | "lvm" | "luks";
const kinds: readonly Kind[] = ["raid", "lvm", "luks"];

/** What blkid calls the members of each. */
const memberTypes: Readonly<Record<Kind, string>> = {
  raid: "linux_raid_member",
  lvm: "LVM2_member",
  luks: "crypto_LUKS",
};

/** What a layered device may lie on, by its name in the file. */
type Members = ReadonlyMap<string, Pick<DiskPart, "tags">>;

/** All that is wrong with devices that are made of others. */
export function inLayers({ disks = [], programs = [] }: MachineFile): Contradiction[] {
  const members: Members = new Map(
    disks.flatMap((disk) => [
      [disk.name, disk] as const,
      ...(disk.partitions ?? []).map((part, index) => [partitionName(disk.name, index + 1), part] as const),
    ]),
  );
  return [
    ...disks.flatMap((disk, index) => inLayer(disk, `${index}`, members)),
    ...membersOfTwo(disks),
    ...programs.flatMap((program, index) =>
      (program.disks ?? []).flatMap((disk, at) =>
        isLayered(disk)
          ? [
              {
                path: ["programs", `${index}`, "disks", `${at}`],
                message:
                  "is made by this program: leave raid, lvm and luks out, or move it to the machine's disks, where mdadm, lvm and cryptsetup find it",
              },
            ]
          : [],
      ),
    ),
  ];
}

function inLayer(disk: DiskPart, index: string, members: Members): Contradiction[] {
  const path = ["disks", index];
  const given = kinds.filter((kind) => disk[kind] !== undefined);
  const [kind] = given;
  const layer = layerOf(disk);
  if (!kind || !layer) return [];
  if (given.length > 1)
    return [{ path, message: `has ${given.join(" and ")}: give one, and describe the other as a disk of its own` }];
  const unfit = (["behind", "after", "gone", "partitions"] as const).filter((key) => disk[key] !== undefined);
  const problems: Contradiction[] = unfit.map((key) => ({
    path: [...path, key],
    message:
      key === "partitions"
        ? "partitions of a device that is made of others cannot be described"
        : "a device that is made of others comes when these have come: give this to its members",
  }));
  if ("least" in layer && layer.least > layer.members.length)
    problems.push({
      path: [...path, kind, "least"],
      message: `is more than the ${layer.members.length} members that there are`,
    });
  for (const [at, name] of layer.members.entries()) {
    const message = objectionTo(name, layer, members);
    const place = kind === "luks" ? ["member"] : ["members", `${at}`];
    if (message !== undefined) problems.push({ path: [...path, kind, ...place], message });
  }
  return problems.length ? problems : onItself(disk.name, path, members);
}

/** Why a device cannot be a member; undefined: it can. */
function objectionTo(name: string, layer: Layer, members: Members): string | undefined {
  const { kind, uuid } = layer;
  const member = members.get(name);
  if (!member) {
    const close = nearest(name, members.keys());
    return `there is no disk or partition ${name}${close === undefined ? "" : `: did you mean ${close}?`}`;
  }
  // Nothing tells it from any other disk.
  if (kind === "luks" && layer.detached) return undefined;
  const { TYPE, UUID } = member.tags ?? {};
  const wanted = memberTypes[kind];
  if (TYPE !== wanted)
    return `${name} has ${TYPE === undefined ? "no TYPE" : `the TYPE ${TYPE}`} among its tags: such a member has ${wanted}`;
  if (kind !== "lvm" && UUID !== undefined && UUID.toLowerCase() !== uuid)
    return `${name} has the UUID ${UUID} among its tags, and not ${uuid}: give both the same`;
  return undefined;
}

/** Does it lie on itself, whatever is between? */
function onItself(name: string, path: readonly string[], members: Members): Contradiction[] {
  const below = new Set<string>();
  const queue = [name];
  for (let at = queue.pop(); at !== undefined; at = queue.pop())
    for (const member of layerOf((members.get(at) ?? {}) as LayerPart)?.members ?? []) {
      if (member === name) return [{ path, message: `${name} lies on itself: name other members` }];
      if (!below.has(member)) queue.push(member);
      below.add(member);
    }
  return [];
}

/** Volumes of one group share members; nothing else does. */
function membersOfTwo(disks: readonly DiskPart[]): Contradiction[] {
  const owners = new Map<string, string>();
  return disks.flatMap((disk, index) => {
    const layer = layerOf(disk);
    const owner = layer?.kind === "lvm" ? `the group ${layer.group}` : disk.name;
    return (layer?.members ?? []).flatMap((name) => {
      const other = owners.get(name) ?? owner;
      owners.set(name, other);
      return other === owner
        ? []
        : [
            {
              path: ["disks", `${index}`],
              message: `${name} is a member of ${other} already: it can be one of one only`,
            },
          ];
    });
  });
}
