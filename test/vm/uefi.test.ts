/** Unified kernel images, made by either tool and started by UEFI firmware: no boot loader says anything. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { consoleParameters } from "../../core/emulator/qemu.js";
import { bootFrom, mkinitrdCommand, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run } from "../support/run.js";
import { debianUkify, linkPrograms, systemdStub, uefiFirmware } from "../support/uefi.js";

const { rootDisk } = await diskFixtures();
const [kernel, firmware, ukify] = [await debianKernel("cloud"), await uefiFirmware(), await debianUkify()];
const cmdline = `${consoleParameters} root=UUID=${rootVolume.uuid} rw made=here -- "of the image"`;

/**
 * Builds an image where firmware looks for a program on a disk that it does not know, and boots it. That boot is not compared with its rehearsal: simulated
 * machines have no EFI variables, and no disk that firmware makes of a folder.
 */
async function boot(context: TestContext, name: string, stub: string, programs: (folder: string) => string) {
  const folder = join(outFolder, "tests", `uefi-${name}`);
  rmSync(folder, { recursive: true, force: true });
  const systemPartition = join(folder, "esp");
  mkdirSync(join(systemPartition, "EFI/BOOT"), { recursive: true });
  const words = ["-q", "-N", "--uefi", "--uefi-stub", stub, "--kernel-cmdline", cmdline];
  await run(mkinitrdCommand(words, join(systemPartition, "EFI/BOOT/BOOTX64.EFI"), kernel), {
    env: { PATH: programs(join(folder, "programs")) },
  });
  const facts = await rootFacts(bootFrom(context, { firmware, systemPartition }, { disks: [{ file: rootDisk }] }));
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
