/** Which image lsinitrd shows where none was named. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { findUsualImage } from "../../../core/image/usual-image.js";
import { problemsOf, scratchFolder } from "../generator/scratch.js";

test("the image in /boot, else the unified kernel image in the EFI system partition", async (context) => {
  const folder = scratchFolder(context, { "boot/initramfs-1.2.img": "", "etc/machine-id": "0123\n" });
  const find = () => findUsualImage("1.2", createHostFiles(folder));
  const [image, uki] = [join(folder, "boot/initramfs-1.2.img"), join(folder, "boot/efi/EFI/Linux/linux-1.2-0123.efi")];
  assert.equal(find(), image);
  rmSync(image);
  assert.deepEqual(await problemsOf(find), [
    `there is no image ${image}, and no EFI system partition is mounted: name an image`,
  ]);
  mkdirSync(join(folder, "boot/efi/EFI/Linux"), { recursive: true });
  assert.deepEqual(await problemsOf(find), [`there is no image ${image}, and no ${uki}: name an image`]);
  writeFileSync(uki, "");
  assert.equal(find(), uki);
  writeFileSync(image, "");
  assert.equal(find(), image);
});
