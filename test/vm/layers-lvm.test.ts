/** Roots on LVM: of every type of volume, on physical volumes that come late or never. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { bootImage, buildImage, rootFacts } from "../support/firstlight.js";
import { layerDisks } from "../support/layer-disks.js";
import { layersRoot } from "../support/layers-root.js";
import { outFolder } from "../support/paths.js";
import type { Disk } from "../support/qemu.js";
import { runAsRoot } from "../support/run.js";

const image = await buildImage("layers-lvm", ["-N", "--sysroot", await layersRoot(), "-a", "lvm tmpfs-root"]);
const [centos, tank, guide] = [await layerDisks("centos"), await layerDisks("tank"), await layerDisks("guide")];

const file = (path = ""): Disk => ({ file: path, bus: "virtio-scsi" });
/** Names of the mappings that are there, but for parts of volumes. */
const mapped = (links: ReadonlyMap<string, string>) =>
  [...links.keys()].flatMap((link) => link.split("/dm-name-")[1] ?? []).sort();

test("the archive of a root on a volume whose second physical volume comes late (seed's command line)", async (context) => {
  const late: Disk = { ...file(centos.b), late: true };
  const guest = bootImage(context, image, {
    cmdline:
      "root=tmpfs:/dev/mapper/centos-root rd.tmpfs.size=64M rd.tmpfs.imgfile=images/rootfs.tar.gz rd.lvm.lv=centos/root ro rhgb LANG=en_US.UTF-8",
    disks: [file(centos.a), late],
    notRehearsed: "the described archive has less in it, and how much was unpacked is told",
  });
  await guest.waitFor(/waiting for logical volume centos\/root, wanted for rd\.lvm\.lv/);
  guest.plug(late);
  const { mounts, links, run } = await rootFacts(guest);
  assert.equal(mounts.get("/")?.type, "tmpfs");
  assert.deepEqual(mapped(links), ["centos-root"]);
  assert.ok(!run.includes("/run/lvm"), "udev is told of all physical volumes anew");
});

test("a thin, a cached and a mirrored volume are activated by name, and nothing else", async (context) => {
  const cmdline = "root=/dev/tank/cached rd.lvm.lv=tank/thin rd.lvm.lv=tank/mirror rd.lvm.lv=tank/cached";
  // The root is the last: the boot waits until it is looked at, and so for the links of the others.
  const disks = [tank.a, tank.b, tank.c, centos.a, centos.b].map(file);
  const { mounts, links, console } = await rootFacts(
    bootImage(context, image, { cmdline, disks, notRehearsed: "parts of volumes have numbers, too" }),
  );
  assert.match(mounts.get("/")?.source ?? "", /^\/dev\/dm-\d+$/);
  assert.deepEqual(mapped(links), ["tank-cached", "tank-mirror", "tank-thin"]);
  assert.equal(links.get("/dev/disk/by-label/mirror-root"), links.get("/dev/disk/by-id/dm-name-tank-mirror"));
  assert.doesNotMatch(console, /dmeventd|leaked|WARNING/);
});

test("a mirrored volume starts at the timeout without one of its two physical volumes", async (context) => {
  const cmdline = "root=LABEL=mirror-root rd.lvm.lv=tank/mirror rd.retry=18";
  const { mounts, links, console } = await rootFacts(
    bootImage(context, image, {
      cmdline,
      disks: [file(tank.b), file(tank.c)],
      notRehearsed: "parts of volumes have numbers, too",
    }),
  );
  assert.equal(mounts.get("/")?.type, "ext4");
  assert.deepEqual(mapped(links), ["tank-mirror"]);
  assert.match(console, /volume group tank is not complete: what can be used of it without the rest is activated now/);
});

/** A system with this /etc/firstlight/lvm-raid.conf. */
async function systemWith(plan: string): Promise<string> {
  const folder = join(outFolder, "tests/layers-lvm-system");
  await runAsRoot(["rm", "-rf", folder]);
  await runAsRoot(["cp", "-al", await layersRoot(), folder]);
  await mkdir(join(folder, "etc/firstlight"), { recursive: true });
  await writeFile(join(folder, "etc/firstlight/lvm-raid.conf"), plan);
  return folder;
}

const system = "array UUID=6d6b0009-1c2d3e4f-50617283-94a5b6c7 /dev/md9";
const media = "array UUID=6d6b0008:1c2d3e4f:50617283:94a5b6c7 /dev/md8 optional";

test("LVM on RAID as the host's lvm-raid.conf lists it, without an optional array and an optional group", async (context) => {
  const sysroot = await systemWith(`${media}\n${system}\ngroup media optional\ngroup sys\n`);
  const stacked = await buildImage("layers-lvm-raid", ["-N", "--sysroot", sysroot, "-a", "lvm-raid"]);
  const disks = [guide.a, guide.b].map(file);
  const { links, console } = await rootFacts(
    bootImage(context, stacked, {
      cmdline: "root=/dev/sys/root rd.shell=0",
      disks,
      notRehearsed: "how often the kernel tells of an array that starts depends on the time",
    }),
  );
  assert.deepEqual(mapped(links), ["sys-root"]);
  assert.match(console, /md9: detected capacity|md\/raid1:md9: active with 2 out of 2 mirrors/);
});

test("a mistake in lvm-raid.conf stops the build with its line", async () => {
  const sysroot = await systemWith(`${system}\ngroup sys optionl\n`);
  await assert.rejects(
    buildImage("layers-lvm-raid", ["-N", "--sysroot", sysroot, "-a", "lvm-raid"]),
    /lvm-raid\.conf:2: nobody knows what "optionl" means: write group NAME \[optional\]/,
  );
});
