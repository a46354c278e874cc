import { join } from "node:path";
import { cachedFolder } from "./cache.js";
import { debianRelease } from "./debian-root.js";
import { debianKernel } from "./kernels.js";
import { runAsRoot } from "./run.js";

/** What makes disks of others, and file systems on them, and what every image takes of its system. */
const packages = [
  ...["mdadm", "lvm2", "thin-provisioning-tools", "dmsetup", "cryptsetup-bin"],
  ...["btrfs-progs", "e2fsprogs", "dosfstools", "f2fs-tools"],
  ...["util-linux", "mount", "fdisk", "busybox-static", "dash", "kmod", "tar"],
];

/** Packages are unpacked, with all that they depend on, and not configured: no script of theirs runs. */
const recipe = [
  ...["mmdebstrap", "--quiet", "--variant=extract", `--include=${packages.join(",")}`],
  ...["doc", "man", "locale", "info"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
  // As on every system since Debian 12.
  '--setup-hook=cd "$1" && for name in bin sbin lib lib64; do mkdir -p usr/$name && ln -s usr/$name $name; done',
  '--extract-hook=cd "$1" && mkdir -p proc sys run root && for name in $(bin/busybox --list); do [ -e bin/$name ] || [ -e sbin/$name ] || ln -s busybox bin/$name; done',
];

/** The drivers, and no nodes of devices: who reads all files of the folder would read those. */
const completion = 'rm -r "$1"/dev/* && mkdir -p "$1/usr/lib/modules" && cp -a "$2" "$1/usr/lib/modules"';

/**
 * A folder with a Debian of this machine's release that has mdadm, lvm2, cryptsetup, file systems' programs, and the cloud kernel's drivers: a system
 * for mkinitrd's --sysroot, and one that a guest can run them in. Made once; nothing is installed on this machine.
 */
export async function layersRoot(): Promise<string> {
  const release = await debianRelease();
  const { modules, release: kernel } = await debianKernel("cloud");
  const folder = await cachedFolder("layers-root", { recipe, completion, release, kernel }, async (unfinished) => {
    const root = join(unfinished, "root");
    await runAsRoot([...recipe, release, root]);
    await runAsRoot(["sh", "-c", completion, "sh", root, modules]);
  });
  return join(folder, "root");
}
