import { existsSync, readdirSync } from "node:fs";
import { release } from "node:os";
import { basename, join, resolve } from "node:path";
import { createHostFiles, type HostFiles } from "./host-files.js";
import { BuildError } from "./problems.js";

/** The kernel that an image is for. */
export interface Kernel {
  release: string;
  /** Directory with modules.dep and the drivers. */
  folder: string;
}

/** Text of the configuration that the kernel was built with; undefined: it is neither where Fedora has it nor where Debian has it. */
export function kernelConfig({ release, folder }: Kernel, host: HostFiles): string | undefined {
  return createHostFiles().readText(join(folder, "config")) ?? host.readText(`/boot/config-${release}`);
}

/**
 * Finds a kernel's driver directory: of the release named, of `folder` (-k), of the running kernel, or of the only one of another system,
 * `host`. Throws BuildError.
 */
export function findKernel(named: string | undefined, folder: string | undefined, host = createHostFiles()): Kernel {
  const modulesFolder = placeOfModules(host);
  const version = named ?? (folder === undefined ? usualRelease(host) : basename(resolve(folder)));
  const place = resolve(folder ?? join(modulesFolder, version));
  if (existsSync(join(place, "modules.dep"))) return { release: version, folder: place };
  if (existsSync(place))
    throw new BuildError(
      `${place} has no modules.dep: run "depmod ${version}" (for a directory that is not below ${modulesFolder}: depmod -b)`,
    );
  if (folder !== undefined)
    throw new BuildError(
      `there is no directory ${place}: -k takes the directory of one kernel's drivers, as ${modulesFolder}/${installedReleases(host)[0] ?? "KVER"}`,
    );
  const installed = installedReleases(host);
  throw new BuildError(
    `${modulesFolder} has no drivers of ${named === undefined ? "the running kernel" : "kernel"} ${version}: ${
      installed.length
        ? `name an installed one with --kver (${installed.join(", ")})`
        : "no kernel is installed; install one, or name the directory of its drivers with -k"
    }, or build without drivers with --no-kernel`,
  );
}

/** Directory with a directory for each release, as the operating system knows it. */
function placeOfModules(host: HostFiles): string {
  return host.outside(host.resolve("/lib/modules")?.path ?? "/lib/modules");
}

/** The running kernel's says nothing of another system's. */
function usualRelease(host: HostFiles): string {
  const installed = installedReleases(host);
  return host.outside("/") !== "/" && installed[0] !== undefined && installed.length === 1 ? installed[0] : release();
}

/** Releases of the kernels whose drivers are there, sorted. */
export function installedReleases(host: HostFiles): string[] {
  const modulesFolder = placeOfModules(host);
  if (!existsSync(modulesFolder)) return [];
  return readdirSync(modulesFolder)
    .filter((name) => existsSync(join(modulesFolder, name, "modules.dep")))
    .sort();
}

/** Where distributions keep a kernel's configuration. */
export function kernelConfigPaths(kernel: Kernel): string[] {
  return [
    join(kernel.folder, "config"),
    // Of the package with the headers.
    join(kernel.folder, "build/.config"),
    ...bootFilePaths(kernel, `config-${kernel.release}`),
  ];
}

/** Where a file of the kernel's package for /boot may lie: in the /boot beside its drivers, or in the system's own. */
function bootFilePaths(kernel: Kernel, name: string): string[] {
  return [
    resolve(kernel.folder, "../../../boot", name),
    resolve(kernel.folder, "../../../../boot", name),
    join("/boot", name),
  ];
}

/** Where the bootable file of a kernel may lie, the likeliest first. */
export function kernelImagePaths(kernel: Kernel): string[] {
  return [join(kernel.folder, "vmlinuz"), ...bootFilePaths(kernel, `vmlinuz-${kernel.release}`)];
}
