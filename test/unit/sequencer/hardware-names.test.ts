/** Names in by-id and by-path, out of sysfs as these kinds of hardware fill it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OpFunction } from "../../../core/abi/index.js";
import type { SimulatedFile } from "../../../core/rehearsal/file-tree.js";
import { createMachine } from "../../../core/rehearsal/machine.js";
import { hardwareLinks } from "../../../core/sequencer/hardware-names.js";
import type { Log } from "../../../hooks/index.js";

/** Subsystems by the folders of a device's place, "" for a folder that is no device; the files are below its disk, or "/…" below /sys. */
interface Place {
  disk: string;
  way: readonly (readonly [folder: string, subsystem: string])[];
  facts: Readonly<Record<string, string>>;
  partition?: string;
}

const unexpected: Log = {
  error: assert.fail,
  warning: assert.fail,
  info: assert.fail,
  debug: assert.fail,
};

/** The links of a disk, or of its partition, without "/dev/disk/". Where an op fails, `log` is told. */
function linksOf({ disk, way, facts, partition }: Place, log = unexpected, broken = /(?!)/): string[] {
  const sysfs: Record<string, string | SimulatedFile> = {};
  let at = "devices";
  for (const [folder, subsystem] of [...way, ["block", ""], [disk, "block"]] as const) {
    at += `/${folder}`;
    sysfs[`${at}/`] = "";
    if (subsystem) sysfs[`${at}/subsystem`] = { type: "symlink", mode: 0o777, target: `/sys/bus/${subsystem}` };
  }
  const inClass = partition === undefined ? disk : `${disk}${partition}`;
  if (partition !== undefined) sysfs[`${at}/${inClass}/partition`] = `${partition.replace("p", "")}\n`;
  sysfs[`class/block/${inClass}`] = {
    type: "symlink",
    mode: 0o777,
    target: `../../${at}${partition ? `/${inClass}` : ""}`,
  };
  for (const [path, text] of Object.entries(facts)) {
    const depth = /^(\.\.\/)*/.exec(path)?.[0].length ?? 0;
    const folder = at
      .split("/")
      .slice(0, at.split("/").length - depth / 3)
      .join("/");
    sysfs[path.startsWith("/") ? path.slice(1) : `${folder}/${path.slice(depth)}`] = text;
  }
  const machine = createMachine({
    commandLine: "",
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: Object.fromEntries(Object.entries(sysfs).map(([path, file]) => [`sys/${path}`, file])),
    devices: [],
    drivers: {},
    modaliases: [],
    programs: {},
  });
  const op: OpFunction = (name, request) =>
    broken.test(request) ? JSON.stringify({ error: { errno: "EIO" } }) : machine.op(name, request);
  Object.assign(globalThis, { op });
  return hardwareLinks(inClass, log).map((link) => link.replace("/dev/disk/", ""));
}

const pci = [
  ["pci0000:00", ""],
  ["0000:00:04.0", "pci"],
] as const;

/** Bytes as the op `read` hands them over. */
const binary = (...bytes: (number | string)[]) =>
  bytes
    .map((part) => (typeof part === "string" ? part : String.fromCharCode(part < 0x80 ? part : 0xdc00 + part)))
    .join("");

/** What happens to be UTF-8 in these bytes comes as characters. */
const asText = (bytes: string) =>
  bytes
    .replaceAll("\udcc3\udca9", "é")
    .replaceAll("\udce2\udc82\udcac", "€")
    .replaceAll("\udcf0\udc9f\udc98\udc80", "😀");

/** Page 0x83 with these descriptors: code set, kind, bytes. */
function page83(...designators: [number, number, string][]): string {
  const length = designators.reduce((sum, [, , text]) => sum + 4 + text.length, 0);
  const parts = designators.map(([set, kind, text]) => binary(set, kind, 0, text.length) + text);
  return asText(binary(0, 0x83, length >> 8, length & 255) + parts.join(""));
}

const scsi = [
  ["virtio1", "virtio"],
  ["host2", "scsi"],
  ["target2:0:0", "scsi"],
  ["2:0:0:1", "scsi"],
] as const;

test("virtio: the serial number, its blanks as udev replaces them", () => {
  const disk = { disk: "vda", way: [...pci, ["virtio1", "virtio"]] as const, facts: { serial: " my  disk/1,x \n" } };
  assert.deepEqual(linksOf(disk), ["by-id/virtio-my_disk/1_x", "by-path/pci-0000:00:04.0"]);
  assert.deepEqual(linksOf({ ...disk, partition: "2" }), [
    "by-id/virtio-my_disk/1_x-part2",
    "by-path/pci-0000:00:04.0-part2",
  ]);
  assert.deepEqual(linksOf({ ...disk, facts: { serial: "\n" } }), ["by-path/pci-0000:00:04.0"]);
});

test("what cannot be read is told of, and costs no more names than it has to", () => {
  const way = [...pci, ...scsi] as const;
  const disk = { disk: "sda", way, facts: { "../../vpd_pg83": page83([2, 0, "disk0"]), "../../../../../host1/x": "" } };
  const told: string[] = [];
  const log = { ...unexpected, warning: (text: string) => void told.push(text) };
  const path = "by-path/pci-0000:00:04.0-scsi";
  assert.deepEqual(linksOf(disk, log, /vpd_pg83/), [`${path}-1:0:0:1`]);
  assert.deepEqual(linksOf(disk, log, /04\.0\/virtio1"/), ["by-id/scsi-0_disk0"]);
  assert.deepEqual(linksOf(disk, log, /class\/block\/sda"/), []);
  assert.equal(told.length, 3, told.join("\n"));
  for (const text of told) assert.match(text, /^\/dev\/sda may lack links by its hardware: \w+ \/sys\/.*: EIO/);
});

test("NVMe: by the namespace's name, and by model and serial number of the controller", () => {
  const way = [...pci, ["nvme", ""], ["nvme0", "nvme"]] as const;
  const controller = { "../../model": "QEMU  NVMe Ctrl     \n", "../../serial": "S 1\n" };
  const facts = { wwid: "eui.0025388b710116a1\n", nsid: "1\n", ...controller };
  assert.deepEqual(linksOf({ disk: "nvme0n1", way, facts, partition: "p3" }), [
    "by-id/nvme-eui.0025388b710116a1-part3",
    "by-id/nvme-QEMU__NVMe_Ctrl_S_1-part3",
    "by-id/nvme-QEMU__NVMe_Ctrl_S_1_1-part3",
    "by-path/pci-0000:00:04.0-nvme-1-part3",
  ]);
});

test("SCSI: the best of the designators, the world wide name, the host counted from the first of its controller", () => {
  const facts = (page: string) => ({
    "../../vendor": "QEMU    \n",
    "../../model": "QEMU HARDDISK   \n",
    "../../vpd_pg83": page,
    "../../../../../host1/x": "",
  });
  const ids = (page: string) => linksOf({ disk: "sda", way: [...pci, ...scsi], facts: facts(page) });
  const path = "by-path/pci-0000:00:04.0-scsi-1:0:0:1";
  const own: [number, number, string] = [2, 0, "disk0"];
  assert.deepEqual(ids(page83(own)), ["by-id/scsi-0QEMU_QEMU_HARDDISK_disk0", path]);
  const naa: [number, number, string] = [1, 3, binary(0x50, 0x01, 0xc3, 0xa9, 0, 0, 0x0b, 0xff)];
  assert.deepEqual(ids(page83(own, [2, 1, "ACME    x y"], naa)), [
    "by-id/scsi-35001c3a900000bff",
    "by-id/wwn-0x5001c3a900000bff",
    path,
  ]);
  // Of the port, not of the disk.
  assert.deepEqual(ids(page83([1, 0x13, naa[2]], [2, 1, "ACME    x y\0z"])), ["by-id/scsi-1ACME_x_y", path]);
  const extended = binary(0x60, 1, 0xf0, 0x9f, 0x98, 0x80, 6, 0xe2, 0x82, 0xac, 10, 11, 12, 13, 14, 0xff);
  assert.deepEqual(ids(page83(naa, [1, 3, extended]))[0], "by-id/scsi-36001f09f988006e282ac0a0b0c0d0eff");
});

test("SCSI without page 0x83: the unit's serial number; without either: nothing", () => {
  const facts = { "../../vendor": "A\n", "../../model": "B\n" };
  const disk = { disk: "sdb", way: [...pci, ...scsi] };
  const page = { "../../vpd_pg80": binary(0, 0x80, 0, 4, " 12 ") };
  assert.equal(linksOf({ ...disk, facts: { ...facts, ...page } })[0], "by-id/scsi-SA_B_12");
  assert.deepEqual(linksOf({ ...disk, facts }), ["by-path/pci-0000:00:04.0-scsi-0:0:0:1"]);
});

test("ATA: model and serial number out of the designator of T10; port and device, and the older form", () => {
  const way = [...pci, ["ata3", ""], ["host2", "scsi"], ["target2:0:0", "scsi"], ["2:0:0:0", "scsi"]] as const;
  const t10 = `ATA     ${"QEMU HARDDISK".padEnd(40)}${"QM00001".padStart(20)}`;
  const facts = {
    "../../vendor": "ATA     \n",
    "../../vpd_pg83": page83([2, 0, "QM00001"], [2, 1, t10], [1, 3, binary(0x50, 0, 0xc5, 0, 1, 2, 3, 4)]),
    "/class/ata_port/ata3/port_no": "3\n",
  };
  assert.deepEqual(linksOf({ disk: "sda", way, facts }), [
    "by-id/ata-QEMU_HARDDISK_QM00001",
    "by-id/wwn-0x5000c50001020304",
    "by-path/pci-0000:00:04.0-ata-3.0",
    "by-path/pci-0000:00:04.0-ata-3",
  ]);
});

test("USB: vendor and model of SCSI, the serial number of USB, target and unit", () => {
  const usb = [
    ["usb1", "usb"],
    ["1-1", "usb"],
    ["1-1.2", "usb"],
    ["1-1.2:1.0", "usb"],
  ] as const;
  const way = [...pci, ...usb, ["host3", "scsi"], ["target3:0:0", "scsi"], ["3:0:0:0", "scsi"]] as const;
  const up = "../../../../../";
  const facts = {
    [`${up}bInterfaceClass`]: "08\n",
    [`${up}bInterfaceSubClass`]: "06\n",
    [`${up}../serial`]: "0001\n",
    "../../vendor": "QEMU    \n",
    "../../model": "QEMU HARDDISK   \n",
  };
  assert.deepEqual(linksOf({ disk: "sdc", way, facts }), [
    "by-id/usb-QEMU_QEMU_HARDDISK_0001-0:0",
    "by-path/pci-0000:00:04.0-usb-0:1.2:1.0-scsi-0:0:0:0",
  ]);
  const plain = {
    ...facts,
    [`${up}bInterfaceSubClass`]: "05\n",
    [`${up}../serial`]: "a,b\n",
    [`${up}../manufacturer`]: "M/x\n",
  };
  assert.equal(
    linksOf({ disk: "sdc", way, facts: { ...plain, [`${up}../idProduct`]: "0001\n" } })[0],
    "by-id/usb-M_x_0001",
  );
});

test("an SD card, on a board; its boot partitions have no name", () => {
  const way = [
    ["platform", ""],
    ["fe340000.mmc", "platform"],
    ["mmc_host", ""],
    ["mmc0", "mmc_host"],
    ["mmc0:aaaa", "mmc"],
  ] as const;
  const facts = { "../../name": "SL16G\n", "../../serial": "0x1a2b\n" };
  assert.deepEqual(linksOf({ disk: "mmcblk0", way, facts, partition: "p1" }), [
    "by-id/mmc-SL16G_0x1a2b-part1",
    "by-path/platform-fe340000.mmc-part1",
  ]);
  assert.deepEqual(linksOf({ disk: "mmcblk0boot0", way, facts }), []);
});

test("disks of a network, by what does not change: iSCSI, Fibre Channel, Hyper-V", () => {
  const target = [
    ["target4:0:0", "scsi"],
    ["4:0:0:300", "scsi"],
  ] as const;
  const iscsi = [["platform", ""], ["host4", "scsi"], ["session1", ""], ...target] as const;
  const names = {
    "/class/iscsi_session/session1/targetname": "iqn.2001-04.com.example:x\n",
    "/class/iscsi_connection/connection1:0/persistent_address": "10.0.0.1\n",
    "/class/iscsi_connection/connection1:0/persistent_port": "3260\n",
  };
  assert.deepEqual(linksOf({ disk: "sda", way: iscsi, facts: names }), [
    "by-path/ip-10.0.0.1:3260-iscsi-iqn.2001-04.com.example:x-lun-0x012c000000000000",
  ]);
  const fibre = [...pci, ["host4", "scsi"], ["rport-4:0-1", ""], ...target] as const;
  const port = { "/class/fc_transport/target4:0:0/port_name": "0x500a0981\n" };
  assert.deepEqual(linksOf({ disk: "sda", way: fibre, facts: port }), [
    "by-path/pci-0000:00:04.0-fc-0x500a0981-lun-0x012c000000000000",
  ]);
  const bus = [["ACPI0004:00", "acpi"], ["VMBUS:00", "acpi"], ["guid", "vmbus"], ["host4", "scsi"], ...target] as const;
  const guid = { "../../../../../device_id": "{f8b3781a-1e82}\n" };
  assert.deepEqual(linksOf({ disk: "sda", way: bus, facts: guid }), [
    "by-path/acpi-VMBUS:00-vmbus-f8b3781a1e82-lun-0x012c000000000000",
  ]);
});

test("what has no place in the machine has no path", () => {
  assert.deepEqual(linksOf({ disk: "loop0", way: [["virtual", ""]], facts: {} }), []);
  assert.deepEqual(linksOf({ disk: "xyz", way: [["other", "unknown"]], facts: {} }), []);
});
