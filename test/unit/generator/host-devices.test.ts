import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readHostDevices, readOtherHost } from "../../../core/generator/host-devices.js";
import { rootDoubt } from "../../../core/generator/host-root.js";
import { lackingLayers } from "../../../core/generator/lacking-layers.js";
import type { HostLayer } from "../../../hooks/module-setup.js";
import { run } from "../../support/run.js";
import { problemsOf, scratchFolder } from "./scratch.js";

/** A root on LVM on LUKS on a partition of a RAID; /usr and the first swap on a disk, the second on the LVM, the others do not keep their content. */
const host = {
  "proc/modules": "xfs 1 0 - Live 0x0\nlibcrc32c 1 1 xfs, Live 0x0\n",
  "proc/self/mountinfo": [
    "1 0 253:1 / / rw - xfs /dev/mapper/vg-root rw",
    "2 1 8:1 / /usr rw - ext4 /dev/sda1 rw",
    "3 1 7:0 / /usr/local rw - squashfs /dev/loop0 rw",
    "",
  ].join("\n"),
  "proc/swaps":
    "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n/dev/zram0 partition 1 0 100\n/swap file 1 0 -3\n/dev/dm-3 partition 1 0 -4\n",
  "etc/fstab": "UUID=of-the-swap none swap sw 0 0\n",
  "sys/devices/pci/modalias": "pci:v1\n",
  "sys/devices/pci/usb/modalias": "usb:v2\n",
  "sys/devices/other/modalias": "pci:v1\n",
  "sys/devices/block/sda/sda1/partition": "1\n",
  "sys/devices/block/sda/sda2/partition": "2\n",
  "sys/devices/block/md0/md/level": "raid1\n",
  "run/mdadm/map": "md9 1.2 0:0:0:0 /dev/md/other\nmd0 1.2 0d55b9a8:5b6e4e0c:9d3c0b7a:1c2d3e4f /dev/md/root\n",
  "sys/devices/block/md0/md0p1/partition": "1\n",
  "sys/devices/block/dm-0/dm/uuid": "CRYPT-LUKS2-5f1c1fb08a0e4a439b0c6f2d6a7b8c9d-x\n",
  "sys/devices/block/dm-0/dm/name": "x\n",
  "sys/devices/block/dm-1/dm/uuid": `LVM-${"a".repeat(64)}\n`,
  "sys/devices/block/dm-1/dm/name": "v--g-root\n",
  "sys/devices/block/dm-2/dm/uuid": `LVM-${"b".repeat(64)}\n`,
  "sys/devices/block/dm-2/dm/name": "v--g-swap\n",
  "sys/devices/block/dm-3/dm/uuid": "CRYPT-PLAIN-swap\n",
  "sys/module/ahci/refcnt": "1\n",
  "sys/module/sd_mod/refcnt": "1\n",
};

function link(root: string, path: string, target: string): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  symlinkSync(join(root, "sys", target), join(root, path));
}

/** The host's devices with their nodes. */
async function withDevices(context: TestContext, files = {}): Promise<string> {
  const root = scratchFolder(context, { ...host, ...files });
  const numbers = {
    "253:0": "dm-0",
    "253:1": "dm-1",
    "253:2": "dm-2",
    "253:3": "dm-3",
    "8:1": "sda/sda1",
    "8:2": "sda/sda2",
  };
  mkdirSync(join(root, "dev/disk/by-uuid"), { recursive: true });
  for (const [number, device] of Object.entries(numbers)) {
    link(root, `sys/dev/block/${number}`, `devices/block/${device}`);
    await run(["mknod", join(root, "dev", device.replace(/.*\//, "")), "b", ...number.split(":")]);
  }
  symlinkSync("../../dm-2", join(root, "dev/disk/by-uuid/of-the-swap"));
  mkdirSync(join(root, "dev/disk/by-label"));
  symlinkSync("../../dm-2", join(root, "dev/disk/by-label", String.raw`it\x27s\x20\x2f\x20é`));
  link(root, "sys/devices/block/dm-1/slaves/dm-0", "devices/block/dm-0");
  link(root, "sys/devices/block/dm-0/slaves/md0p1", "devices/block/md0/md0p1");
  link(root, "sys/devices/block/md0/slaves/sda", "devices/block/sda");
  link(root, "sys/devices/block/driver/module", "module/ahci");
  link(root, "sys/devices/block/sda/driver/module", "module/sd_mod");
  return root;
}

const container = "5f1c1fb0-8a0e-4a43-9b0c-6f2d6a7b8c9d";
const layersOfRoot = [
  { device: "dm-1", points: ["/"], kind: "lvm", group: "v-g", volume: "root" },
  { device: "dm-0", points: ["/"], kind: "luks", uuid: container, name: "x" },
  { device: "md0", points: ["/"], kind: "raid", uuid: "0d55b9a8:5b6e4e0c:9d3c0b7a:1c2d3e4f" },
];
const layerOfSwap = { device: "dm-2", points: ["swap"], kind: "lvm", group: "v-g", volume: "swap" };

test("what the host has, and what its root and its swap lie on", async (context) => {
  assert.deepEqual(readHostDevices(await withDevices(context)), {
    hardware: { modaliases: ["pci:v1", "usb:v2"], loaded: ["xfs", "libcrc32c"] },
    fileSystems: ["ext4", "xfs"],
    layers: [...layersOfRoot, layerOfSwap],
    root: { device: "/dev/mapper/vg-root", type: "xfs" },
    added: [],
    unseen: [],
  });
});

test("--add-device: drivers of a device and of what it lies on, its file system, its layers", async (context) => {
  const root = await withDevices(context, { "run/udev/data/b253:2": "E:ID_FS_TYPE=f2fs\n" });
  const one = readHostDevices(root, { addDevices: ["/dev/dm-0"] });
  assert.deepEqual(
    [one.added, one.fileSystems],
    [
      ["sd_mod", "ahci"],
      ["ext4", "xfs"],
    ],
  );
  const points = (device: string) => one.layers.find((layer) => layer.device === device)?.points;
  assert.deepEqual([points("dm-1"), points("dm-0"), points("md0")], [["/"], ["/", "/dev/dm-0"], ["/", "/dev/dm-0"]]);
  assert.deepEqual(readHostDevices(root, { addDevices: ["UUID=of-the-swap"] }).fileSystems, ["ext4", "f2fs", "xfs"]);
  assert.equal(readHostDevices(root, { addDevices: ["LABEL=it's / é"] }).layers.at(-1)?.device, "dm-2");
  for (const name of ["/dev/none", "UUID=none", "nonsense", "/etc/fstab"])
    assert.match(
      (await problemsOf(() => readHostDevices(root, { addDevices: [name] })))[0] ?? "",
      new RegExp(`^--add-device ${name}: there is no such block device here: `),
    );
});

test("what identifies an array: udev's word for it, or that of a member; other mappings; hidden parts belong to a volume", async (context) => {
  const uuid = "0d55b9a8-5b6e-4e0c-9d3c-0b7a1c2d3e4f";
  const layersWith = async (files: Record<string, string>) =>
    readHostDevices(await withDevices(context, files)).layers.filter(({ points }) => points.includes("/"));
  const udev = { "run/udev/data/b9:0": "E:MD_UUID=1:2:3:4\nE:MD_NAME=host:root\n" };
  const number = { "sys/devices/block/md0/dev": "9:0\n", "sys/devices/block/sda/dev": "8:0\n" };
  const [, , byUdev] = await layersWith({ ...number, ...udev });
  assert.deepEqual(byUdev, { device: "md0", points: ["/"], kind: "raid", uuid: "1234", name: "host:root" });
  const member = { "run/udev/data/b8:0": `E:ID_FS_TYPE=linux_raid_member\nE:ID_FS_UUID=${uuid}\n` };
  const [, , byMember] = await layersWith({ ...number, ...member, "run/mdadm/map": "" });
  assert.deepEqual(byMember, layersOfRoot[2]);
  const [, , unknown] = await layersWith({ ...number, "run/mdadm/map": "" });
  assert.deepEqual(unknown, { device: "md0", points: ["/"], kind: "raid" });
  const mapping = (name: string, uuid: string) => ({
    "sys/devices/block/dm-0/dm/name": `${name}\n`,
    "sys/devices/block/dm-0/dm/uuid": `${uuid}\n`,
  });
  const kinds = async (name: string, uuid: string) =>
    (await layersWith(mapping(name, uuid))).map(({ kind }) => kind).join(" ");
  assert.equal(await kinds("plain", "CRYPT-PLAIN-plain"), "lvm other raid");
  assert.equal(await kinds("mpatha", "mpath-360"), "lvm multipath raid");
  assert.equal(await kinds("x_dif", "CRYPT-SUBDEV-0-x_dif"), "lvm raid");
  assert.equal(await kinds("vg-pool-tpool", `LVM-${"c".repeat(64)}-tpool`), "lvm raid");
  assert.equal(await kinds("vg-root_rimage_0", `LVM-${"c".repeat(64)}`), "lvm raid");
});

test("a btrfs lies on all that its devices lie on", async (context) => {
  const mountinfo = "1 0 0:40 / / rw - btrfs /dev/sda1 rw\n";
  const root = await withDevices(context, { "proc/self/mountinfo": mountinfo, "etc/fstab": "", "proc/swaps": "" });
  assert.deepEqual(readHostDevices(root).layers, []);
  link(root, "sys/fs/btrfs/0-1/devices/sda1", "devices/block/sda/sda1");
  link(root, "sys/fs/btrfs/0-1/devices/dm-0", "devices/block/dm-0");
  mkdirSync(join(root, "sys/fs/btrfs/features"));
  assert.deepEqual(readHostDevices(root).layers, layersOfRoot.slice(1));
});

test("layers for which the image has no module: what lies on them, and what to do", () => {
  const sentences = (kinds: string[]) =>
    lackingLayers(
      [
        ...(layersOfRoot as HostLayer[]).map((layer) => ({ ...layer, points: ["/", "swap", "/dev/x"] })),
        { device: "dm-9", points: ["/usr"], kind: "other", name: "plain", uuid: "CRYPT-PLAIN-plain" },
      ],
      (module) => !kinds.includes(module),
    );
  const plain =
    "what is mounted at /usr lies on dm-9, the mapping plain (CRYPT-PLAIN-plain) of the device mapper, which no module of firstlight brings: it cannot boot from there, only with another root=";
  assert.deepEqual(sentences([]), [plain]);
  const lack =
    "and the module lvm, which brings it, is not in the image (-a lvm adds it, or says why it cannot be there)";
  const volume = `lies on dm-1, the volume v-g/root of LVM, ${lack}`;
  assert.deepEqual(sentences(["lvm"]), [
    `what is mounted at / ${volume}: it cannot boot from there, only with another root=`,
    `swap ${volume}: a machine that hibernates there does not wake up`,
    `--add-device /dev/x ${volume}: the boot does not reach it`,
    plain,
  ]);
  assert.match(sentences(["luks"])[0] ?? "", new RegExp(`lies on dm-0, the LUKS container ${container}, .*-a luks`));
  assert.match(sentences(["md-raid"])[0] ?? "", /lies on md0, an array of mdadm, .*-a md-raid/);
});

test("what is not to be seen is told of, with what the image has instead", (context) => {
  const root = scratchFolder(context, host);
  assert.deepEqual(readHostDevices(root).unseen, [
    "what /dev/mapper/vg-root (/) lies on is not to be seen: there is no /sys/dev/block/253:1",
    "what /dev/sda1 (/usr) lies on is not to be seen: there is no /sys/dev/block/8:1",
  ]);
  rmSync(join(root, "proc"), { recursive: true });
  rmSync(join(root, "sys"), { recursive: true });
  assert.deepEqual(readHostDevices(root), {
    hardware: undefined,
    fileSystems: [],
    layers: [],
    root: undefined,
    added: [],
    unseen: [
      `no device in ${root}/sys/devices has a modalias (is /sys mounted?): the image has the drivers for any machine`,
      "it is not to be seen what is mounted at / (in a chroot, or without /proc): /etc/fstab has none either, and the image has the drivers of all local file systems",
    ],
  });
});

test("a container's root tells of none; fstab's counts where there is one", (context) => {
  const seen = (fstab: string) => {
    const mountinfo = "20 1 0:33 / / rw - overlay overlay rw\n21 20 8:1 / /usr rw - ext4 /dev/sda1 rw\n";
    const files = { ...host, "proc/self/mountinfo": mountinfo, "etc/fstab": fstab };
    const { root, fileSystems, unseen } = readHostDevices(scratchFolder(context, files));
    return { root, fileSystems, said: unseen[0] };
  };
  const container = "what is mounted at / is overlay, as in a container, which tells of no root: ";
  assert.deepEqual(seen(""), {
    ...{ root: undefined, fileSystems: [] },
    said: `${container}/etc/fstab has none either, and the image has the drivers of all local file systems`,
  });
  assert.deepEqual(seen("LABEL=x / btrfs defaults 0 0\n"), {
    ...{ root: { device: "LABEL=x", type: "btrfs" }, fileSystems: ["btrfs", "ext4"] },
    said: `${container}the root is that of /etc/fstab`,
  });
});

test("a root on virtiofs has its tag for a name, and lies on no device", (context) => {
  const mountinfo = "20 1 0:33 / / rw - virtiofs some\\040folder rw\n";
  const { root, fileSystems, layers, unseen } = readHostDevices(
    scratchFolder(context, { ...host, "proc/self/mountinfo": mountinfo, "etc/fstab": "" }),
  );
  assert.deepEqual(root, { device: "some folder", type: "virtiofs" });
  assert.deepEqual([fileSystems, layers.filter(({ points }) => points.includes("/")), unseen], [["virtiofs"], [], []]);
});

test("of another system there is only its fstab", async (context) => {
  const other = scratchFolder(context, { "etc/fstab": "LABEL=x / btrfs subvol=@ 0 0\nLABEL=u /usr xfs\n" });
  const { unseen, ...facts } = readOtherHost(other, []);
  assert.deepEqual(facts, {
    ...{ hardware: undefined, layers: [], added: [], fileSystems: ["btrfs", "xfs"] },
    root: { device: "LABEL=x", type: "btrfs", flags: "subvol=@" },
  });
  assert.deepEqual(unseen, [
    `the machine of the system below ${other} is not to be seen here: the image has the drivers for any machine, and those of the file systems in ${other}/etc/fstab`,
  ]);
  const none = scratchFolder(context);
  assert.deepEqual(readOtherHost(none, []).fileSystems, []);
  assert.match(
    readOtherHost(none, []).unseen[0] ?? "",
    /fstab has no line for \/, so those of all local file systems$/,
  );
  assert.match((await problemsOf(() => readOtherHost(other, ["/dev/x"])))[0] ?? "", /^--add-device \/dev\/x: /);
});

test("types of fstab that may be any of several, or of all", (context) => {
  const seen = (fstab: string) => {
    const root = scratchFolder(context, { ...host, "etc/fstab": fstab });
    const [here, other] = [readHostDevices(root, { useFstab: true }), readOtherHost(root, [])];
    assert.deepEqual(other.fileSystems, here.fileSystems);
    return { ...here, said: other.unseen[0]?.split(", and ")[1]?.replace(root, "") };
  };
  const several = seen("LABEL=x / xfs,ext4 ro 0 0\nLABEL=u /usr btrfs\n");
  assert.deepEqual(several.fileSystems, ["btrfs", "ext4", "xfs"]);
  assert.equal(several.said, "those of the file systems in /etc/fstab");
  const any = seen("LABEL=x / auto ro 0 0\nLABEL=u /usr ext4\n");
  assert.deepEqual(any.fileSystems, [], "the drivers of all");
  assert.equal(any.said, "/etc/fstab has the type auto for / or /usr, so those of all local file systems");
  assert.ok(
    any.unseen.includes(
      "fstab does not tell the type of the file system at /: the image has the drivers of all local file systems",
    ),
  );
});

test("/usr of fstab, where it is not mounted", (context) => {
  const fstab = (text: string) => readHostDevices(scratchFolder(context, { ...host, "etc/fstab": text })).fileSystems;
  const mountinfo = "1 0 253:1 / / rw - xfs /dev/mapper/vg-root rw\n";
  const files = { ...host, "proc/self/mountinfo": mountinfo, "etc/fstab": "LABEL=u /usr erofs ro\n" };
  assert.deepEqual(readHostDevices(scratchFolder(context, files)).fileSystems, ["erofs", "xfs"]);
  assert.deepEqual(fstab("LABEL=u /usr erofs ro\n"), ["ext4", "xfs"], "what is mounted counts more");
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
