import type { Log } from "../../hooks/index.js";
import { replaceName } from "./device-links.js";
import { hardwarePaths } from "./hardware-paths.js";
import { reasonOf } from "./report.js";
import { identifyScsi } from "./scsi-identity.js";
import { attribute, inherited, lineage, resolveLink, type SysfsDevice, telling } from "./sysfs-device.js";

/**
 * The links below /dev/disk/by-id and by-path of a disk or partition, by its kernel name, as udev makes them (systemd's
 * 60-persistent-storage.rules). What sysfs does not tell has none here: an ATAPI drive's serial number, that of an ATA disk in a USB enclosure (by-id
 * has it by its enclosure's, "usb-…"), FireWire's and memory sticks' names; nor has what udev calls deprecated, "virtio-pci-…" in by-path.
 */
export function hardwareLinks(name: string, log: Log): string[] {
  return telling(
    (error) => log.warning(`/dev/${name} may lack links by its hardware: ${reasonOf(error)}`),
    () => linksOf(name),
  );
}

function linksOf(name: string): string[] {
  const place = resolveLink(`/sys/class/block/${name}`);
  if (!place) return [];
  const partition = attribute({ path: place }, "partition");
  const line = lineage(partition === undefined ? place : place.slice(0, place.lastIndexOf("/")));
  const disk = line[0];
  if (!disk) return [];
  const ending = partition === undefined ? "" : `-part${partition}`;
  const links = [
    ...ids(disk, line).map((id) => `by-id/${id}`),
    ...hardwarePaths(line).map((path) => `by-path/${path}`),
  ];
  return links.map((link) => `/dev/disk/${link}${ending}`);
}

/** Names in by-id. */
function ids(disk: SysfsDevice, line: readonly SysfsDevice[]): string[] {
  const { name } = disk;
  const prefixed = (prefix: string, value: string | undefined) =>
    value ? [`${prefix}-${replaceName(value, "/")}`] : [];
  if (/^vd[a-z]+$/.test(name)) return prefixed("virtio", inherited(line, "serial"));
  if (/^nvme\d+n\d+$/.test(name)) return [...prefixed("nvme", attribute(disk, "wwid")), ...nvmeModels(disk, line)];
  if (/^mmcblk\d+$/.test(name)) {
    const [product, serial] = [inherited(line, "name"), inherited(line, "serial")];
    return product && serial ? prefixed("mmc", `${product}_${serial}`) : [];
  }
  if (/^pmem/.test(name)) return prefixed("pmem", inherited(line, "uuid"));
  if (/^s[dr]/.test(name)) return line.some(({ subsystem }) => subsystem === "usb") ? usbIds(line) : scsiIds(line);
  return [];
}

/** "nvme-MODEL_SERIAL", and the same with the number of the namespace. */
function nvmeModels(disk: SysfsDevice, line: readonly SysfsDevice[]): string[] {
  const [model, serial] = [inherited(line, "model"), inherited(line, "serial")];
  if (!model || !serial) return [];
  const nsid = attribute(disk, "nsid");
  // Here blanks are replaced one by one: "string_escape=replace".
  const text = `nvme-${model}_${serial}`.replaceAll(/[\s/]/g, "_");
  return [text, ...(nsid ? [`${text}_${nsid}`] : [])].map((id) => replaceName(id));
}

const isScsiDevice = ({ subsystem, name }: SysfsDevice) => subsystem === "scsi" && /^\d+:\d+:\d+:\d+$/.test(name);

function scsiIds(line: readonly SysfsDevice[]): string[] {
  const device = line.find(isScsiDevice);
  const { bus, serial, wwn } = device ? identifyScsi(device) : {};
  return [...(serial ? [`${bus}-${replaceName(serial)}`] : []), ...(wwn ? [`wwn-0x${wwn}`] : [])];
}

/** "usb-VENDOR_MODEL_SERIAL-TARGET:LUN" (systemd, udev-builtin-usb_id.c): the first two are SCSI's where the device speaks it. */
function usbIds(line: readonly SysfsDevice[]): string[] {
  const usb = line.filter(({ subsystem }) => subsystem === "usb");
  const interface_ = usb.find(({ name }) => name.includes(":"));
  const device = usb.find(({ name }) => !name.includes(":"));
  const speaksScsi =
    attribute(interface_, "bInterfaceClass") === "08" &&
    /^0[26]$/.test(attribute(interface_, "bInterfaceSubClass") ?? "");
  const scsi = speaksScsi ? line.find(isScsiDevice) : undefined;
  const vendor = attribute(scsi, "vendor") ?? attribute(device, "manufacturer") ?? attribute(device, "idVendor");
  const model = attribute(scsi, "model") ?? attribute(device, "product") ?? attribute(device, "idProduct");
  if (!vendor || !model) return [];
  const serial = attribute(device, "serial");
  const parts = [vendor, model, ...(serial && /^[ -+\--~]+$/.test(serial) ? [serial] : [])];
  const instance = scsi ? `-${scsi.name.split(":").slice(2).join(":")}` : "";
  return [`usb-${parts.map((part) => replaceName(part)).join("_")}${instance}`];
}
