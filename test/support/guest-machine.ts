import { existsSync, readFileSync } from "node:fs";
import { isLayered } from "../../core/scenario/layer-parts.js";
import type { DiskPart, MachineFile } from "../../core/schema/machine.js";
import { signatureOf } from "./decisions.js";
import { descriptionOf } from "./disks.js";
import { layersOfDisks, withNames } from "./guest-layers.js";
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
interface Connection {
  /** All of it, or up to the letter. */
  name: string;
  behind: readonly string[];
}

const onPci = (id: string, subsystem: string, deviceClass: string) =>
  `pci:v${id}sv00001AF4sd${subsystem}${deviceClass}`;
const scsiDisk = "scsi:t-0x00";
const rootHub = (usb: string, protocol: string) => `usb:v1D6Bp${usb}d0601dc09dsc00dp${protocol}ic09isc00ip00in00`;
const stick = "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00";
const xhci = onPci("00001B36d0000000D", "00001100", "bc0Csc03i30");

const overUsb = (...way: string[]): Connection => ({ name: "sd", behind: [...way, scsiDisk] });

const connections: Readonly<Record<Bus, Connection>> = {
  "virtio-blk": {
    name: "vd",
    behind: [onPci("00001AF4d00001001", "00000002", "bc01sc00i00"), "virtio:d00000002v00001AF4"],
  },
  "virtio-scsi": {
    name: "sd",
    behind: [onPci("00001AF4d00001004", "00000008", "bc01sc00i00"), "virtio:d00000008v00001AF4", scsiDisk],
  },
  nvme: { name: "nvme0n1", behind: [onPci("00001B36d00000010", "00001100", "bc01sc08i02")] },
  ahci: { name: "sd", behind: [onPci("00008086d00002922", "00001100", "bc01sc06i01"), scsiDisk] },
  uhci: overUsb(onPci("00008086d00007020", "00001100", "bc0Csc03i00"), rootHub("0001", "00"), stick),
  ehci: overUsb(onPci("00008086d000024CD", "00001100", "bc0Csc03i20"), rootHub("0002", "00"), stick),
  xhci: overUsb(xhci, rootHub("0003", "03"), stick),
  uas: overUsb(xhci, rootHub("0003", "03"), "usb:v46F4p0003d0000dc00dsc00dp00ic08isc06ip62in00"),
  sd: {
    name: "mmcblk0",
    behind: [onPci("00001B36d00000007", "00001100", "bc08sc05i01"), "mmc:block"],
  },
};

/** What a folder of the host is behind. */
const folderDevice = ["pci:v00001AF4d0000105Asv00001AF4sd00001100bc01sc80i00", "virtio:d0000001Av00001AF4"];

/** Seconds after which a late disk comes: long after all others, and while a person is at a shell. */
const lateAfter = 20;

/** What of a guest's settings decides which machine it is. */
export type GuestMachine = Pick<GuestSettings, "disks" | "folders" | "memory">;

/** The machine that a guest is, for a rehearsal of its boot. */
export function machineOfGuest({ disks = [], folders = [], memory = 512 }: GuestMachine): MachineFile {
  const virtiofs = folders.map(({ tag, folder }) => ({ tag, behind: folderDevice, files: { "/": { from: folder } } }));
  const described = disks.map(describedDisk);
  return {
    memory: `${memory}M`,
    modaliases: board,
    disks: [...described, ...layersOfDisks(disks, described)],
    virtiofs,
  };
}

/** `index`: how many disks come before it. */
export function describedDisk({ file, bus = "virtio-blk", late }: Disk, index: number): DiskPart {
  const { name, behind } = connections[bus];
  const content = existsSync(descriptionOf(file)) ? JSON.parse(readFileSync(descriptionOf(file), "utf8")) : {};
  return {
    ...content,
    name: /\d$/.test(name) ? name : `${name}${letters(index)}`,
    behind: [...behind],
    ...(late ? { after: lateAfter } : {}),
  };
}

/** a to z, aa to zz. */
function letters(index: number): string {
  const last = String.fromCharCode(0x61 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}

/** With the names that the kernel chose: `chosenNames` has them by the signature of a disk or of its first partition. Others take those that are left. */
export function namedAs(machine: MachineFile, chosenNames: ReadonlyMap<string, string>): MachineFile {
  const { disks = [] } = machine;
  const chosen = disks.map(({ tags, partitions: [first] = [] }) => chosenNames.get(signatureOf(first?.tags ?? tags)));
  const taken = new Set(chosen);
  const leftOver = disks.map(({ name }) => name).filter((name) => !taken.has(name));
  const names = new Map<string, string>();
  disks.forEach((disk, index) => {
    if (isLayered(disk)) return;
    const kind = disk.name.slice(0, 2);
    const free = leftOver.findIndex((name) => name.startsWith(kind));
    const name = chosen[index] ?? leftOver.splice(free, 1)[0];
    names.set(disk.name, name ?? disk.name);
  });
  return { ...machine, disks: disks.map((disk) => withNames(disk, names)) };
}

/**
 * Modaliases whose drivers may be loaded or not, as it happens: those that bring neither a disk nor a folder, where one is there. How long the boot waits for
 * it, and what else comes meanwhile, is the machine's speed. `shell`: a person is at one for a time.
 */
export function besideTheWay(
  { disks = [], virtiofs = [], modaliases = [] }: MachineFile,
  { shell }: { shell: boolean },
): ReadonlySet<string> {
  const onTheWay = new Set([...disks, ...virtiofs].flatMap(({ behind = [] }) => behind));
  return new Set(shell || onTheWay.size ? modaliases.filter((modalias) => !onTheWay.has(modalias)) : []);
}
