/** Roots on btrfs of several devices: complete, or degraded where that is asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootImage, buildImage, rootFacts } from "../support/firstlight.js";
import { layerDisks } from "../support/layer-disks.js";
import { layersRoot } from "../support/layers-root.js";
import type { Disk } from "../support/qemu.js";

const { a = "", b = "" } = await layerDisks("btrfs");
const image = await buildImage("layers-btrfs", ["-N", "--sysroot", await layersRoot(), "-a", "btrfs"]);
const uuid = "b7f50001-0000-4000-8000-000000000001";

test("a btrfs of which one device comes late is mounted when it is complete, its subvolume by rootflags", async (context) => {
  const late: Disk = { file: b, bus: "virtio-scsi", late: true };
  const cmdline = "root=LABEL=btrfs-root rootflags=degraded,subvol=@other rd.retry=120";
  const guest = bootImage(context, image, { cmdline, disks: [{ file: a }, late] });
  await guest.waitFor(/waiting for the whole file system on LABEL=btrfs-root/);
  guest.plug(late);
  const { mounts, console } = await rootFacts(guest);
  assert.equal(mounts.get("/")?.type, "btrfs");
  assert.match(console, /^OTHER-SUBVOLUME$/m);
  assert.doesNotMatch(console, /devid 2 uuid \S+ is missing/);
});

test("one that is not complete is mounted degraded, by rootflags, when nobody waits any longer", async (context) => {
  const cmdline = `root=UUID=${uuid} rootflags=degraded rd.retry=9`;
  const { mounts, console } = await rootFacts(bootImage(context, image, { cmdline, disks: [{ file: a }] }));
  assert.equal(mounts.get("/")?.type, "btrfs");
  assert.match(console, /mounted degraded: there is vda \(devid 1\) of 2 devices; missing: devid 2/);
});

test("without rootflags=degraded the report says which device is missing", async (context) => {
  const cmdline = "root=/dev/vda rd.retry=8 rd.shell=0 rd.emergency=poweroff panic=-1 rd.trace=console";
  const console = await bootImage(context, image, { cmdline, disks: [{ file: a }] }).ended();
  assert.match(
    console,
    /Waiting: the whole file system on \/dev\/vda, wanted for root\n\s+there is vda \(devid 1\) of 2 devices; missing: devid 2/,
  );
});
