/** Whole boots of the sequencer with our modules, in the image's own engine, on a simulated machine. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type LastWord, shellPath } from "../../core/abi/index.js";
import type { MachineDescription, SimulatedDevice } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const uuid = "00361d4e-646b-478c-9947-73b9bec8531e";
const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const zstdMagic = "(\udcb5/\udcfd";
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: ["tmpfs-root"] });
});

const disk: SimulatedDevice = { name: "vda", number: "254:0", tags: { PTTYPE: "gpt" }, driver: "virtio_blk" };
const partition: SimulatedDevice = {
  name: "vda1",
  number: "254:1",
  tags: { TYPE: "ext4", USAGE: "filesystem", UUID: uuid, LABEL: "ROOT" },
  driver: "virtio_blk",
  after: 3,
  files: { "sbin/init": program, "rootfs.tar.zst": `${zstdMagic}…` },
};

const machine: Omit<MachineDescription, "commandLine"> = {
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: { [shellPath.slice(1)]: program, "usr/bin/zstd": program, "usr/bin/tar": program, "etc/": "" },
  devices: [disk, partition],
  drivers: {
    "pci:v00001AF4d00001001": [
      { name: "virtio", path: "/virtio.ko", parameters: "", size: 20_000 },
      { name: "virtio_blk", path: "/virtio_blk.ko", parameters: "", size: 30_000 },
    ],
  },
  modaliases: ["pci:v00001AF4d00001001", "pci:v00001AF4d00001001", "pci:v00008086d00007010"],
  programs: {
    shell: () => ({ lasts: 60_000 }),
    zstd: () => ({}),
    tar: () => ({ stdout: "block 9: ** Block of NULs **\n" }),
  },
};

async function boot(
  commandLine: string,
  change: Partial<MachineDescription> = {},
  code = bundle,
): Promise<{ word: LastWord; shown: string; time: number }> {
  const simulated = createMachine({ ...machine, commandLine, ...change });
  const word = await rehearse(code, simulated);
  return { word, shown: simulated.console(), time: simulated.now() };
}

/** A boot that stops, and what its report says. */
async function stops(commandLine: string, change: Partial<MachineDescription>, ...said: RegExp[]): Promise<void> {
  const { word, shown } = await boot(commandLine, change);
  assert.equal(word.word, "failed", shown);
  assert.match(shown, /The boot has stopped/);
  for (const pattern of said) assert.match(shown, pattern);
}

test("block root: driver by modalias, device by UUID, then the switch", async () => {
  const { word, shown } = await boot(`root=UUID=${uuid} ro quiet`);
  const moves = ["/run", "/dev", "/proc", "/sys"];
  assert.deepEqual(word, { word: "switch", root: "/sysroot", init: "/sbin/init", arguments: [], moves }, shown);
  assert.match(shown, /root: \/dev\/vda1 on \/sysroot \(ext4, ro\)/);
});

test("a device that arrives late is waited for, and no longer than it takes", async () => {
  const late = { devices: [disk, { ...partition, after: 20_000 }] };
  const { word, time } = await boot("root=LABEL=ROOT", late);
  assert.equal(word.word, "switch");
  assert.ok(time > 20_000 && time < 22_000, `${time} ms`);
});

test("a device that does not come: the report names it, who wanted it, and the nearest one", async () => {
  const wrong = uuid.replace("4e", "4f");
  await stops(
    `root=UUID=${wrong} rd.retry=9`,
    {},
    new RegExp(`UUID=${wrong}, wanted for root, has not come`),
    new RegExp(`there is vda1 UUID=${uuid} LABEL=ROOT ext4`),
    /Where: {3}initqueue, in the module rootfs-block/,
  );
});

test("a root that may lie on what is not set up: the report says on what, what sets it up, and which module the image lacks", async () => {
  const [array, container] = ["0d55b9a8-5b6e-4e0c-9d3c-0b7a1c2d3e4f", "5f1c1fb0-8a0e-4a43-9b0c-6f2d6a7b8c9d"];
  const member = (name: string, minor: number, TYPE: string, UUID: string): SimulatedDevice => ({
    name,
    number: `8:${minor}`,
    tags: { TYPE, UUID },
  });
  /** One disk is in use already, and one belongs to an array that has begun and does not run. */
  const held = (name: string, holder: string) => ({
    [`devices/simulated/block/${name}/holders/${holder}/dev`]: "0:0\n",
  });
  const change = {
    devices: [
      member("sda", 0, "linux_raid_member", array),
      member("sdb", 16, "linux_raid_member", array),
      member("sdc", 32, "crypto_LUKS", container),
      member("sdd", 48, "LVM2_member", "x"),
      member("sde", 64, "crypto_LUKS", "in-use"),
    ],
    sysfs: {
      ...held("sda", "md127"),
      ...held("sde", "dm-0"),
      "devices/virtual/block/md127/md/array_state": "inactive\n",
      "class/block/md127": { type: "symlink", mode: 0o777, target: "../../devices/virtual/block/md127" },
    } satisfies MachineDescription["sysfs"],
  };
  const uuid = "0d55b9a8:5b6e4e0c:9d3c0b7a:1c2d3e4f";
  const facts = [
    `Array:   ${uuid} does not run; of its members there is /dev/sda, /dev/sdb: an image with the module md-raid (mkinitrd -a md-raid), by rd.md.uuid=${uuid}, assembles it, once enough of them are there`,
    `Locked:  /dev/sdc is encrypted: an image with the module luks (mkinitrd -a luks), by rd.luks.uuid=${container}, unlocks it`,
    "LVM:     no volume is active on /dev/sdd: an image with the module lvm (mkinitrd -a lvm), by rd.lvm.lv=GROUP/VOLUME, activates one, once all physical volumes that it needs are there",
  ];
  const { shown } = await boot("root=/dev/mapper/root rd.retry=3 rd.shell=0", change);
  assert.deepEqual(shown.match(/^(Array|Locked|LVM): .*/gm), facts, shown);
  assert.match(shown, /^Remedy: {2}It may lie on .*: see Array, Locked, LVM below\. Otherwise: Compare the name /m);
  const withLvm = await bundleWith({ add: ["lvm"] });
  const other = { ...change, devices: change.devices.slice(3, 4), initramfs: { ...machine.initramfs, "etc/lvm/": "" } };
  const { shown: withModule } = await boot("root=/dev/mapper/root rd.retry=3 rd.shell=0 rd.lvm=0", other, withLvm);
  assert.match(withModule, /^LVM: .* \/dev\/sdd: rd\.lvm\.lv=GROUP\/VOLUME on the kernel command line activates one/m);
});

test("no disk at all: the report says so", () =>
  stops(`root=UUID=${uuid} rd.retry=3`, { devices: [] }, /no block device is there at all/));

test("drivers are loaded as long as somebody waits: the small ones first, a large one only if they did not help", async () => {
  const large = { name: "libata", path: "/libata.ko", parameters: "", size: 400_000 };
  const both = {
    drivers: { ...machine.drivers, "pci:v00008086d00007010": [large] },
    devices: [
      disk,
      { ...partition, after: 0 },
      { ...partition, name: "sda", number: "8:0", tags: { LABEL: "SATA" }, driver: "libata" },
    ],
  };
  const near = await boot(`root=UUID=${uuid}`, both);
  assert.equal(near.word.word, "switch");
  assert.doesNotMatch(near.shown, /libata/);
  const far = await boot("root=LABEL=SATA rd.retry=5", both);
  assert.match(far.shown, /loading virtio virtio_blk\n[\s\S]*loading libata\n[\s\S]*Devices: sda LABEL=SATA/);
});

test("what is not on PCI gets its driver only if what is there did not help", async () => {
  const vmbus = { name: "hv_storvsc", path: "/hv_storvsc.ko", parameters: "", size: 1000 };
  const both = {
    modaliases: ["acpi:VMBUS", ...machine.modaliases],
    drivers: { ...machine.drivers, "acpi:VMBUS": [vmbus] },
    devices: [
      disk,
      { ...partition, after: 0 },
      { ...partition, name: "sda", number: "8:0", tags: { LABEL: "HYPERV" }, driver: "hv_storvsc" },
    ],
  };
  const near = await boot(`root=UUID=${uuid}`, both);
  assert.equal(near.word.word, "switch");
  assert.doesNotMatch(near.shown, /hv_storvsc/);
  const far = await boot("root=LABEL=HYPERV rd.retry=5", both);
  assert.match(far.shown, /loading virtio virtio_blk\n[\s\S]*loading hv_storvsc\n[\s\S]*Devices: .*sda LABEL=HYPERV/);
});

test("where virtio's transport is built in, its disk does not wait for what is on PCI", async () => {
  const small = { name: "ata_piix", path: "/ata_piix.ko", parameters: "", size: 1000 };
  const virtio = "virtio:d00000002v00001AF4";
  const both = {
    modaliases: ["pci:v00008086d00007010", virtio],
    drivers: {
      "pci:v00008086d00007010": [small],
      [virtio]: [{ name: "virtio_blk", path: "/virtio_blk.ko", parameters: "", size: 30_000 }],
    },
    devices: [
      disk,
      { ...partition, after: 0 },
      { ...partition, name: "sda", number: "8:0", tags: { LABEL: "SATA" }, driver: "ata_piix" },
    ],
  };
  const near = await boot(`root=UUID=${uuid}`, both);
  assert.equal(near.word.word, "switch");
  assert.doesNotMatch(near.shown, /ata_piix/);
  const far = await boot("root=LABEL=SATA rd.retry=5", both);
  assert.match(far.shown, /loading virtio_blk\n[\s\S]*loading ata_piix\n[\s\S]*Devices: sda LABEL=SATA/);
});

/** A disk that never answers, beside the one with the root. */
const broken: SimulatedDevice = { name: "sdz", number: "8:9", tags: {}, probeLasts: 1e9 };

test("a disk that never answers holds up neither the boot nor the drivers of others", async () => {
  const { word, shown, time } = await boot(`root=UUID=${uuid}`, { devices: [disk, broken, partition] });
  assert.equal(word.word, "switch");
  assert.match(shown, /\/dev\/sdz does not answer/);
  assert.ok(time < 20_000, `${time} ms`);
  const large = { name: "libata", path: "/libata.ko", parameters: "", size: 400_000 };
  const other = await boot("root=LABEL=SATA", {
    drivers: { ...machine.drivers, "pci:v00008086d00007010": [large] },
    devices: [
      disk,
      broken,
      { ...partition, name: "sda", number: "8:0", tags: { ...partition.tags, LABEL: "SATA" }, driver: "libata" },
    ],
  });
  assert.equal(other.word.word, "switch", other.shown);
});

test("a mount that takes longer than rd.retry is no missing device", async () => {
  const slow = { ...partition, mountLasts: 7000 };
  const { word, shown } = await boot(`root=UUID=${uuid} rd.retry=5`, { devices: [disk, { ...slow, after: 0 }] });
  assert.equal(word.word, "switch", shown);
});

test("a label that is too long for a link, or no name at all, does not stop the boot", async () => {
  const strange = ["x ".repeat(63), "."].map((label, index) => {
    return { ...broken, name: `sd${index}`, tags: { LABEL: label }, probeLasts: 1 };
  });
  const { word, shown } = await boot(`root=UUID=${uuid}`, { devices: [disk, ...strange, partition] });
  assert.equal(word.word, "switch", shown);
  assert.match(shown, /\/dev\/sd0 gets no link/);
});

test("a kernel without a file system that a boot does not need", async () => {
  const initramfs = { ...machine.initramfs, "sys/": "" };
  const { word, shown } = await boot(`root=UUID=${uuid}`, { initramfs, missingTypes: ["devpts"] });
  assert.equal(word.word, "switch", shown);
  assert.match(shown, /devpts on \/dev\/pts: ENODEV/);
});

test("an image for another kernel says so", async () => {
  const kernel = { release: "6.9.9", machine: "x86_64" };
  const { shown } = await boot("root=LABEL=NONE rd.retry=1", { kernel });
  assert.match(shown, /this image has the drivers of kernel 6\.1\.0: build one for 6\.9\.9/);
  assert.match(shown, /^Image: .*generic, for kernel 6\.1\.0; kernel 6\.9\.9$/m);
});

test("before a shell, the drivers of whatever has keys are loaded, though the boot has stopped before its devices", async () => {
  const { shown } = await boot("ro");
  assert.match(shown, /there is no root=[\s\S]*Devices: not looked for yet[\s\S]*loading virtio virtio_blk/);
});

test("one that arrives while the shell runs is announced", async () => {
  const late = { devices: [disk, { ...partition, after: 30_000 }] };
  const { word, shown } = await boot("root=LABEL=ROOT rd.retry=5", late);
  assert.match(shown, /LABEL=ROOT has arrived: exit to go on/);
  assert.ok(word.word === "failed" && word.retry, "leaving the shell tries again");
});

test("rd.shell=0: no shell, the rescue policy follows", async () => {
  const { word } = await boot("root=LABEL=NONE rd.retry=1 rd.shell=0");
  assert.ok(word.word === "failed" && !word.retry);
});

test("tmpfs root: default archive and size are chosen and said", async () => {
  const root = { mode: 0o755, type: "file" } as const;
  const { shown } = await boot(`root=tmpfs:UUID=${uuid}`, {
    devices: [disk, { ...partition, files: { "rootfs.tar.zst": zstdMagic, "sbin/init": root } }],
  });
  assert.match(shown, /taking rootfs\.tar\.zst/);
  assert.match(shown, /taking 50%/);
  // The simulated tar unpacks nothing.
  assert.match(shown, /the new root has no init to run/);
});

test("tmpfs root: each fault of the archive stops the boot with its own error", async () => {
  const tar = (stdout: string, stderr = "", status = 0) => ({
    programs: { ...machine.programs, tar: () => ({ stdout, stderr, status }) },
  });
  const line = `root=tmpfs:UUID=${uuid} rd.tmpfs.size=1G rd.tmpfs.imgfile=`;
  await stops(`${line}rootfs.tar.zst`, tar("block 9: ** End of File **\n"), /truncated/);
  await stops(`${line}rootfs.tar.zst`, tar("", "tar: a: Cannot write: No space left on device\n", 2), /does not fit/);
  await stops(`${line}missing.tar`, {}, /the archive missing\.tar is not on the source volume/);
  await stops(`${line}../rootfs.tar.zst`, {}, /wrong value .*rd\.tmpfs\.imgfile/);
});

test("root= missing, unknown, of a module that is not in the image", async () => {
  await stops("ro", {}, /there is no root=/, /root=tmpfs:UUID=…/);
  await stops("root=floppy", {}, /no module of this image can mount root=floppy/, /This image accepts root=/);
  const lacking = /It is a form of the module virtiofs: rebuild the image with mkinitrd -a virtiofs/;
  for (const line of ["root=virtiofs:tag", "root=floppy rootfstype=virtiofs"]) await stops(line, {}, lacking);
  await stops(
    "rootfs=tag",
    {},
    /^Remedy: {2}rootfs= is a form of the module virtiofs: rebuild the image with mkinitrd -a/m,
  );
  await stops("root=tmpfs:NFS=nfs:10.0.0.11:/x", {}, /needs the module nfs/);
  await stops("root=tmpfs:/dev/mapper/centos-root rd.lvm.lv=centos/root", {}, /needs the module lvm/);
});

test("wrong values are errors, unknown rd. names warnings", async () => {
  await stops(`root=UUID=${uuid} rd.retry=soon`, {}, /rd\.retry=soon \(accepted: rd\.retry=SECONDS\)/);
  const { word, shown } = await boot(`root=UUID=${uuid} rd.rerty=3 crashkernel=auto rhgb LANG=en_US.UTF-8`);
  assert.equal(word.word, "switch");
  assert.match(shown, /unknown kernel parameter rd\.rerty: did you mean rd\.retry\?/);
  assert.doesNotMatch(shown, /crashkernel|rhgb|LANG/);
});

test("parameters of the image: a root= of its own, a wrong value, the boot loader's that wins over it", async () => {
  const inImage = (text: string) => ({ initramfs: { ...machine.initramfs, "etc/cmdline.d/01-default.conf": text } });
  assert.equal((await boot("quiet", inImage(`root="UUID=${uuid}"\n# root=none\n`))).word.word, "switch");
  const wrong = inImage(`root=UUID=${uuid} rd.retry=soon`);
  await stops(
    "quiet",
    wrong,
    /rd\.retry=soon in the image's \/etc\/cmdline\.d\/01-default\.conf/,
    /mkinitrd --kernel-cmdline/,
  );
  assert.equal((await boot("rd.retry=5", wrong)).word.word, "switch");
});

test("a command line of 64 KiB, bytes that are no letters, and numbers beyond all bounds", async () => {
  const long = Array.from({ length: 4000 }, (_, index) => `module.option${index}="\udcff \udca0"`).join(" ");
  assert.equal((await boot(`${long} root=UUID=${uuid}`)).word.word, "switch");
  await stops(`root=UUID=${uuid} rd.retry=1000000000000`, {}, /rd\.retry=1000000000000 \(accepted/);
});

test("rd.break takes the names of phases only; a label as udev's links have it; a list of types", async () => {
  await stops(
    `root=UUID=${uuid} rd.break=premount`,
    {},
    /rd\.break=premount \(accepted: rd\.break=cmdline\|pre-trigger/,
  );
  const blank = { devices: [disk, { ...partition, tags: { ...partition.tags, LABEL: "my disk" } }] };
  assert.equal((await boot("root=LABEL=my\\x20disk", blank)).word.word, "switch");
  assert.equal((await boot(`root=UUID=${uuid} rootfstype=xfs,ext4`)).word.word, "switch");
});

test("init= is honoured and checked", async () => {
  const { word } = await boot(`root=UUID=${uuid} init=/bin/other`, {
    devices: [disk, { ...partition, files: { "bin/other": program } }],
  });
  assert.ok(word.word === "switch" && word.init === "/bin/other");
  await stops(`root=UUID=${uuid} init=/bin/other`, {}, /\/bin\/other is not there/);
  const folder = { devices: [disk, { ...partition, files: { "sbin/init/": "" } }] };
  await stops(`root=UUID=${uuid} init=/sbin/init`, folder, /\/sbin\/init is a directory/);
});

test("init is looked up where it will be: links resolved in the new root, what moves along included", async () => {
  const inRoot = (files: Record<string, string | SimulatedFile>) => ({ devices: [disk, { ...partition, files }] });
  const link = (target: string): SimulatedFile => ({ type: "symlink", mode: 0o777, target });
  const start = `root=UUID=${uuid} init=/sbin/init`;
  const good: Record<string, SimulatedFile>[] = [
    { "sbin/init": link("/lib/systemd"), "lib/systemd": program },
    { "sbin/init": link("../../../lib/systemd"), "lib/systemd": program },
  ];
  for (const files of good) assert.equal((await boot(start, inRoot(files))).word.word, "switch");
  const moved = { ...inRoot({ "run/": "", "proc/": "", "sbin/init": link("/proc/filesystems") }) };
  await stops(start, moved, /no init to run: \/sbin\/init is not executable/);
  await stops(start, inRoot({ "sbin/init": link("init") }), /\/sbin\/init ELOOP/);
  await stops(start, inRoot({ "sbin/init": link("/bin/sh") }), /\/sbin\/init is not there, or a link to nothing/);
  await stops(
    `root=UUID=${uuid}`,
    inRoot({}),
    /\/sbin\/init is not there.*; \/etc\/init is.*; \/bin\/init is not there/,
  );
});

test("rd.break stops before a phase, and leaving the shell goes on", async () => {
  const { word, shown } = await boot(`root=UUID=${uuid} rd.break=pre-udev rd.break`);
  assert.equal(word.word, "switch");
  assert.match(shown, /rd\.break: before the phase pre-trigger/);
  assert.match(shown, /rd\.break: before the phase switch/);
});

test("the same machine gives the same boot", async () => {
  assert.deepEqual(await boot(`root=UUID=${uuid} rd.debug`), await boot(`root=UUID=${uuid} rd.debug`));
});
