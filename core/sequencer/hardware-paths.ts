import { listIfThere } from "./files.js";
import { attribute, ifReadable, lineage, resolveLink, type SysfsDevice } from "./sysfs-device.js";

/** Buses that put a name of their own into a path. `transport`: they tell enough of a disk by themselves. */
const buses: Readonly<Record<string, { transport?: boolean }>> = {
  pci: {},
  acpi: {},
  xen: {},
  platform: { transport: true },
  scm: { transport: true },
  ccw: { transport: true },
  ccwgroup: { transport: true },
};

/**
 * A disk's place as systemd's path_id composes it (src/udev/udev-builtin-path_id.c), "pci-0000:00:04.0-scsi-0:0:0:0"; for an ATA disk also the older form
 * without the number of the device at its port. None where a part of the way has no name that stays. SAS, FireWire and s390's AP are not told apart:
 * their disks have none.
 * @param line The disk and what it hangs on.
 */
export function hardwarePaths(line: readonly SysfsDevice[]): string[] {
  const { path = "", name = "" } = line[0] ?? {};
  if (/^mmcblk\d+(boot|rpmb|gp)/.test(name)) return [];
  const shared = path.includes("/virtual/nvme-subsystem/");
  if (path.includes("/virtual/") && !shared) return [];
  return compose(shared ? [...line, ...controllerOf(name)] : line);
}

/** What a disk with several controllers hangs on: the first of them. */
function controllerOf(disk: string): SysfsDevice[] {
  const controller = resolveLink(`/sys/class/nvme/${disk.replace(/n\d+$/, "")}`);
  return controller === undefined ? [] : lineage(controller).filter(({ subsystem }) => subsystem !== "nvme");
}

function compose(line: readonly SysfsDevice[]): string[] {
  const parts: string[] = [];
  let older: string | undefined;
  let transport = false;
  let known = false;
  for (const [index, device] of line.entries()) {
    const { subsystem, name } = device;
    // Of devices of one bus in a row, bridges and hubs, the lowest names them all.
    const lowest = line[index - 1]?.subsystem !== subsystem;
    const bus = buses[subsystem];
    if (bus && lowest) {
      parts.unshift(`${subsystem}-${name}`);
      transport ||= bus.transport === true;
      known = true;
    } else if (subsystem === "virtio") transport = true;
    else if (subsystem === "usb" && lowest && name.includes("-")) {
      parts.unshift(`usb-0:${name.slice(name.indexOf("-") + 1)}`);
      transport = true;
    } else if (/^nvme/.test(subsystem) && lowest) {
      const nsid = attribute(line[0], "nsid");
      if (nsid === undefined) return [];
      parts.unshift(`nvme-${nsid}`);
      transport = known = true;
    } else if (subsystem === "scsi" && /^\d+:\d+:\d+:\d+$/.test(name)) {
      const part = scsiPart(device);
      if (!part) return [];
      parts.unshift(part.name);
      older = part.older;
      transport = true;
      known ||= part.known === true;
    }
  }
  if (!known || !transport) return [];
  const path = parts.join("-");
  return older === undefined ? [path] : [path, `${parts.slice(0, -1).join("-")}-${older}`];
}

interface ScsiPart {
  name: string;
  older?: string;
  /** It says all, whatever the host hangs on. */
  known?: boolean;
}

/** "HOST:BUS:TARGET:LUN", and where it hangs. */
function scsiPart({ path, name }: SysfsDevice): ScsiPart | undefined {
  const [host = 0, bus = 0, target = 0, lun = 0] = name.split(":").map(Number);
  if (path.includes("/rport-")) {
    const port = attribute({ path: `/sys/class/fc_transport/target${host}:${bus}:${target}` }, "port_name");
    return port === undefined ? undefined : { name: `fc-${port}-${lunPart(lun)}`, known: true };
  }
  if (path.includes("/end_device-")) return undefined;
  const [, session] = /\/session(\d+)\//.exec(path) ?? [];
  if (session !== undefined) return iscsiPart(session, lun);
  const [, port] = /\/(ata\d+)\//.exec(path) ?? [];
  if (port !== undefined) {
    const number = attribute({ path: `/sys/class/ata_port/${port}` }, "port_no");
    // Behind a port multiplier each disk has a bus of its own.
    const place = bus ? `${bus}.0` : `${target}`;
    return number === undefined ? undefined : { name: `ata-${number}.${place}`, older: `ata-${number}` };
  }
  if (/\/vmbus_|\/VMBUS/.test(path)) return vmbusPart(path, lun);
  const first = firstHost(path);
  return first === undefined ? undefined : { name: `scsi-${host - first}:${bus}:${target}:${lun}` };
}

function iscsiPart(session: string, lun: number): ScsiPart | undefined {
  const connection = { path: `/sys/class/iscsi_connection/connection${session}:0` };
  const target = attribute({ path: `/sys/class/iscsi_session/session${session}` }, "targetname");
  const [address, port] = ["persistent_address", "persistent_port"].map((name) => attribute(connection, name));
  if (!target || !address || !port) return undefined;
  return { name: `ip-${address}:${port}-iscsi-${target}-${lunPart(lun)}`, known: true };
}

/** Hyper-V's: the host's parent bears a GUID. */
function vmbusPart(path: string, lun: number): ScsiPart | undefined {
  const guid = attribute({ path: path.slice(0, path.search(/\/host\d+\//)) }, "device_id");
  return guid === undefined ? undefined : { name: `vmbus-${guid.replaceAll(/[{}-]/g, "")}-${lunPart(lun)}` };
}

/** Hosts are numbered through the machine; what counts is the number among those of the same controller. */
function firstHost(path: string): number | undefined {
  const controller = path.slice(0, path.search(/\/host\d+\//));
  const hosts = ifReadable(() => listIfThere(controller))?.flatMap(({ name }) => /^host(\d+)$/.exec(name)?.[1] ?? []);
  return hosts?.length ? Math.min(...hosts.map(Number)) : undefined;
}

/** Beyond 255 as the kernel's scsilun_to_int() took it apart. */
function lunPart(lun: number): string {
  if (lun < 256) return `lun-${lun}`;
  const word = (value: number) => value.toString(16).padStart(4, "0");
  return `lun-0x${word(lun & 0xffff)}${word((lun >>> 16) & 0xffff)}00000000`;
}
