import { isPartOfVolume, type Mapping, volumeOf } from "../abi/index.js";
import { files, readIfThere } from "./files.js";

/**
 * undefined: not to be looked at. Reading a suspended one would wait until it is resumed, of which an event tells; the hidden layers of LVM,
 * below snapshots and mirrors, show the file system of the volume that they belong to.
 */
export function readMapping(device: string): Mapping | undefined {
  const read = (fact: string) => readIfThere(`/sys/class/block/${device}/dm/${fact}`)?.trim() ?? "";
  const mapping = { name: read("name"), uuid: read("uuid") };
  return !mapping.name || read("suspended") === "1" || isPartOfVolume(mapping) ? undefined : mapping;
}

/** As lvm2's 55-dm.rules, 60-persistent-storage-dm.rules and 11-dm-lvm.rules make them. */
export function mappingLinks(mapping: Mapping): string[] {
  const { name, uuid } = mapping;
  const ids = [`dm-name-${name}`, ...(uuid ? [`dm-uuid-${uuid}`] : [])];
  const volume = volumeOf(mapping);
  return [
    `/dev/mapper/${name}`,
    ...(volume === undefined ? [] : [`/dev/${volume.group}/${volume.volume}`]),
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
