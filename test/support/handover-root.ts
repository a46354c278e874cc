import { join } from "node:path";
import { cachedFolder } from "./cache.js";
import { debianRelease } from "./debian-root.js";
import { runAsRoot } from "./run.js";

/** What sees devices that are made of others, and might want to make them anew. */
const packages = "systemd-sysv,udev,login,dbus,mdadm,lvm2,cryptsetup-bin";

const recipe = [
  ...["mmdebstrap", "--quiet", "--variant=essential", `--include=${packages}`],
  ...["doc", "man", "locale", "info", "zoneinfo", "i18n"].map(
    (folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`,
  ),
  // root logs in without a password: the guest has no network.
  "--customize-hook=sed -i 's/^root:[^:]*:/root::/' \"$1/etc/passwd\"",
  '--customize-hook=echo firstlight >"$1/etc/hostname"',
  // What no boot uses: two minutes of the guest that writes the files through an encrypted volume.
  '--customize-hook=rm -r "$1"/usr/share/perl "$1"/usr/lib/*/perl "$1"/usr/lib/*/gconv "$1"/usr/lib/udev/hwdb.*',
];

/** A folder with a Debian of this machine's release that has systemd and udev with the rules of mdadm, lvm2 and cryptsetup, to be booted. Made once. */
export async function handoverRoot(): Promise<string> {
  const release = await debianRelease();
  const folder = await cachedFolder("handover-root", { recipe, release }, async (unfinished) => {
    const root = join(unfinished, "root");
    await runAsRoot([...recipe, release, root]);
    // The kernel has nodes of its own.
    await runAsRoot(["find", join(root, "dev"), "-mindepth", "1", "-delete"]);
  });
  return join(folder, "root");
}
