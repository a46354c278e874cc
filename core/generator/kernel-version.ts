import { existsSync, readdirSync } from "node:fs";
import { release } from "node:os";
import { basename, join, resolve } from "node:path";
import { BuildError } from "./problems.js";

/** The kernel that an image is for. */
export interface Kernel {
  release: string;
  /** Directory with modules.dep and the drivers. */
  folder: string;
}

const modulesFolder = "/lib/modules";

/** Finds a kernel's driver directory: of the release named, of `folder` (-k), or of the running kernel. Throws BuildError. */
export function findKernel(named: string | undefined, folder: string | undefined): Kernel {
  const version = named ?? (folder === undefined ? release() : basename(resolve(folder)));
  const place = resolve(folder ?? join(modulesFolder, version));
  if (existsSync(join(place, "modules.dep"))) return { release: version, folder: place };
  if (existsSync(place))
    throw new BuildError(
      `${place} has no modules.dep: run "depmod ${version}" (for a directory that is not below ${modulesFolder}: depmod -b)`,
    );
  if (folder !== undefined)
    throw new BuildError(
      `there is no directory ${place}: -k takes the directory of one kernel's drivers, as ${modulesFolder}/${version}`,
    );
  const installed = installedReleases();
  throw new BuildError(
    `${modulesFolder} has no drivers of ${named === undefined ? "the running kernel" : "kernel"} ${version}: ${
      installed.length
        ? `name an installed one with --kver (${installed.join(", ")})`
        : "no kernel is installed; install one, or name the directory of its drivers with -k"
    }, or build without drivers with --no-kernel`,
  );
}

function installedReleases(): string[] {
  if (!existsSync(modulesFolder)) return [];
  return readdirSync(modulesFolder)
    .filter((name) => existsSync(join(modulesFolder, name, "modules.dep")))
    .sort();
}

/** Where distributions keep a kernel's configuration. */
export function kernelConfigPaths(kernel: Kernel): string[] {
  return [
    join(kernel.folder, "config"),
    resolve(kernel.folder, "../../../boot", `config-${kernel.release}`),
    resolve(kernel.folder, "../../../../boot", `config-${kernel.release}`),
    `/boot/config-${kernel.release}`,
  ];
}
