/** A disk on every kind of controller: its driver comes by modalias, with all that it depends on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootImage, buildImage, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import type { Bus } from "../support/qemu.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";

const { rootDisk } = await diskFixtures();
const image = await buildImage("buses", ["-N"], await debianKernel("full"));
const buses: Bus[] = ["virtio-blk", "virtio-scsi", "nvme", "ahci", "usb"];

for (const bus of buses) {
  test(`block root on ${bus}`, async (context) => {
    const disks = [{ file: rootDisk, bus }];
    const guest = bootImage(context, image, { cmdline: `root=UUID=${rootVolume.uuid}`, disks });
    assert.equal((await rootFacts(guest)).mounts.get("/")?.type, "ext4");
  });
}
