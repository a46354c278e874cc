import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { createHostFiles, type HostFiles } from "../generator/host-files.js";
import { BuildError } from "../generator/problems.js";

/** What a guest is booted with. */
export interface GuestKernel {
  /** As `uname -r` says. */
  release: string;
  /** The bootable file. */
  image: string;
  /** Folder with modules.dep and the drivers. */
  modules: string;
}

const byVersion = new Intl.Collator("en", { numeric: true });

/** The kernel of the highest version in a root: Fedora and others have it beside its drivers, Debian in /boot. Throws BuildError: there is none. */
export function kernelOfRoot(root: string): GuestKernel {
  const host = createHostFiles(resolve(root));
  const folder = folderOfModules(host);
  const releases = (host.list(folder) ?? []).toSorted((one, other) => byVersion.compare(other, one));
  for (const release of releases) {
    const modules = join(folder, release);
    const image = [join(modules, "vmlinuz"), `/boot/vmlinuz-${release}`].find(
      (path) => host.resolve(path)?.stats.isFile() && host.resolve(join(modules, "modules.dep")),
    );
    const outside = (path: string) => host.outside(host.resolve(path)?.path ?? path);
    if (image !== undefined) return { release, image: outside(image), modules: outside(modules) };
  }
  const what = releases.length
    ? `drivers of ${releases.join(", ")}, but no usr/lib/modules/KVER/vmlinuz with a modules.dep beside it, and no boot/vmlinuz-KVER`
    : "no usr/lib/modules/KVER";
  throw new BuildError(
    `${root} has no kernel to boot (${what}): install one in it ("chroot ${root} apt-get install linux-image-cloud-amd64"), or name another one by --kernel FILE --kernel-modules DIR`,
  );
}

function folderOfModules(host: HostFiles): string {
  return host.list("/usr/lib/modules") ? "/usr/lib/modules" : "/lib/modules";
}

/** A kernel that a person has named. Throws BuildError: `modules` is no folder of drivers. */
export function namedKernel(image: string, modules: string): GuestKernel {
  const release = basename(resolve(modules));
  if (existsSync(join(modules, "modules.dep"))) return { release, image, modules };
  throw new BuildError(
    `--kernel-modules ${modules} has no modules.dep: it is the folder of one kernel's drivers, as ROOTFS/usr/lib/modules/KVER, once depmod has run for it`,
  );
}
