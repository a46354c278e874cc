import { files, readIfThere } from "./files.js";

/** What sysfs tells of a mapping of the device mapper (LVM, encryption, multipath). */
export interface Mapping {
  name: string;
  /** "LVM-…", "CRYPT-LUKS2-…"; empty: none. */
  uuid: string;
}

/** Parts of a volume, by the ends of names that LVM keeps for them (lvm(8)): those of a mirror show its file system. */
const partOfVolume =
  /_(cdata|cmeta|corig|cvol|imeta|iorig|mimage|mlog|pmspare|rimage|rmeta|tdata|tmeta|vdata|vorigin|wcorig)(_\d+)?$/;

/**
 * undefined: not to be looked at. Reading a suspended one would wait until it is resumed, of which an event tells; the hidden layers of LVM,
 * below snapshots and mirrors, show the file system of the volume that they belong to (their UUID has a suffix; lvm2, 11-dm-lvm.rules).
 */
export function readMapping(device: string): Mapping | undefined {
  const read = (fact: string) => readIfThere(`/sys/class/block/${device}/dm/${fact}`)?.trim() ?? "";
  const mapping = { name: read("name"), uuid: read("uuid") };
  if (!mapping.name || read("suspended") === "1" || /^LVM-\w{64}-/.test(mapping.uuid)) return undefined;
  return isVolume(mapping) && partOfVolume.test(mapping.name) ? undefined : mapping;
}

const isVolume = ({ uuid }: Mapping) => uuid.startsWith("LVM-");

/** Of a logical volume, "GROUP/VOLUME": the mapping's name has them joined by a hyphen, and their own hyphens doubled. */
function volumeOf(mapping: Mapping): string | undefined {
  const [, group = "", volume = ""] = /^((?:[^-]|--)+)-((?:[^-]|--)+)$/.exec(mapping.name) ?? [];
  return isVolume(mapping) && volume ? `${group}/${volume}`.replaceAll("--", "-") : undefined;
}

/** As lvm2's 55-dm.rules, 60-persistent-storage-dm.rules and 11-dm-lvm.rules make them. */
export function mappingLinks(mapping: Mapping): string[] {
  const { name, uuid } = mapping;
  const ids = [`dm-name-${name}`, ...(uuid ? [`dm-uuid-${uuid}`] : [])];
  const volume = volumeOf(mapping);
  return [
    `/dev/mapper/${name}`,
    ...(volume === undefined ? [] : [`/dev/${volume}`]),
    ...ids.map((id) => `/dev/disk/by-id/${id}`),
  ];
}

const databaseEntry = (number: string) => `/run/udev/data/b${number}`;

/**
 * The new root's udev knows a mapping only by the events of its activation, which it has missed, and would take it for one that is not ready yet: the
 * database entry tells it that one of these has been seen (lvm2, 10-dm.rules). One that is there may be its own.
 */
export function tellUdev(number: string): void {
  if (files.stat(databaseEntry(number))) return;
  files.makeDir("/run/udev/data");
  files.write(databaseEntry(number), "E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\n", { mode: 0o644 });
}

export function forgetInUdev(number: string): void {
  if (files.stat(databaseEntry(number))) files.remove(databaseEntry(number));
}
