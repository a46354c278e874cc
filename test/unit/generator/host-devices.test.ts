import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readHostDevices } from "../../../core/generator/host-devices.js";
import { rootDoubt } from "../../../core/generator/host-root.js";
import { problemsOf, scratchFolder } from "./scratch.js";

/** A root on LVM on LUKS on a partition of a RAID; /usr on a disk. */
const host = {
  "proc/modules": "xfs 1 0 - Live 0x0\nlibcrc32c 1 1 xfs, Live 0x0\n",
  "proc/self/mountinfo": [
    "1 0 253:1 / / rw - xfs /dev/mapper/vg-root rw",
    "2 1 8:1 / /usr rw - ext4 /dev/sda1 rw",
    "3 1 7:0 / /usr/local rw - squashfs /dev/loop0 rw",
    "",
  ].join("\n"),
  "sys/devices/pci/modalias": "pci:v1\n",
  "sys/devices/pci/usb/modalias": "usb:v2\n",
  "sys/devices/other/modalias": "pci:v1\n",
  "sys/devices/block/sda/sda1/partition": "1\n",
  "sys/devices/block/md0/md/level": "raid1\n",
  "sys/devices/block/md0/md0p1/partition": "1\n",
  "sys/devices/block/dm-0/dm/uuid": "CRYPT-LUKS2-00-x\n",
  "sys/devices/block/dm-1/dm/uuid": "LVM-abc\n",
};

function link(root: string, path: string, target: string): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  symlinkSync(join(root, "sys/devices/block", target), join(root, path));
}

test("what the host has, and what its root lies on", (context) => {
  const root = scratchFolder(context, host);
  link(root, "sys/dev/block/253:1", "dm-1");
  link(root, "sys/dev/block/8:1", "sda/sda1");
  link(root, "sys/devices/block/dm-1/slaves/dm-0", "dm-0");
  link(root, "sys/devices/block/dm-0/slaves/md0p1", "md0/md0p1");
  link(root, "sys/devices/block/md0/slaves/sda", "sda");
  assert.deepEqual(readHostDevices(root), {
    modaliases: ["pci:v1", "usb:v2"],
    loaded: ["xfs", "libcrc32c"],
    fileSystems: ["ext4", "xfs"],
    rootLayers: [
      { point: "/", device: "dm-1", module: "lvm" },
      { point: "/", device: "dm-0", module: "luks" },
      { point: "/", device: "md0", module: "md-raid" },
    ],
    root: { device: "/dev/mapper/vg-root", type: "xfs" },
  });
});

test("without /sys or /proc nobody knows what this machine needs", async (context) => {
  const root = scratchFolder(context, host);
  rmSync(join(root, "proc/modules"));
  assert.deepEqual(readHostDevices(root).loaded, [], "a kernel that cannot load any");
  rmSync(join(root, "proc"), { recursive: true });
  assert.deepEqual(await problemsOf(() => readHostDevices(root)), [
    `${root}/proc/self/mountinfo cannot be read: no such file or directory: mount /proc, or build for any machine with -N`,
  ]);
  rmSync(join(root, "sys"), { recursive: true });
  assert.deepEqual(await problemsOf(() => readHostDevices(root)), [
    `no device in ${root}/sys/devices has a modalias: mount /sys, or build for any machine with -N`,
  ]);
});

test("the root by udev's UUID, of btrfs with its subvolume, of a container not at all", async (context) => {
  const rootFrom = (line: string, files = {}) => {
    const proc = { "proc/self/mountinfo": `1 1 0:1 / / rw - rootfs none rw\n${line}\n` };
    return readHostDevices(scratchFolder(context, { ...host, ...proc, ...files })).root;
  };
  const udev = { "run/udev/data/b253:1": "S:disk/by-uuid/x\nE:ID_FS_UUID=0036-1d4f\nE:ID_FS_UUID_ENC=other\n" };
  const disk = "20 1 253:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw";
  assert.deepEqual(rootFrom(disk, udev), { device: "UUID=0036-1d4f", type: "ext4" });
  assert.deepEqual(rootFrom(disk), { device: "/dev/vda1", type: "ext4" });
  assert.deepEqual(rootFrom("20 1 0:33 /@ / rw - btrfs /dev/none rw,subvol=/@"), {
    ...{ device: "/dev/none", type: "btrfs", flags: "subvol=@" },
  });
  assert.equal(rootFrom("20 1 0:33 / / rw - overlay overlay rw"), undefined);
  assert.equal(rootFrom("20 1 8:1 / / rw - ext4 /dev/root rw"), undefined);
});

test("a root without a name that lasts is warned of", () => {
  const doubt = (device: string) => rootDoubt({ device, type: "ext4" });
  assert.match(doubt("/dev/vda1") ?? "", /^root=\/dev\/vda1 may be another device when the machine boots again/);
  assert.match(rootDoubt(undefined) ?? "", /root= is not known/);
  for (const device of ["UUID=1-2", "LABEL=x", "/dev/mapper/vg-root"]) assert.equal(doubt(device), undefined);
});

test("--fstab: the root that fstab names, not the one that is mounted", async (context) => {
  const fstab = (text: string) =>
    readHostDevices(scratchFolder(context, { ...host, "etc/fstab": text }), { useFstab: true });
  const lines =
    "# /dev/sda9 / ext4 x\nLABEL=home /home ext4\nLABEL=usr /usr xfs\nUUID=1-2\t/  btrfs  rw,subvol=root,noatime 0 0\n";
  const { root, fileSystems } = fstab(lines);
  assert.deepEqual(
    [root, fileSystems],
    [{ device: "UUID=1-2", type: "btrfs", flags: "subvol=root" }, ["btrfs", "xfs"]],
  );
  assert.match((await problemsOf(() => fstab("LABEL=home /home ext4\n")))[0] ?? "", /fstab has no line for \/: add it/);
});
