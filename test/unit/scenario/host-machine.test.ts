/** This host as a machine, out of /sys, /proc and udev's database as a small virtual machine has them. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { readHostMachine } from "../../../core/scenario/host-machine.js";

const disk = "sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda";

function hostWith(
  context: TestContext,
  files: Readonly<Record<string, string>>,
  rootDevice: string,
  more: Readonly<Record<string, string>> = {},
): string {
  const root = mkdtempSync(join(tmpdir(), "firstlight-host-"));
  context.after(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode: 0o755 });
  }
  const { dev } = statSync(root);
  const links = {
    "sys/class/block/vda": disk,
    "sys/class/block/vda1": `${disk}/vda1`,
    "sys/class/block/loop0": disk,
    [`sys/dev/block/${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`]: rootDevice,
    ...more,
  };
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(join(root, target), join(root, path));
  }
  mkdirSync(join(root, "sbin"), { recursive: true });
  symlinkSync("../lib/systemd", join(root, "sbin/init"));
  return root;
}

const files = {
  "sys/devices/pci0000:00/modalias": "acpi:PNP0A08:\n",
  "sys/devices/pci0000:00/0000:00:04.0/modalias": "pci:v1AF4\n",
  "sys/devices/pci0000:00/0000:00:04.0/driver/module/initstate": "live\n",
  "sys/devices/pci0000:00/0000:00:04.0/virtio1/driver/module/initstate": "live\n",
  "sys/devices/pci0000:00/0000:00:04.0/virtio1/modalias": "virtio:d2\n",
  "sys/devices/platform/serial/modalias": "platform:serial\n",
  [`${disk}/dev`]: "254:0\n",
  [`${disk}/size`]: "2048\n",
  [`${disk}/vda1/dev`]: "254:1\n",
  [`${disk}/vda1/size`]: "1000\n",
  [`${disk}/vda1/partition`]: "1\n",
  "proc/meminfo": "MemTotal:        2000000 kB\n",
  "run/udev/data/b254:0": "E:ID_PART_TABLE_TYPE=gpt\n",
  "run/udev/data/b254:1": "E:ID_FS_TYPE=ext4\nE:ID_FS_UUID=0-1\nE:ID_FS_LABEL=my_root\nE:ID_FS_LABEL_ENC=my\\x20root\n",
  "lib/systemd": "\x7fELF",
};

test("disks with what they are behind, their tags, the root's init", (context) => {
  const root = hostWith(context, files, `${disk}/vda1`);
  const { machine, unseen } = readHostMachine(root);
  assert.deepEqual(unseen, []);
  assert.equal(machine.memory, "2000000K");
  // A bridge, whose driver is built in, if it has one, and may not say what it answers.
  assert.deepEqual(machine.modaliases, ["acpi:PNP0A08:", "platform:serial"]);
  const [vda, ...others] = machine.disks ?? [];
  assert.deepEqual(others, []);
  assert.deepEqual([vda?.name, vda?.size, vda?.tags], ["vda", 1 << 20, { PTTYPE: "gpt" }]);
  assert.deepEqual(vda?.behind, ["pci:v1AF4", "virtio:d2"]);
  const [part] = vda?.partitions ?? [];
  assert.deepEqual(part?.tags, { TYPE: "ext4", UUID: "0-1", LABEL: "my root" });
  assert.deepEqual(part?.files?.["sbin/init"], { link: "../lib/systemd" });
  assert.deepEqual(part?.files?.["lib/systemd"], { from: join(root, "lib/systemd") });
});

test("NUMA nodes, and the mount options that the host has been booted with", (context) => {
  const numa = {
    "sys/devices/system/node/has_memory": "0,2-3\n",
    "proc/cmdline": "root=x rootflags=newest=1,ro quiet\n",
  };
  const { machine } = readHostMachine(hostWith(context, { ...files, ...numa }, `${disk}/vda1`));
  assert.deepEqual([machine.nodes, machine.kernel?.mountOptions], [4, ["newest", "ro"]]);
  const { machine: plain } = readHostMachine(hostWith(context, files, `${disk}/vda1`));
  assert.deepEqual([plain.nodes, plain.kernel?.mountOptions], [1, []]);
});

test("a root whose files are on a number that sysfs does not know is found by what is mounted", (context) => {
  const root = hostWith(
    context,
    { ...files, "proc/self/mountinfo": "1 0 1023:1 / / rw - btrfs /dev/vda1 rw\n" },
    "sys/devices/virtual/nothing",
  );
  symlinkSync(join(root, `${disk}/vda1`), join(root, "sys/dev/block/1023:1"));
  const { machine, unseen } = readHostMachine(root);
  assert.deepEqual(unseen, []);
  assert.ok(machine.disks?.[0]?.partitions?.[0]?.files?.["lib/systemd"]);
});

test("the init that is named, with what runs it", (context) => {
  const script = { ...files, "opt/init": "#! /opt/sh -x\n", "opt/sh": "\x7fELF" };
  const root = hostWith(context, script, `${disk}/vda1`);
  const { disks } = readHostMachine(root, "/opt/init").machine;
  const found = disks?.[0]?.partitions?.[0]?.files ?? {};
  assert.deepEqual(
    Object.keys(found).filter((path) => !path.endsWith("/")),
    ["opt/init", "opt/sh"],
  );
});

test("arrays, containers and volumes, whatever the kernel calls them; hidden parts of volumes and files on loop devices are none", (context) => {
  const [uuid, container] = ["0d55b9a8:5b6e4e0c:9d3c0b7a:1c2d3e4f", "5f1c1fb0-8a0e-4a43-9b0c-6f2d6a7b8c9d"];
  const [group, part] = [`LVM-${"a".repeat(64)}`, `LVM-${"b".repeat(64)}-tpool`];
  const at = (name: string) => `sys/devices/virtual/block/${name}`;
  const mapping = (name: string, given: string, id: string) => ({
    [`${at(name)}/dev`]: `253:${name.slice(3)}\n`,
    [`${at(name)}/size`]: "800\n",
    [`${at(name)}/dm/name`]: `${given}\n`,
    [`${at(name)}/dm/uuid`]: `${id}\n`,
  });
  const below = { "dm-0": "dm-2", "dm-2": "dm-1", "dm-1": "md127", "dm-3": "loop0", "dm-4": "dm-1" };
  const links = Object.entries(below).map(([name, slave]) => [`${at(name)}/slaves/${slave}`, at(slave)]);
  const names = ["md127", ...Object.keys(below)];
  const root = hostWith(
    context,
    {
      ...files,
      "run/udev/data/b254:1": "E:ID_FS_TYPE=linux_raid_member\nE:ID_FS_UUID=0-1\nE:ID_FS_UUID_SUB=0-2\n",
      "run/udev/data/b253:0": "E:ID_FS_TYPE=ext4\n",
      "run/udev/data/b253:1": "E:ID_FS_TYPE=LVM2_member\n",
      "run/udev/data/b9:127": "E:ID_FS_TYPE=crypto_LUKS\n",
      "run/mdadm/map": `md127 1.2 ${uuid} /dev/md/root\n`,
      "proc/self/mountinfo": "1 0 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n",
      [`${at("md127")}/dev`]: "9:127\n",
      [`${at("md127")}/size`]: "900\n",
      [`${at("md127")}/md/level`]: "raid1\n",
      [`${at("md127")}/md/metadata_version`]: "1.2\n",
      [`${at("loop0")}/dev`]: "7:0\n",
      ...mapping("dm-0", "vg-root", group),
      ...mapping("dm-1", "opened", `CRYPT-LUKS1-${container.replaceAll("-", "")}-opened`),
      ...mapping("dm-2", "vg-pool-tpool", part),
      ...mapping("dm-3", "of-a-file", group),
      ...mapping("dm-4", "plain", "CRYPT-PLAIN-plain"),
    },
    at("dm-0"),
    {
      ...Object.fromEntries(names.map((name) => [`sys/class/block/${name}`, at(name)])),
      ...Object.fromEntries(links),
      [`${at("md127")}/slaves/vda1`]: `${disk}/vda1`,
      "sys/dev/block/253:0": at("dm-0"),
    },
  );
  const { machine, unseen, assumed } = readHostMachine(root);
  assert.deepEqual(unseen, []);
  const [vda, ...layers] = machine.disks ?? [];
  assert.deepEqual(vda?.partitions?.[0]?.tags, { TYPE: "linux_raid_member", UUID: "0-1", UUID_SUB: "0-2" });
  assert.deepEqual(
    layers.map(({ name, raid, lvm, luks, tags, files }) => [
      name,
      raid ?? lvm ?? luks,
      tags?.TYPE,
      files !== undefined,
    ]),
    [
      ["md127", { uuid, level: "raid1", metadata: "1.2", members: ["vda1"] }, "crypto_LUKS", false],
      ["dm-1", { member: "md127", uuid: container, version: 1 }, "LVM2_member", false],
      ["dm-0", { group: "vg", volume: "root", members: ["dm-1"], uuid: group }, "ext4", true],
    ],
  );
  assert.deepEqual(machine.console, [{ line: "the passphrase" }]);
  writeFileSync(join(root, at("dm-1"), "dm/uuid"), "CRYPT-TCRYPT-opened");
  assert.deepEqual(readHostMachine(root).unseen, [
    "how /dev/dm-0 is made of the disks that are to be seen",
    "how /dev/dm-1 is made of the disks that are to be seen",
    "the file system at / is on none of its disks and partitions: what lies between them has to be described",
  ]);
  assert.match(
    assumed.join(),
    new RegExp(`^whoever is asked for the passphrase of the LUKS container ${container} knows it`),
  );
});

test("what is not to be seen is said", (context) => {
  const { "run/udev/data/b254:1": _, ...withoutTags } = files;
  const { unseen } = readHostMachine(hostWith(context, withoutTags, "sys/devices/virtual/block/dm-0"));
  assert.match(
    unseen.join("\n"),
    /^what is on \/dev\/vda1: udev tells nothing of it.*\nthe file system at \/ is on none of its disks/,
  );
});

test("a root on virtiofs: its tag, what its device is behind, its init", (context) => {
  const device = "sys/devices/pci0000:00/0000:00:05.0/virtio2";
  const root = hostWith(
    context,
    {
      [`${device}/modalias`]: "virtio:d1A\n",
      [`${device}/driver/module/initstate`]: "live\n",
      "sys/devices/pci0000:00/0000:00:05.0/modalias": "pci:v1AF4d105A\n",
      "sys/devices/pci0000:00/0000:00:05.0/driver/module/initstate": "live\n",
      "sys/bus/virtio/drivers/virtiofs/module": "",
      "proc/self/mountinfo": "1 0 0:33 / / rw - virtiofs rootfs rw\n",
      "lib/systemd": "\x7fELF",
    },
    "sys/devices/virtual/nothing",
  );
  rmSync(join(root, "sys/class/block"), { recursive: true });
  symlinkSync(join(root, device), join(root, "sys/bus/virtio/drivers/virtiofs/virtio2"));
  const { machine, unseen } = readHostMachine(root);
  assert.deepEqual(unseen, []);
  const [folder] = machine.virtiofs ?? [];
  assert.deepEqual([folder?.tag, folder?.behind], ["rootfs", ["pci:v1AF4d105A", "virtio:d1A"]]);
  assert.deepEqual(folder?.files?.["lib/systemd"], { from: join(root, "lib/systemd") });
});
