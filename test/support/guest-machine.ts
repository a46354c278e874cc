import { existsSync, readFileSync } from "node:fs";
import type { DiskPart, MachineFile } from "../../core/schema/machine.js";
import { descriptionOf } from "./disks.js";
import type { Bus, Disk, GuestSettings } from "./qemu.js";

/** What QEMU's board q35 has, as its kernel shows it in /sys/bus: host bridge, LPC, AHCI, SMBus; ACPI's devices; those of the platform. */
const board = [
  "pci:v00008086d000029C0sv00001AF4sd00001100bc06sc00i00",
  "pci:v00008086d00002918sv00001AF4sd00001100bc06sc01i00",
  "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01",
  "pci:v00008086d00002930sv00001AF4sd00001100bc0Csc05i00",
  ...["ACPI0010:PNP0A05", "LNXCPU", "LNXPWRBN", "LNXSYBUS", "LNXSYSTM", "PNP0103", "PNP0303", "PNP0501", "PNP0A06"].map(
    acpi,
  ),
  ...["PNP0A08:PNP0A03", "PNP0B00", "PNP0C01", "PNP0C0F", "PNP0F13", "QEMU0002"].map(acpi),
  ...["alarmtimer", "i8042", "pcspkr", "platform-framebuffer", "reg-dummy", "serial8250"].map(
    (name) => `platform:${name}`,
  ),
  "serio:ty06pr00id00ex00",
  "serio:ty01pr00id00ex00",
];

function acpi(name: string): string {
  return `acpi:${name}:`;
}

/** How the kernel names the disks of a bus, and by what they are reached, the outermost first. */
const connections: Partial<Record<Bus, { name: string; behind: string[] }>> = {
  "virtio-blk": {
    name: "vd",
    behind: ["pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00", "virtio:d00000002v00001AF4"],
  },
  "virtio-scsi": {
    name: "sd",
    behind: [...["pci:v00001AF4d00001004sv00001AF4sd00000008bc01sc00i00", "virtio:d00000008v00001AF4"], "scsi:t-0x00"],
  },
};

/** The machine that a guest is, for a rehearsal of its boot. Throws Error: it has something that this does not describe. */
export function machineOfGuest({
  disks = [],
  memory = 512,
  machine,
  qemuArguments,
}: Omit<GuestSettings, "logFile">): MachineFile {
  if (machine !== undefined || qemuArguments)
    throw new Error("the rehearsal knows nothing of this guest's own devices");
  return { memory: `${memory}M`, modaliases: board, disks: disks.map((disk, index) => described(disk, index)) };
}

function described({ file, bus = "virtio-blk", late }: Disk, index: number): DiskPart {
  const connection = connections[bus];
  if (!connection || late) throw new Error(`the rehearsal knows nothing of ${late ? "disks that come late" : bus}`);
  const { name, behind } = connection;
  const content = existsSync(descriptionOf(file)) ? JSON.parse(readFileSync(descriptionOf(file), "utf8")) : {};
  return { ...content, name: `${name}${"abcdefgh"[index]}`, behind };
}
