import { join } from "node:path";
import { decompress, isCompressed } from "./decompress.js";
import { ElfError, readModinfo } from "./elf.js";
import { createHostFiles, type HostFiles } from "./host-files.js";
import type { DriverInTree, KernelTree } from "./kernel-tree.js";
import { BuildError, reasonOf } from "./problems.js";
import { hostFile, type Tree } from "./tree.js";

/** Path of a driver in the image: as on the host, but never compressed, the image being compressed as a whole. */
export function driverPath(release: string, path: string): string {
  return `/usr/lib/modules/${release}/${path.replace(/\.(xz|zst|gz)$/, "")}`;
}

/** What the drivers' files say of them. */
export interface InstalledDrivers {
  /** Firmware that each one names, by its name. */
  firmware: Map<string, string[]>;
  /** Bytes of each one's file in the image, by name. */
  sizes: Map<string, number>;
}

/** Puts the drivers' files into the image. Throws BuildError. */
export async function installDrivers(
  kernel: KernelTree,
  drivers: readonly DriverInTree[],
  tree: Tree,
): Promise<InstalledDrivers> {
  const host = createHostFiles();
  const sources = drivers.map((driver) => ({ driver, ...findSource(kernel, driver, host) }));
  const packed = sources.flatMap(({ path }) => (isCompressed(path) ? [path] : []));
  const unpacked = new Map((await decompress(packed)).map((content, index) => [packed[index], content]));
  const firmware = new Map<string, string[]>();
  const sizes = new Map<string, number>();
  for (const { driver, path, found } of sources) {
    const file = hostFile(host, found, 0o644);
    const content = unpacked.get(path);
    sizes.set(driver.name, content?.length ?? found.stats.size);
    tree.add(driverPath(kernel.release, driver.path), content && file.type === "file" ? { ...file, content } : file);
    const modinfo = modinfoOf(path, content);
    checkRelease(kernel, driver, modinfo);
    const names = modinfo.flatMap((entry) => /^firmware=(.+)$/.exec(entry)?.[1] ?? []);
    if (names.length) firmware.set(driver.name, names);
  }
  const nodes = drivers.flatMap(({ name }) => kernel.staticNodes.get(name) ?? []);
  if (nodes.length)
    tree.add(driverPath(kernel.release, "modules.devname"), {
      type: "file",
      mode: 0o644,
      content: Buffer.from(`${nodes.join("\n")}\n`),
      modified: 0,
    });
  return { firmware, sizes };
}

function findSource({ folder, release }: KernelTree, driver: DriverInTree, host: HostFiles) {
  const path = join(folder, driver.path);
  const found = host.resolve(path);
  if (!found) throw new BuildError(`${path} is named by modules.dep, but is not there: run "depmod ${release}"`);
  return { path, found };
}

/**
 * The drivers of a directory that -k names tell which kernel it is of. Only those below kernel/ came with it: others may have been made
 * for a kernel that it is compatible with (Red Hat's weak-updates). vermagic: include/linux/vermagic.h.
 */
function checkRelease({ release, folder }: KernelTree, { path }: DriverInTree, modinfo: readonly string[]): void {
  if (!path.startsWith("kernel/")) return;
  const [, own] = modinfo.map((entry) => /^vermagic=(\S+)/.exec(entry)).find((match) => match !== null) ?? [];
  if (own !== undefined && own !== release)
    throw new BuildError(
      `${join(folder, path)} is of kernel ${own}, but the image is for ${release}: say --kver ${own}, or name the directory of ${release} with -k`,
    );
}

function modinfoOf(path: string, content: Buffer | undefined): string[] {
  try {
    return readModinfo(content ?? path);
  } catch (error) {
    throw new BuildError(
      `${path} ${error instanceof ElfError ? error.message : `cannot be read: ${reasonOf(error)}`}: reinstall the kernel's package`,
    );
  }
}
