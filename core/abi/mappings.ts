/** A mapping of the device mapper, as sysfs tells of it (dm/name, dm/uuid). */
export interface Mapping {
  name: string;
  /** "LVM-…", "CRYPT-LUKS2-…"; empty: none. */
  uuid: string;
}

const isVolume = ({ uuid }: Mapping) => uuid.startsWith("LVM-");

/** Parts of a volume, by the ends of names that LVM keeps for them (lvm(8)): those of a mirror show its file system. */
const partOfVolume =
  /_(cdata|cmeta|corig|cvol|imeta|iorig|mimage|mlog|pmspare|rimage|rmeta|tdata|tmeta|vdata|vorigin|wcorig)(_\d+)?$/;

/** Is it a hidden layer of LVM? Below snapshots, pools and mirrors they belong to a volume (their UUID has a suffix; lvm2, 11-dm-lvm.rules). */
export const isPartOfVolume = (mapping: Mapping): boolean =>
  isVolume(mapping) && (/^LVM-\w{64}-/.test(mapping.uuid) || partOfVolume.test(mapping.name));

/** The logical volume that a mapping is, whose name has both joined by a hyphen, and their own hyphens doubled; undefined: it is none. */
export function volumeOf(mapping: Mapping): { group: string; volume: string } | undefined {
  const [, group = "", volume = ""] = /^((?:[^-]|--)+)-((?:[^-]|--)+)$/.exec(mapping.name) ?? [];
  if (!isVolume(mapping) || !volume) return undefined;
  return { group: group.replaceAll("--", "-"), volume: volume.replaceAll("--", "-") };
}

/** UUID of the LUKS container that a mapping has opened, as libblkid writes it; undefined: it is none. */
export const containerOf = ({ uuid }: Mapping): string | undefined =>
  /^CRYPT-LUKS\d-([0-9a-f]{32})-/.exec(uuid)?.[1]?.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
