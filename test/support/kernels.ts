import { existsSync } from "node:fs";
import { readFile, symlink, writeFile } from "node:fs/promises";
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
  /** The kernel in it, which QEMU starts by itself (PVH): under TCG it saves each boot a third of its time, which unpacking and relocating take. */
  unpacked: string;
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
  const [image, unpacked] = [`boot/vmlinuz-${release}`, `boot/vmlinux-${release}`];
  const folder = await cachedFolder(name, [await candidateVersion(name), unpacked], async (unfinished) => {
    await unpackPackage(name, unfinished);
    await indexDrivers(unfinished, release);
    await unpackKernel(join(unfinished, image), join(unfinished, unpacked));
  });
  return {
    release,
    image: join(folder, image),
    unpacked: join(folder, unpacked),
    modules: join(folder, "lib/modules", release),
  };
}

/** What unpacks a kernel, by what its payload begins with (lib/decompress.c). */
const unpackers: readonly [magic: string, argv: string][] = [
  ["02214c18", "lz4 -dc"],
  ["28b52ffd", "zstd -dc"],
  ["fd377a58", "xz -dc"],
  ["1f8b", "gzip -dc"],
];

/** Documentation/arch/x86/boot.rst: where the payload of a bootable file is. The last four bytes of it are the size of what is in it. */
async function unpackKernel(image: string, target: string): Promise<void> {
  const file = await readFile(image);
  const [sectors, offset, length] = [file.readUInt8(0x1f1), file.readUInt32LE(0x248), file.readUInt32LE(0x24c)];
  const begin = (sectors + 1) * 512 + offset;
  const payload = file.subarray(begin, begin + length - 4);
  const [, unpacker] = unpackers.find(([magic]) => payload.toString("hex", 0, magic.length / 2) === magic) ?? [];
  if (unpacker === undefined) throw new Error(`${image} is compressed by a program that is not known here`);
  await writeFile(`${target}.packed`, payload);
  await run(["sh", "-c", `${unpacker} <"$1" >"$2" && rm "$1"`, "sh", `${target}.packed`, target]);
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
