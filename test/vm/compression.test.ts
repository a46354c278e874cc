/** An image of each compression that the kernel can unpack, by each program that makes it, and with microcode before it. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bootImage, buildImage, keepKernelQuiet, prompt, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run } from "../support/run.js";

const { rootDisk } = await diskFixtures();
const disks = [{ file: rootDisk }];
const cmdline = `root=UUID=${rootVolume.uuid}`;

const compressions = ["zstd", "gzip", "pigz", "xz -3", "lz4", "lzo -3", "bzip2", "lzma -3", "none"];

test("the kernel unpacks what every compressor writes", { concurrency: 2 }, async (context) => {
  const boots = compressions.map((compression) =>
    context.test(compression, async (inner) => {
      // With the drivers of one machine: bzip2 of all of them takes a kernel under TCG half a minute.
      const options = ["-N", "--drivers", "virtio_pci virtio_blk ext4", "--compress", compression];
      const image = await buildImage(`compression-${compression.replace(" ", "")}`, options);
      assert.equal((await rootFacts(bootImage(inner, image, { cmdline, disks }))).init, "/sbin/init");
    }),
  );
  await Promise.all(boots);
});

test("microcode lies before the image, then what is compressed already; identical files are one", async (context) => {
  const firmware = join(outFolder, "tests/microcode");
  for (const folder of ["intel-ucode", "amd-ucode"]) mkdirSync(join(firmware, folder), { recursive: true });
  writeFileSync(join(firmware, "intel-ucode/06-a7-01"), "microcode of Intel");
  writeFileSync(join(firmware, "amd-ucode/microcode_amd.bin"), "microcode of AMD");
  const same = join(outFolder, "tests/same");
  writeFileSync(same, Buffer.alloc(8192, "same"));
  const copies = ["-i", same, "/copies/one", "-i", same, "/copies/two"];
  const archive = join(outFolder, "tests/archive.tar.zst");
  const bytes = randomBytes(2 << 20);
  writeFileSync(archive, bytes);
  const image = await buildImage(
    "compression-microcode",
    ["-N", "--fwdir", firmware, ...copies, "-i", archive, "/copies/archive.tar.zst"],
    await debianKernel("full"),
  );
  const listed = await run(["sh", "-c", `cpio -it --quiet <${image.file}`]);
  const folders = ["kernel", "kernel/x86", "kernel/x86/microcode"];
  const files = ["AuthenticAMD", "GenuineIntel"].map((vendor) => `kernel/x86/microcode/${vendor}.bin`);
  assert.deepEqual(listed.trim().split("\n"), [...folders, ...files]);
  const content = readFileSync(image.file);
  const stored = content.indexOf("070701", 512 * Math.ceil(content.indexOf("TRAILER!!!") / 512));
  assert.equal(stored % 512, 0);
  assert.equal(content.toString("latin1", stored + 110, stored + 116), "copies");
  assert.ok(content.includes(bytes), "as it is");
  const shell = `${cmdline} rd.break=pre-mount rd.shell`;
  const guest = bootImage(context, image, { cmdline: shell, disks });
  await guest.waitFor(prompt);
  guest.type(`${keepKernelQuiet}\n`);
  guest.type("stat -c 'COPIES %h %s' /copies/one /copies/two; cmp /copies/one /copies/two && echo EQ''UAL\n");
  await guest.waitFor(/EQUAL/);
  guest.type("sha256sum /copies/archive.tar.zst\n");
  await guest.waitFor(new RegExp(createHash("sha256").update(bytes).digest("hex")));
  assert.match(guest.console(), /COPIES 2 8192\s+COPIES 2 8192/);
  await guest.left();
});
