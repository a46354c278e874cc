import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { compileStatic } from "../support/compile.js";
import { type Kernel, unpackedDrivers } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { run } from "../support/run.js";

const sources = join(projectFolder, "test/bench");
const folder = join(outFolder, "bench");

/** Made anew, below out/bench. */
export async function emptyFolder(name: string): Promise<string> {
  const path = join(folder, name);
  await rm(path, { recursive: true, force: true });
  await mkdir(path);
  return path;
}

/** Packs a folder's content as a cpio archive, by a command that compresses. */
export function packImage(content: string, compressor: string, image: string): Promise<string> {
  const pack = 'cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | $2 >"$3"';
  return run(["sh", "-c", pack, "sh", content, compressor, image]);
}

/** The hand-written inits, and the drivers that they need. */
const floors = {
  floor: ["virtio_pci", "virtio_blk"],
  "folder-floor": ["virtio_pci", "virtiofs"],
  "unpack-floor": ["virtio_pci", "virtio_blk"],
};

/** Builds the image whose init is such a source. */
export const buildFloor = (kernel: Kernel, source: "floor" | "folder-floor"): Promise<string> =>
  build(kernel, { source, name: source, init: "init", options: [], compressor: "zstd -q" });

/**
 * Builds an archive that goes behind an image of ours, whose programs its init runs. That is no /init: in the image /sbin/modprobe is the same file, and
 * would become the same program. `options`: more of gcc's.
 */
export const buildSegment = (kernel: Kernel, name: string, options: readonly string[]): Promise<string> =>
  build(kernel, { source: "unpack-floor", name, init: "floor", options, compressor: "cat" });

interface Floor {
  source: keyof typeof floors;
  /** Of what is made. */
  name: string;
  init: string;
  options: readonly string[];
  compressor: string;
}

async function build(kernel: Kernel, { source, name, init, options, compressor }: Floor): Promise<string> {
  const content = await emptyFolder(name);
  const image = join(folder, `${name}.img`);
  const paths: string[] = [];
  for (const driver of await unpackedDrivers(kernel, floors[source])) {
    const file = basename(driver.path);
    paths.push(`"/${file}",`);
    await writeFile(join(content, file), driver.content);
  }
  for (const directory of ["dev", "proc", "root", "run", "sys", "tmp", "volume"]) await mkdir(join(content, directory));
  const all = [`-DFLOOR_DRIVERS=${paths.join("")}`, ...options];
  await compileStatic(join(sources, `${source}.c`), join(content, init), all);
  await packImage(content, compressor, image);
  return image;
}
