/** A disk on every kind of controller: its driver comes by modalias, with all that it depends on. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeDisk } from "../support/disks.js";
import { bootImage, buildImage, prompt, rootFacts, tryAgain, wordsInShell } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { type Bus, buses } from "../support/qemu.js";
import { diskFixtures, rootForms, rootVolume, type VolumeNames } from "../support/root-disks.js";

const { rootDisk } = await diskFixtures();
const image = await buildImage("buses", ["-N"], await debianKernel("full"));

/** Each bus with another form of root=. A disk on UHCI is in many-disks.test.ts. */
const bootsFrom: [Bus, string][] = [
  ["virtio-blk", "/dev/vda1"],
  ["virtio-scsi", `PARTUUID=${rootVolume.partitionUuid}`],
  ["nvme", "/dev/disk/by-partlabel/the\\x20first\\x20root"],
  ["ahci", `LABEL=${rootVolume.label}`],
  ["ehci", `PARTLABEL=${rootVolume.partitionName}`],
  ["xhci", `/dev/disk/by-partuuid/${rootVolume.partitionUuid}`],
  ["uas", "/dev/disk/by-label/tiny\\x2froot\\x20one"],
  ["sd", "/dev/mmcblk0p1"],
];

for (const [bus, form] of bootsFrom) {
  test(`${bus} root=${form}`, async (context) => {
    const disks = [{ file: rootDisk, bus }];
    const guest = bootImage(context, image, { cmdline: `root="${form}"`, disks });
    assert.equal((await rootFacts(guest)).mounts.get("/")?.type, "ext4");
  });
}

function volumeOn(bus: Bus): VolumeNames {
  const number = buses.indexOf(bus);
  return {
    uuid: `00361d4f-646b-478c-9947-73b9bec8500${number}`,
    label: `on ${bus}/1`,
    partitionUuid: `5a1f0001-8f0e-4d53-a0a5-d1f7d1d7d00${number}`,
    partitionName: `a root on ${bus}`,
  };
}

async function diskOn(bus: Bus): Promise<{ file: string; bus: Bus }> {
  const { uuid, label, partitionUuid, partitionName } = volumeOn(bus);
  const folder = join(outFolder, "tests/buses");
  const content = join(folder, "empty");
  await mkdir(content, { recursive: true });
  const file = join(folder, `${bus}.img`);
  await makeDisk(file, [{ uuid: partitionUuid, name: partitionName, fileSystem: { uuid, label, content, size: 6 } }]);
  return { file, bus };
}

/** All tags but the UUID, which comes first; paths are the same code on every bus. */
const formsOf = (bus: Bus, device: string) =>
  rootForms(volumeOn(bus), device)
    .slice(1)
    .filter((form) => bus === "sd" || !form.startsWith("/"));

const wordOf = (form = "") => `root="${form}"`;

/** Without the one that takes each boot two seconds, with 1 MB a second. */
const fastBuses = buses.filter((bus) => bus !== "uhci");

// None of these roots has an init: the boot mounts it, says so, and the shell is where the next one is named.
test("every disk by every tag that root= takes, one boot after the other in one guest", async (context) => {
  const disks = await Promise.all(fastBuses.map(diskOn));
  const lastForm = rootForms(volumeOn("sd"), "").at(-1);
  const described = wordsInShell(wordOf(lastForm));
  const guest = bootImage(context, image, { cmdline: "", disks, described });
  const mountedBy = async (form: string) => {
    await tryAgain(guest, wordOf(form));
    const [, device = ""] = await guest.waitFor(/root: (\S+) on \/sysroot|^What: .*\n/m);
    return device;
  };
  for (const bus of fastBuses) {
    const volume = volumeOn(bus);
    const device = await mountedBy(`UUID=${volume.uuid}`);
    for (const form of formsOf(bus, device)) {
      assert.equal(await mountedBy(form), device, `${form} on ${bus}`);
    }
  }
  await guest.waitFor(prompt);
  await guest.left();
});
