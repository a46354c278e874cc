import { isPartOfVolume } from "../../core/abi/index.js";
import type { DiskPart, FilesPart, PartitionPart } from "../../core/schema/machine.js";
import type { LayerSet } from "./layer-sets.js";

/** A block device of the guest that made it. */
interface Fact {
  /** In its set: "a", "a1"; of a layer: the kernel's name. */
  name: string;
  /** Its place in a set: a disk, a partition of one, or a layer. */
  size: number;
  tags: Record<string, string>;
  /** Kernel names. */
  slaves: string[];
  /** Of the device mapper: UUID, NAME, GROUP, VOLUME. */
  dm?: Record<string, string>;
  /** As mdadm --detail --export says it. */
  md?: Record<string, string>;
}

/** Disks of a set, by their names in it, and what is made of them. Members have these names, too; layers those that they are set up by. */
export interface DescribedLayers {
  disks: Record<string, Omit<DiskPart, "name">>;
  layers: DiskPart[];
}

/** @param said The lines FACT of layer-guest.sh. @param tiny The files of the tiny root. */
export function describeLayers(said: string, set: LayerSet, tiny: FilesPart): DescribedLayers {
  const facts = readFacts(said);
  const all = [...facts.values()];
  const described = ({ size, tags }: Fact): PartitionPart => ({
    size,
    tags,
    ...(tags.USAGE === "filesystem" ? { files: set.files?.[tags.LABEL ?? ""] ?? tiny } : {}),
  });
  const disks = Object.keys(set.disks).map((name) => {
    const disk = all.find((fact) => fact.name === name);
    if (!disk) throw new Error(`the guest tells nothing of ${name}`);
    const partitions = all.filter((fact) => fact.name.startsWith(name) && /^\d+$/.test(fact.name.slice(name.length)));
    return [name, { ...described(disk), ...(partitions.length ? { partitions: partitions.map(described) } : {}) }];
  });
  const layers = all.flatMap((fact) => {
    const layer = layerOf(fact, facts, set);
    return layer ? [{ ...described(fact), name: fact.name, ...layer }] : [];
  });
  return { disks: Object.fromEntries(disks), layers };
}

/** By the kernel's names. */
function readFacts(said: string): Map<string, Fact> {
  const facts = new Map<string, Fact>();
  for (const [, kind, kernelName = "", rest = ""] of said.matchAll(/^FACT (\w+) (\S+) (.*)$/gm)) {
    if (kind === "device") {
      const [name = "", sectors] = rest.split(" ");
      facts.set(kernelName, {
        name: name === "-" ? kernelName : name,
        size: Number(sectors) * 512,
        tags: {},
        slaves: [],
      });
    }
    const fact = facts.get(kernelName);
    if (!fact) throw new Error(`a fact of the unknown device ${kernelName}: ${rest}`);
    const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(rest) ?? [];
    if (kind === "slave") fact.slaves.push(rest);
    // blkid escapes blanks.
    else if (kind === "tag") fact.tags[key] = value.replaceAll(/\\(.)/g, "$1");
    else if (kind === "dm") fact.dm = { ...fact.dm, [key]: value };
    else if (kind === "md") fact.md = { ...fact.md, [key]: value };
  }
  return facts;
}

/** What a layer is; undefined: it is a disk, or a part of a volume, which is set up with it. */
function layerOf(fact: Fact, facts: ReadonlyMap<string, Fact>, set: LayerSet): Partial<DiskPart> | undefined {
  const nameOf = (kernelName: string) => facts.get(kernelName)?.name ?? kernelName;
  const members = fact.slaves.map(nameOf);
  if (fact.md) {
    const { MD_UUID: uuid = "", MD_LEVEL: level = "", MD_METADATA: metadata = "", MD_NAME: name } = fact.md;
    const known = level as NonNullable<DiskPart["raid"]>["level"];
    return { raid: { uuid, level: known, metadata, members, ...(name === undefined ? {} : { name }) } };
  }
  if (isPartOfVolume({ name: fact.dm?.NAME ?? "", uuid: fact.dm?.UUID ?? "" })) return undefined;
  const [, lvm, uuid] = /^(?:(LVM-.{64})|CRYPT-LUKS\d-(.{32})-.*)$/.exec(fact.dm?.UUID ?? "") ?? [];
  if (lvm) {
    const { GROUP: group = "", VOLUME: volume = "" } = fact.dm ?? {};
    return { lvm: { group, volume, uuid: lvm, members: physicalVolumes(fact, facts).map(nameOf) } };
  }
  if (!uuid) return undefined;
  const dashed = uuid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const version = fact.dm?.UUID?.startsWith("CRYPT-LUKS1-") ? 1 : 2;
  return { luks: { member: members[0] ?? "", uuid: dashed, version, ...set.secrets?.[dashed] } };
}

/** Those that a volume needs, through its parts. */
function physicalVolumes(fact: Fact, facts: ReadonlyMap<string, Fact>): string[] {
  const found = fact.slaves.flatMap((name) => {
    const slave = facts.get(name);
    return slave?.dm?.UUID?.startsWith("LVM-") ? physicalVolumes(slave, facts) : [name];
  });
  return [...new Set(found)];
}
