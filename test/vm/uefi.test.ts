/** Unified kernel images, made by either tool and started by UEFI firmware: no boot loader says anything. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { consoleParameters } from "../../core/emulator/qemu.js";
import type { DiskPart } from "../../core/schema/machine.js";
import { descriptionOf } from "../support/disks.js";
import { bootFrom, mkinitrdCommand, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run } from "../support/run.js";
import { debianUkify, linkPrograms, systemdStub, uefiFirmware } from "../support/uefi.js";

const { rootDisk } = await diskFixtures();
const [kernel, firmware, ukify] = [await debianKernel("cloud"), await uefiFirmware(), await debianUkify()];
const cmdline = `${consoleParameters} root=UUID=${rootVolume.uuid} rw made=here -- "of the image"`;

/** The disk that QEMU makes of a folder, as a machine file describes it. */
const folderAsDisk: Omit<DiskPart, "name"> = {
  size: 528482304,
  tags: { PTTYPE: "dos" },
  partitions: [
    { size: 528450048, tags: { TYPE: "vfat", UUID: "FABE-1AFD", LABEL: "QEMU VVFAT", PART_ENTRY_UUID: "be1afdfa-01" } },
  ],
};

/** Builds an image where firmware looks for a program on a disk that it does not know, and boots it. */
async function boot(context: TestContext, name: string, stub: string, programs: (folder: string) => string) {
  const folder = join(outFolder, "tests", `uefi-${name}`);
  rmSync(folder, { recursive: true, force: true });
  const systemPartition = join(folder, "esp");
  mkdirSync(join(systemPartition, "EFI/BOOT"), { recursive: true });
  const words = ["-q", "-N", "--uefi", "--uefi-stub", stub, "--kernel-cmdline", cmdline];
  const image = join(systemPartition, "EFI/BOOT/BOOTX64.EFI");
  writeFileSync(descriptionOf(systemPartition), JSON.stringify(folderAsDisk));
  await run(mkinitrdCommand(words, image, kernel), {
    env: { PATH: programs(join(folder, "programs")) },
  });
  const disks = [{ file: rootDisk }];
  const guest = bootFrom(
    context,
    { firmware, systemPartition },
    { disks },
    {
      image,
      commandLine: cmdline,
      settings: { disks: [{ file: systemPartition }, ...disks] },
      described: { sysfs: { "firmware/efi/efivars/": "" } },
    },
  );
  const facts = await rootFacts(guest);
  assert.equal(facts.init, "/sbin/init of the image");
  assert.equal(facts.mounts.get("/")?.type, "ext4");
  assert.ok(facts.writable && facts.environment.includes("made=here"));
}

test("UEFI firmware starts what objcopy makes", async (context) => {
  await boot(context, "objcopy", await systemdStub(), (folder) => linkPrograms(folder, ["ukify"]));
});

test("UEFI firmware starts what ukify makes", async (context) => {
  await boot(context, "ukify", ukify.stub, (folder) => `${ukify.programs}:${linkPrograms(folder, ["objcopy"])}`);
});
