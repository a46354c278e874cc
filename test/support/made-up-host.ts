import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

/** The only disk. */
export const disk = "sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda";

/** A host's /sys, /proc, /run and /etc with these files, and the device that / is on by its folder in sysfs. `more`: links. */
export function hostWith(
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

/** Of a small virtual machine with one partition. */
export const files = {
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

/** What identifies the layers of layeredHost. */
export const layeredUuids = {
  array: "0d55b9a8:5b6e4e0c:9d3c0b7a:1c2d3e4f",
  container: "5f1c1fb0-8a0e-4a43-9b0c-6f2d6a7b8c9d",
  volume: `LVM-${"a".repeat(64)}`,
};

/** A host with its root on a volume, on a thin pool, in a LUKS container, on an array; another volume is on a file, and a plain mapping beside it. */
export function layeredHost(context: TestContext): string {
  const { array: uuid, container, volume: group } = layeredUuids;
  const part = `LVM-${"b".repeat(64)}-tpool`;
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
  return hostWith(
    context,
    {
      ...files,
      "run/udev/data/b254:1":
        "E:ID_FS_TYPE=linux_raid_member\nE:ID_FS_UUID=0d55b9a8-5b6e-4e0c-9d3c-0b7a1c2d3e4f\nE:ID_FS_UUID_SUB=0-2\n",
      "run/udev/data/b253:0": "E:ID_FS_TYPE=ext4\n",
      "run/udev/data/b253:1": "E:ID_FS_TYPE=LVM2_member\n",
      "run/udev/data/b9:127": `E:ID_FS_TYPE=crypto_LUKS\nE:ID_FS_UUID=${container}\n`,
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
}
