/** Devices on a real kernel: what udev would call them, and what comes, changes and goes. */
import assert from "node:assert/strict";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { MachineFile } from "../../core/schema/machine.js";
import { debianArchive, debianDisk, debianVolumeUuid } from "../support/debian-root.js";
import { descriptionOf, makeExt4 } from "../support/disks.js";
import { bootImage, buildImage, keepKernelQuiet, rootFacts } from "../support/firstlight.js";
import { describedDisk } from "../support/guest-machine.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import type { Disk } from "../support/qemu.js";
import { controlArguments, controlQemu } from "../support/qmp.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run } from "../support/run.js";

const { rootDisk } = await diskFixtures();
const kernel = await debianKernel("full");
const folder = join(outFolder, "tests/devices");
await mkdir(folder, { recursive: true });
const prompt = /firstlight:\/# /;

/** A drive without content, 64 MiB: a power of two, as SD cards are. */
const blank = join(folder, "blank.img");
await writeFile(blank, "");
await truncate(blank, 64 << 20);
await writeFile(descriptionOf(blank), JSON.stringify({ size: "64M" }));

/**
 * `await_disks` waits for all eleven disks. `compare` makes a mapping, too, and shows the links of all, then those that udev, in the root that is to be
 * switched to, makes of them. It must not mind the chroot. Of the mapping it only makes any because it finds our entry in its database.
 */
const compare = `
${keepKernelQuiet}
await_disks() {
for n in $(seq 600); do
  [ -e /dev/nvme0n1 ] && [ -e /dev/mmcblk0 ] && [ "$(ls /dev/disk/by-path | grep -vc part)" -ge 12 ] && break
  sleep 0.1
done
echo AWAITED
}
compare() {
for folder in dev proc sys run; do mount --bind /$folder /sysroot/$folder; done
export SYSTEMD_IGNORE_CHROOT=1
echo 0 2048 linear /dev/vdb 0 | DM_DISABLE_UDEV=1 chroot /sysroot dmsetup create --uuid TEST-1 my-map
for n in $(seq 100); do [ -e /dev/disk/by-id/dm-uuid-TEST-1 ] && break; sleep 0.1; done
for link in /dev/disk/by-*/*; do echo "OURS $link $(readlink -f "$link")"; done
chroot /sysroot /lib/systemd/systemd-udevd --daemon
chroot /sysroot udevadm trigger --action=add --subsystem-match=block
chroot /sysroot udevadm settle
chroot /sysroot udevadm info -e | awk '/^P: /{ name = "" } /^N: /{ name = $2 } /^S: disk\\/by-/{ print "UDEV /dev/" $2 " /dev/" name }'
echo COMPARED
}
`;

/** Disks of this guest beside the first, with the place of each among those of its kind. */
const otherDisks: [Disk, number][] = [
  [{ file: rootDisk, bus: "ahci" }, 0],
  [{ file: blank, bus: "virtio-blk" }, 1],
  [{ file: blank, bus: "nvme" }, 0],
  [{ file: blank, bus: "ahci" }, 1],
  ...[2, 3, 4].map((place): [Disk, number] => [{ file: blank, bus: "virtio-scsi" }, place]),
  ...[5, 6].map((place): [Disk, number] => [{ file: blank, bus: "xhci" }, place]),
  [{ file: blank, bus: "sd" }, 0],
];
const describedDisks = [
  describedDisk({ file: await debianDisk() }, 0),
  ...otherDisks.map(([disk, place]) => describedDisk(disk, place)),
];

/** Links that this udev makes and we do not: see hardwareLinks in core/sequencer, and by-diskseq, which changes with each boot. */
const knownToLack = /\/by-diskseq\/|\/by-path\/(virtio-pci-|.*-usbv\d-)/;

test("the links of every kind of disk are those that udev makes", async (context) => {
  const script = join(folder, "compare.sh");
  await writeFile(script, compare);
  const image = await buildImage(
    "devices-udev",
    ["-N", "-a", "tmpfs-root", "--add-drivers", "dm-mod", "-i", script, "/compare.sh"],
    kernel,
  );
  const drive = (id: string) => ["-drive", `if=none,id=${id},format=raw,snapshot=on,file=${blank}`];
  const guest = bootImage(context, image, {
    cmdline: `root=tmpfs:UUID=${debianVolumeUuid} rd.tmpfs.size=600m rd.tmpfs.imgfile=${debianArchive} rd.break=switch`,
    disks: [{ file: await debianDisk() }, { file: rootDisk, bus: "ahci" }],
    memory: 1536,
    described: { disks: describedDisks },
    qemuArguments: [
      ...[...drive("a"), "-device", "virtio-blk-pci,drive=a,serial=a  blank;$"],
      ...[...drive("b"), "-device", "nvme,drive=b,serial=S 1"],
      ...[...drive("c"), "-device", "ide-hd,drive=c,model=A  model,serial=S-2,wwn=0x5000c50001020304,bus=ide.3"],
      ...["-device", "virtio-scsi-pci,id=scsi", ...drive("d"), "-device", "scsi-hd,drive=d,bus=scsi.0,lun=0"],
      ...[...drive("e"), "-device", "scsi-hd,drive=e,bus=scsi.0,scsi-id=1,lun=3,serial=S3,wwn=0x5000c50001020305"],
      ...[...drive("f"), "-device", "scsi-hd,drive=f,bus=scsi.0,scsi-id=2,vendor=ACME,product=Disk,device_id=x/y"],
      ...["-device", "qemu-xhci,id=usb", ...drive("g"), "-device", "usb-storage,drive=g,bus=usb.0,serial=S 4"],
      ...["-device", "usb-hub,bus=usb.0,port=2", ...drive("h"), "-device", "usb-storage,drive=h,bus=usb.0,port=2.1"],
      ...["-device", "sdhci-pci", ...drive("i"), "-device", "sd-card,drive=i"],
    ],
  });
  await guest.waitFor(prompt);
  guest.type(". /compare.sh; await_disks\n");
  await guest.waitFor(/^AWAITED\n/m);
  await guest.left();
  guest.type("compare\n");
  await guest.waitFor(/^COMPARED\n/m);
  const links = (maker: string) =>
    [...guest.console().matchAll(new RegExp(`^${maker} (/\\S+ /\\S+)$`, "gm"))].map(([, link = ""]) => link).sort();
  const theirs = links("UDEV").filter((link) => !knownToLack.test(link));
  assert.deepEqual(links("OURS"), theirs, guest.console());
  assert.ok(theirs.length >= 38, `${theirs.length} links`);
});

/** The new root is made in the shell, on a disk of 4096-byte sectors. */
const uuid = "4a1f0001-8f0e-4d53-a0a5-d1f7d1d7c001";
const facts = `echo "DRIVERS $(find /lib/modules -name '*.ko' | wc -l) $(cat /lib/modules/*/modules.dep | wc -l)"
`;
const hotplug = `
${keepKernelQuiet}
await() { until eval "$1"; do sleep 0.1; done; echo "AWAITED $2"; }
`;

/** What has drivers, with what comes of it in the end. */
const hotplugged: Partial<MachineFile> = {
  modaliases: ["pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80", "acpi:PNP0700:"],
  disks: [
    {
      name: "sr0",
      behind: [...(describedDisk({ file: blank, bus: "virtio-scsi" }, 0).behind ?? []).slice(0, 2), "scsi:t-0x05"],
    },
    {
      ...describedDisk({ file: blank }, 0),
      tags: { PTTYPE: "gpt" },
      partitions: [
        {
          after: 20,
          tags: { TYPE: "ext4", UUID: uuid, PART_ENTRY_NAME: "large part" },
          files: { ...describedDisk({ file: rootDisk }, 0).partitions?.[0]?.files, "lib/modules/": "" },
        },
      ],
    },
  ],
  programs: [{ argv: ["shell"], lasts: 60 }],
};

test("disks that come, go, get partitions and media, at any time, with sectors of 4096 bytes", async (context) => {
  const [script, factsScript] = [join(folder, "hotplug.sh"), join(folder, "facts.sh")];
  await writeFile(script, hotplug);
  await writeFile(factsScript, facts);
  const disc = join(folder, "disc.img");
  const content = join(folder, "disc");
  await mkdir(content, { recursive: true });
  await makeExt4(disc, { uuid: "4a1f0002-8f0e-4d53-a0a5-d1f7d1d7c002", label: "disc", content, size: 4 });
  const programs = ["/usr/sbin/sfdisk", "/usr/sbin/mke2fs"];
  const libraries = (await run(["ldd", ...programs])).match(/(?<=\s)\/lib\S+(?= )/g) ?? [];
  const included = [...new Set([...programs, ...libraries, "/etc/mke2fs.conf"])].flatMap((path) => ["-i", path, path]);
  const image = await buildImage(
    "devices-hotplug",
    ["-N", ...included, "-i", script, "/hotplug.sh", "-i", factsScript, "/facts.sh"],
    kernel,
  );
  const socket = join(folder, "qmp");
  const guest = bootImage(context, image, {
    cmdline: `root=UUID=${uuid} rd.break=initqueue loop.max_loop=3 rd.driver.export`,
    machine: "pc",
    described: hotplugged,
    changedByHand: true,
    qemuArguments: [
      ...controlArguments(socket),
      ...["-drive", `if=none,id=large,format=raw,snapshot=on,file=${blank}`],
      ...["-device", "virtio-blk-pci,drive=large,serial=large,logical_block_size=4096,physical_block_size=4096"],
      ...["-drive", `if=none,id=small,format=raw,snapshot=on,file=${rootDisk}`],
      ...["-device", "virtio-scsi-pci", "-device", "scsi-cd,id=cd"],
    ],
  });
  await guest.waitFor(prompt);
  const qemu = await controlQemu(socket);
  context.after(() => qemu.close());
  const awaited = async (condition: string, name: string) => {
    guest.type(`await '${condition}' ${name}\n`);
    await guest.waitFor(new RegExp(`^AWAITED ${name}\n`, "m"));
  };
  guest.type(". /hotplug.sh\n");

  // A static node: whoever opens it has the kernel ask for the driver, which comes with its parameter from the command line.
  guest.type(": </dev/loop-control; echo LOOPS $(cat /sys/module/loop/parameters/max_loop)\n");
  await guest.waitFor(/^LOOPS 3\n/m);

  await qemu.execute("device_add", { driver: "virtio-blk-pci", drive: "small", id: "hot", serial: "hot" });
  await awaited("[ -e /dev/disk/by-id/virtio-hot-part1 ]", "coming");
  await awaited(`[ -e /dev/disk/by-uuid/${rootVolume.uuid} ]`, "its-partition");

  // No partition table yet; then one, on the running disk; then a file system, of which nobody tells but the event that is asked for.
  guest.type(`echo 'label: gpt\ntype=linux, name="large part"' | sfdisk -q /dev/disk/by-id/virtio-large\n`);
  await awaited("[ -e /dev/disk/by-partlabel/large\\\\x20part ]", "partition");
  guest.type(`part=$(readlink -f /dev/disk/by-id/virtio-large-part1); /usr/sbin/mke2fs -q -t ext4 -U ${uuid} $part\n`);
  guest.type(
    "mkdir /a /b; mount -t ext4 -o ro /dev/disk/by-id/virtio-hot-part1 /a && mount -t ext4 $part /b && cp -a /a/. /b\n",
  );
  guest.type("mkdir -p /b/lib/modules; cp /facts.sh /b/facts.d/drivers\n");
  guest.type("umount /a /b; echo change >/sys/class/block/$(basename $part)/uevent\n");
  await awaited(`[ -e /dev/disk/by-uuid/${uuid} ]`, "file-system");

  await qemu.execute("device_del", { id: "hot" });
  await awaited(`[ ! -L /dev/disk/by-uuid/${rootVolume.uuid} ] && [ ! -L /dev/disk/by-id/virtio-hot ]`, "going");

  await qemu.execute("blockdev-change-medium", {
    id: "cd",
    filename: disc,
    format: "raw",
    "read-only-mode": "read-only",
  });
  await awaited("[ -e /dev/disk/by-label/disc ]", "medium");
  // The kernel tells nobody of this drive's tray.
  await qemu.execute("eject", { id: "cd", force: true });
  guest.type("echo change >/sys/class/block/sr0/uevent\n");
  await awaited("[ ! -L /dev/disk/by-label/disc ]", "no-medium");

  guest.type("exit\n");
  const { mounts, links, console } = await rootFacts(guest);
  assert.match(mounts.get("/")?.source ?? "", /^\/dev\/vd[a-z]1$/);
  assert.equal(links.get(`/dev/disk/by-uuid/${uuid}`), mounts.get("/")?.source);
  // rd.driver.export: the image's drivers, with an index of the new root's own.
  assert.equal(mounts.get("/lib/modules")?.type, "tmpfs");
  const [, files, indexed] = /^DRIVERS (\d+) (\d+)$/m.exec(console) ?? [];
  assert.ok(Number(files) > 100 && files === indexed, `${files} drivers, ${indexed} in modules.dep`);
});
