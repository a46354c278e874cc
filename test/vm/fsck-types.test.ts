/** File systems other than ext4, as they are checked by the real programs; with Debian's full kernel, for the cloud kernel has no f2fs. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { DiskPart } from "../../core/schema/machine.js";
import { cachedFolder } from "../support/cache.js";
import { descriptionOf, makeExt4 } from "../support/disks.js";
import { bootImage, buildImage, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { layersRoot } from "../support/layers-root.js";
import { run } from "../support/run.js";
import { makeTinyRoot } from "../support/tiny-root.js";

const system = await layersRoot();
const uuid = { root: "6c5b0f4e-3f6a-4a55-8d3e-6f7a0c1d2e04", flash: "6c5b0f4e-3f6a-4a55-8d3e-6f7a0c1d2e05" };
const fstab = `
LABEL=EFI /boot/efi vfat umask=0077,x-initrd.mount 0 2
UUID=${uuid.flash} /srv f2fs x-initrd.mount 0 2
`;
/** Where bits of a FAT16's boot sector tell that it was not unmounted (fatgen103, BS_Reserved1). */
const dirtyBit = 37;
/** A block of the table of segments (SIT) of an f2fs of this size, by its superblock. */
const segmentTable = 1536 * 4096;

/** As somebody has left it: a bit in the one, nothing but ones in a table of the other. */
async function damage(file: string, position: number, bytes: Buffer): Promise<void> {
  const image = await open(file, "r+");
  await image.write(bytes, 0, bytes.length, position);
  await image.close();
}

async function makeOther(file: string, mebibytes: number, command: string[], tags: DiskPart["tags"]): Promise<void> {
  await writeFile(file, "");
  await truncate(file, mebibytes << 20);
  const [program = "", ...options] = command;
  await run([join(system, "usr/sbin", program), ...options, file]);
  await writeFile(descriptionOf(file), JSON.stringify({ tags, size: `${mebibytes}M`, files: {}, fsck: 1 }));
}

const recipe = { uuid, fstab, dirtyBit, segmentTable };
const folder = await cachedFolder("fsck-types", recipe, async (unfinished) => {
  const root = await mkdtemp(join(unfinished, "root-"));
  await makeTinyRoot(root);
  for (const name of ["boot/efi", "srv"]) await mkdir(join(root, name), { recursive: true });
  await writeFile(join(root, "etc/fstab"), fstab);
  await makeExt4(join(unfinished, "root.img"), { uuid: uuid.root, label: "ROOT", content: root, size: 16 });
  await rm(root, { recursive: true });
  const [efi, flash] = ["efi", "flash"].map((name) => join(unfinished, `${name}.img`)) as [string, string];
  const vfat = ["mkfs.vfat", "-F", "16", "-n", "EFI", "-i", "1234ABCD"];
  await makeOther(efi, 16, vfat, { TYPE: "vfat", UUID: "1234-ABCD", LABEL: "EFI" });
  await damage(efi, dirtyBit, Buffer.of(1));
  await makeOther(flash, 64, ["mkfs.f2fs", "-q", "-U", uuid.flash], { TYPE: "f2fs", UUID: uuid.flash });
  await damage(flash, segmentTable, Buffer.alloc(4096, 0xff));
});
const disks = ["root", "efi", "flash"].map((name) => ({ file: join(folder, `${name}.img`) }));
const kernel = await debianKernel("full");
const image = await buildImage("fsck-types", ["-N", "--sysroot", system, "-a", "fsck usr-mount"], kernel);
const checkAll = `root=UUID=${uuid.root} fsck.mode=force`;

test("FAT and f2fs are repaired before they are mounted", async (context) => {
  const { console, mounts } = await rootFacts(bootImage(context, image, { cmdline: checkAll, disks }));
  assert.equal(mounts.get("/boot/efi")?.type, "vfat");
  assert.equal(mounts.get("/srv")?.type, "f2fs");
  assert.match(console, /Automatically removing dirty bit/);
  assert.match(console, /errors were repaired \(fsck\.vfat: status 1\)/);
  assert.match(console, /errors were repaired \(fsck\.f2fs: status 1\)/);
});

test("with fsck.repair=no what is found is told of, and left: the boot stops where the kernel does not mount it", async (context) => {
  const notRehearsed = "whether the kernel mounts what is damaged is not simulated";
  const cmdline = `${checkAll} fsck.repair=no rd.shell=0 rd.emergency=poweroff`;
  const console = await bootImage(context, image, { cmdline, disks, notRehearsed }).ended();
  assert.match(console, /errors were found, and left as they are \(fsck\.repair=no\) \(fsck\.vfat: status 1\)/);
  assert.match(console, /errors were found, and left as they are \(fsck\.repair=no\) \(fsck\.f2fs: status 1\)/);
  assert.match(console, /^What: +\/srv \(line 3 of the root's \/etc\/fstab\): \/dev\/vdc cannot be mounted as f2fs/m);
});
