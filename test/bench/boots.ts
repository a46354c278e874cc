import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { serveFolders } from "../../core/emulator/virtiofsd.js";
import { compileShared, compileStatic } from "../support/compile.js";
import { makeDisk } from "../support/disks.js";
import { type Kernel, unpackedDrivers } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { type GuestSettings, startGuest } from "../support/qemu.js";
import { run } from "../support/run.js";
import { median } from "./median.js";

const sources = join(projectFolder, "test/bench");
const folder = join(outFolder, "bench");
const rootUuid = "8f3c6a0e-52c1-4a3d-9d7e-0a1b2c3d4e5f";

/** What measured boots arrive at: what the guest has for it, and what the kernel is told. */
export interface MeasuredRoot {
  parameters: string;
  /** For one guest. */
  offer(): Promise<{ settings: Pick<GuestSettings, "disks" | "folders">; end(): Promise<void> }>;
}

/** An ext4 file system on a disk. */
export const diskRoot: MeasuredRoot = {
  parameters: `root=UUID=${rootUuid} ro`,
  offer: async () => ({ settings: { disks: [{ file: join(folder, "disk.img") }] }, end: async () => {} }),
};

/** A folder, as osbuild has it, with another one mounted. */
export const folderRoot: MeasuredRoot = {
  parameters: "rootfs=rootfs mount=mnt0 init=/sbin/init",
  async offer() {
    const { servers, stop } = await serveFolders([
      { tag: "rootfs", folder: join(folder, "root") },
      { tag: "mnt0", folder: join(folder, "start") },
    ]);
    return { settings: { folders: servers }, end: stop };
  },
};

const files = {
  plugin: join(folder, "count.so"),
  /** A cpio archive that goes behind an image. */
  start: join(folder, "start.cpio"),
};

/** Compiles what counts, and makes what all measured boots arrive at. */
export async function prepareBoots(): Promise<void> {
  await mkdir(folder, { recursive: true });
  await compileShared(join(sources, "count.c"), files.plugin, [`-DPLUGIN_INTERFACE=${await pluginInterface()}`]);

  const start = await emptyFolder("start");
  await compileStatic(join(sources, "start.c"), join(start, "start"));
  await packImage(start, "cat", files.start);

  const root = await emptyFolder("root");
  // As much of a root file system as the peers look for.
  for (const name of ["dev", "etc", "proc", "run", "sbin", "sys", "tmp", "usr"]) {
    await mkdir(join(root, name));
  }
  await writeFile(join(root, "etc/os-release"), "ID=end\n");
  await compileStatic(join(sources, "end.c"), join(root, "sbin/init"), ["-nostdlib", "-fno-stack-protector"]);
  const fileSystem = { uuid: rootUuid, label: "end", content: root, size: 32 };
  await makeDisk(join(folder, "disk.img"), [{ uuid: "8f3c6a0e-0001-4a3d-9d7e-0a1b2c3d4e5f", name: "end", fileSystem }]);
}

/** The version of the plugin interface that this machine's QEMU takes: 7.2 only 1, since 9.0 no longer 1. */
async function pluginInterface(): Promise<1 | 3> {
  const major = /version (\d+)/.exec(await run(["qemu-system-x86_64", "--version"]))?.[1];
  return Number(major) < 9 ? 1 : 3;
}

async function emptyFolder(name: string): Promise<string> {
  const path = join(folder, name);
  await rm(path, { recursive: true, force: true });
  await mkdir(path);
  return path;
}

function packImage(content: string, compressor: string, image: string): Promise<string> {
  const pack = 'cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | $2 >"$3"';
  return run(["sh", "-c", pack, "sh", content, compressor, image]);
}

/** The hand-written inits, and the drivers that they need. */
const floors = { floor: ["virtio_pci", "virtio_blk"], "folder-floor": ["virtio_pci", "virtiofs"] };

/** Builds the image whose init is such a source. */
export async function buildFloor(kernel: Kernel, source: keyof typeof floors): Promise<string> {
  const content = await emptyFolder(source);
  const image = join(folder, `${source}.img`);
  const names: string[] = [];
  for (const driver of await unpackedDrivers(kernel, floors[source])) {
    const name = basename(driver.path);
    names.push(`"/${name}",`);
    await writeFile(join(content, name), driver.content);
  }
  for (const name of ["dev", "proc", "root", "run", "sys", "tmp"]) await mkdir(join(content, name));
  await compileStatic(join(sources, `${source}.c`), join(content, "init"), [`-DFLOOR_DRIVERS=${names.join("")}`]);
  await packImage(content, "zstd -q", image);
  return image;
}

/** Millions of guest instructions from /init's first one to the first one of the new root's init; the median of three boots. */
export async function bootInstructions(
  kernel: Kernel,
  image: string,
  machine: string,
  root: MeasuredRoot,
): Promise<number> {
  const initrd = join(folder, "counted.img");
  await appendStart(image, initrd);
  const counts: number[] = [];
  for (let boot = 0; boot < 3; boot++) {
    counts.push(await countBoot(kernel, initrd, machine, root));
  }
  return median(counts);
}

/** The kernel unpacks archive after archive; an uncompressed one begins at a multiple of four bytes. */
async function appendStart(image: string, initrd: string): Promise<void> {
  const content = await readFile(image);
  const padding = Buffer.alloc((4 - (content.length % 4)) % 4);
  await writeFile(initrd, Buffer.concat([content, padding, await readFile(files.start)]));
}

async function countBoot(kernel: Kernel, initrd: string, machine: string, root: MeasuredRoot): Promise<number> {
  const countsFile = join(folder, "counts.txt");
  const { settings, end: stop } = await root.offer();
  const guest = startGuest({
    kernel: kernel.image,
    initrd,
    // Since 6.12 the kernel still tests its ciphers while /init runs: 0 to 300 million instructions that are not the boot's.
    cmdline: `quiet cryptomgr.notests rdinit=/start ${root.parameters}`,
    ...settings,
    memory: 1024,
    machine,
    logFile: join(folder, "console.log"),
    qemuArguments: ["-plugin", `${files.plugin},counts=${countsFile}`],
  });
  await guest.ended().finally(stop);
  const counts = new Map(
    (await readFile(countsFile, "utf8")).split("\n").map((line) => line.split(" ") as [string, string]),
  );
  const begin = counts.get("1");
  const end = counts.get("2");
  if (begin === undefined || end === undefined) {
    throw new Error(`the boot did not pass both markers; the console is in ${folder}/console.log`);
  }
  return (Number(end) - Number(begin)) / 1e6;
}
