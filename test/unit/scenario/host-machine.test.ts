/** This host as a machine, out of /sys, /proc and udev's database as a small virtual machine has them. */
import assert from "node:assert/strict";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readHostMachine } from "../../../core/scenario/host-machine.js";
import { disk, files, hostWith, layeredHost, layeredUuids } from "../../support/made-up-host.js";

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
  const root = layeredHost(context);
  const { array: uuid, container, volume: group } = layeredUuids;
  const { machine, unseen, assumed } = readHostMachine(root);
  assert.deepEqual(unseen, []);
  const [vda, ...layers] = machine.disks ?? [];
  assert.deepEqual(vda?.partitions?.[0]?.tags, {
    TYPE: "linux_raid_member",
    UUID: "0d55b9a8-5b6e-4e0c-9d3c-0b7a1c2d3e4f",
    UUID_SUB: "0-2",
  });
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
  writeFileSync(join(root, "sys/devices/virtual/block/dm-1/dm/uuid"), "CRYPT-TCRYPT-opened");
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
