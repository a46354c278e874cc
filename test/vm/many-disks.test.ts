/** The root's disk is the last of many, or comes late. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeExt4 } from "../support/disks.js";
import { bootImage, buildImage, prompt, rootFacts } from "../support/firstlight.js";
import { describedDisk } from "../support/guest-machine.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { type Disk, scsiUnits } from "../support/qemu.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";

const { rootDisk } = await diskFixtures();
const image = await buildImage("many-disks", ["-N"], await debianKernel("full"));
const byUuid = `root=UUID=${rootVolume.uuid}`;

/** Small file systems without partitions, each on a disk of its own. */
async function otherDisks(count: number): Promise<string[]> {
  const folder = join(outFolder, "tests/many-disks");
  const content = join(folder, "empty");
  await mkdir(content, { recursive: true });
  const files: string[] = [];
  for (let number = 0; number < count; number++) {
    const file = join(folder, `${number}.img`);
    const uuid = `00361d4f-646b-478c-9947-73b9bec8${String(number).padStart(4, "0")}`;
    await makeExt4(file, { uuid, label: `other ${number}`, content, size: 1 });
    files.push(file);
  }
  return files;
}

test("64 disks, the root on the last one: each has its links", async (context) => {
  const files = [...(await otherDisks(63)), rootDisk];
  const described = {
    disks: files.map((file, index) => describedDisk({ file, bus: "virtio-scsi" }, index)),
    programs: [{ argv: ["shell"], lasts: 60 }],
  };
  const cmdline = `${byUuid} rd.break=pre-mount`;
  const guest = bootImage(context, image, { cmdline, qemuArguments: scsiUnits(files, "on"), described });
  await guest.waitFor(prompt);
  guest.type("cd /dev/disk; until [ $(ls by-uuid | wc -l) = 64 ]; do sleep 1; done; exit\n");
  const { mounts, links } = await rootFacts(guest);
  assert.equal(mounts.get("/")?.type, "ext4");
  const numbers = [...links.keys()].map((link) => /by-label\/other\\x20(\d+)$/.exec(link)?.[1]);
  assert.equal(new Set(numbers.filter(Boolean)).size, 63);
  assert.ok(links.has(`/dev/disk/by-uuid/${rootVolume.uuid}`));
});

test("a USB stick that is plugged in after 20 s: the console says what is waited for, and the boot goes on", async (context) => {
  const stick: Disk = { file: rootDisk, bus: "uhci", late: true };
  const guest = bootImage(context, image, { cmdline: byUuid, disks: [stick] });
  await guest.waitFor(/Run \/init/);
  await sleep(20_000);
  await guest.waitFor(/waiting for UUID=.*, wanted for root/);
  guest.plug(stick);
  assert.equal((await rootFacts(guest)).mounts.get("/")?.type, "ext4");
});
