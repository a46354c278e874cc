import { dirname, join } from "node:path";
import { cachedFolder } from "../support/cache.js";
import type { Kernel } from "../support/kernels.js";
import { runAsRoot } from "../support/run.js";

/** The generators, and what apt installs beside dracut unless told otherwise: its generic image has a part for each of these. */
const packages = [
  ...["dracut-core", "initramfs-tools-core", "tiny-initramfs-core", "busybox-static", "zstd", "e2fsprogs"],
  ...["systemd-sysv", "udev", "cryptsetup", "dmsetup", "dmraid", "lvm2", "mdadm", "console-setup", "binutils", "pigz"],
  "pkg-config",
];

/** A way to build an image with another project's generator, inside of the Debian that `peerSystem` makes. */
export interface Peer {
  name: string;
  /** Which image of ours it is comparable with. */
  kind: "generic" | "host-only";
  image: string;
  command(release: string): string[];
}

/** What all of them compress with: the level that initramfs-tools has unless told otherwise, and ours. */
export const level = "-9";

const compressor = ["--compress", `zstd -q -T0 ${level}`];
const quietly = ["dracut", "--force", "--quiet", ...compressor];

export const dracut: Peer = {
  name: "dracut -N",
  kind: "generic",
  image: "/tmp/dracut.img",
  command: (release) => [...quietly, "--no-hostonly", "/tmp/dracut.img", release],
};
/** Nothing that is to be seen here has a driver, so that this is the least that it makes. */
const hostOnlyDracut: Peer = {
  name: "dracut",
  kind: "host-only",
  image: "/tmp/dracut-host.img",
  command: (release) => [...quietly, "--hostonly", "--no-hostonly-cmdline", "/tmp/dracut-host.img", release],
};
/** MODULES=most is how Debian configures it. */
export const initramfsTools: Peer = {
  name: "mkinitramfs, MODULES=most",
  kind: "generic",
  image: "/tmp/initramfs-tools.img",
  command: (release) => ["mkinitramfs", "-c", "zstd", "-l", level.slice(1), "-o", "/tmp/initramfs-tools.img", release],
};
/** It has to be told the drivers, and compresses by gzip. */
const tinyInitramfs: Peer = {
  name: "mktirfs, two drivers",
  kind: "generic",
  image: "/tmp/tiny-initramfs.img",
  command: (release) => {
    const options = ["--auto-modules=no", "--microcode=no", "--include-modules=virtio_pci,virtio_blk"];
    return ["mktirfs", ...options, "-o", "/tmp/tiny-initramfs.img", release];
  },
};

export const peers: readonly Peer[] = [dracut, initramfsTools, tinyInitramfs, hostOnlyDracut];

const remedy =
  "no Debian with them can be made, and nothing is measured beside them: mmdebstrap needs a mirror of Debian that it can reach; run this again where it does";

/** The folder of a small Debian with all the peers, the kernel's drivers and its configuration. */
export async function peerSystem({ release, modules, image }: Kernel): Promise<string> {
  const options = [
    ...["--quiet", "--variant=essential", `--include=${packages.join(",")}`],
    ...["doc", "man"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
  ];
  const folder = await cachedFolder("peers", { options, release }, async (unfinished) => {
    const system = join(unfinished, "system");
    await runAsRoot(["mmdebstrap", ...options, "bookworm", system]).catch(async (error: Error) => {
      await runAsRoot(["rm", "-rf", system]);
      throw new Error(`${remedy}\n${error.message}`);
    });
    const drivers = join(system, "lib/modules");
    await runAsRoot(["mkdir", "-p", drivers]);
    await runAsRoot(["cp", "-a", modules, drivers]);
    await runAsRoot(["cp", join(dirname(image), `config-${release}`), join(system, "boot")]);
  });
  return join(folder, "system");
}

/** What runs a peer's command with the peers' system as its root; its mounts are gone with it. As root. */
export function inside(system: string, command: readonly string[]): string[] {
  const enter =
    'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount --rbind /sys "$0/sys" && mount -t tmpfs run "$0/run" && exec chroot "$0" "$@"';
  return ["unshare", "--mount", "sh", "-c", enter, system, ...command];
}
