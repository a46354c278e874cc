/** Which image of those on a system is the one that a recording is of. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { bundlePath } from "../../../core/abi/index.js";
import { findBootedImage } from "../../../core/bug-report/booted-image.js";
import { projectFolder } from "../../support/paths.js";
import { run } from "../../support/run.js";
import { scratchFolder } from "../generator/scratch.js";

const [booted, other] = ["0123456789abcdef", "fedcba9876543210"];

/** A system with images at these places, each with the boot code of this id, and this kernel command line. */
async function system(context: TestContext, cmdline: string, images: Readonly<Record<string, string>>) {
  const root = scratchFolder(context, { "proc/cmdline": `${cmdline}\n` });
  const [list, code] = [join(root, "list"), join(root, "code")];
  for (const [path, id] of Object.entries(images)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(code, `boot code ${id}`);
    writeFileSync(list, `file ${bundlePath} ${code} 644 0 0\n`);
    await run([join(projectFolder, "tools/gen-init-cpio"), "-o", join(root, "made"), list]);
    copyFileSync(join(root, "made"), join(root, path));
  }
  return { root, find: (bundle?: string) => findBootedImage(bundle, "6.1", root) };
}

const usual = "boot/initramfs-6.1.img";
const found: [what: string, cmdline: string, image: string][] = [
  ["usual names", "root=x", usual],
  ["Debian's name", "root=x", "boot/initrd.img-6.1"],
  ["GRUB with a partition of its own for /boot", "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-5.10 ro", "boot/initrd.img-5.10"],
  ["GRUB without", "BOOT_IMAGE=/boot/vmlinuz-5.10 ro", "boot/initramfs-5.10.img"],
  ["systemd-boot", "initrd=\\ucode.img initrd=\\m1\\6.1\\initrd ro", "efi/m1/6.1/initrd"],
  ["names of one's own", "ro", "boot/initramfs-test.img"],
  ["unified kernel images", "ro", "boot/efi/EFI/Linux/mine.efi"],
];
for (const [what, cmdline, image] of found)
  test(`the image that was booted is found among others: ${what}`, async (context) => {
    const { root, find } = await system(context, cmdline, {
      [usual]: other,
      [image]: booted,
      "boot/initrd-old": other,
    });
    assert.deepEqual(await find(booted), { path: join(root, image), booted: true });
  });

test("where it is not there, the first that can be read is named as another one; without a recording nobody can tell", async (context) => {
  const { root, find } = await system(context, "ro", { [usual]: "no image", "boot/initrd-6.1": other });
  writeFileSync(join(root, usual), "no image");
  assert.deepEqual(await find(booted), { path: join(root, "boot/initrd-6.1"), booted: false });
  assert.deepEqual(await find(), { path: join(root, usual), booted: undefined });
  rmSync(join(root, "boot"), { recursive: true });
  assert.equal(await find(booted), undefined);
});
