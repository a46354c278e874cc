import { existsSync } from "node:fs";
import { readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { decompress, isCompressed } from "../../core/generator/decompress.js";
import { readKernelTree } from "../../core/generator/kernel-tree.js";
import { cachedFolder } from "./cache.js";
import { candidateVersion, dependencies, unpackPackage } from "./packages.js";
import { run } from "./run.js";

/** "cloud" is small and has virtio and NVMe, "full" every driver that Debian builds. */
export type KernelFlavour = "cloud" | "full";

export interface Kernel {
  /** As `uname -r` says it. */
  release: string;
  /** The bootable file. */
  image: string;
  /** The folder of modules.dep and the drivers, for mkinitrd's -k. */
  modules: string;
}

const metaPackages: Record<KernelFlavour, string> = { cloud: "linux-image-cloud-amd64", full: "linux-image-amd64" };

/** Debian's kernel, unpacked below out/. Nothing is installed, and no boot entry of this machine changes. */
export async function debianKernel(flavour: KernelFlavour): Promise<Kernel> {
  const metaPackage = metaPackages[flavour];
  await candidateVersion(metaPackage);
  const name = (await dependencies(metaPackage)).find((each) => each.startsWith("linux-image-"));
  if (name === undefined) {
    throw new Error(`Debian's package ${metaPackage} depends on no kernel`);
  }
  const release = name.slice("linux-image-".length);
  const folder = await cachedFolder(name, await candidateVersion(name), async (unfinished) => {
    await unpackPackage(name, unfinished);
    await indexDrivers(unfinished, release);
  });
  return {
    release,
    image: join(folder, "boot", `vmlinuz-${release}`),
    modules: join(folder, "lib/modules", release),
  };
}

/** A driver's file. */
export interface UnpackedDriver {
  /** Below the kernel's folder of drivers, as if it were not compressed: "kernel/fs/xfs/xfs.ko". */
  path: string;
  content: Buffer;
}

/**
 * The files of drivers and of what they need, in the order in which they have to be inserted, without what is built in. The kernel's
 * package has them compressed since Debian 13.
 */
export async function unpackedDrivers(kernel: Kernel, names: readonly string[]): Promise<UnpackedDriver[]> {
  const { drivers } = readKernelTree({ folder: kernel.modules, release: kernel.release });
  const needed = names.flatMap((name) => [...(drivers.get(name)?.dependencies ?? []), name]);
  const paths = [...new Set(needed)].flatMap((name) => drivers.get(name)?.path ?? []);
  return Promise.all(
    paths.map(async (path) => {
      const file = join(kernel.modules, path);
      const [content = Buffer.alloc(0)] = isCompressed(path) ? await decompress([file]) : [await readFile(file)];
      return { path: path.replace(/(\.ko)\.\w+$/, "$1"), content };
    }),
  );
}

async function indexDrivers(folder: string, release: string): Promise<void> {
  // Since Debian 13 the drivers lie in /usr/lib; where depmod looks for them depends on its own version.
  if (!existsSync(join(folder, "lib"))) {
    await symlink("usr/lib", join(folder, "lib"));
  }
  await run(["depmod", "-b", folder, release]);
}
