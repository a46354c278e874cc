import { chmod, copyFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cachedFolder } from "./cache.js";
import { candidateVersion, unpackPackage } from "./packages.js";
import { recordingLine } from "./qemu.js";
import { run } from "./run.js";

/**
 * Says what the initrd has handed over, and ends the guest. The lines SIZE (of its file system) and FREE (memory) count KiB, a PROCESS is none of
 * the kernel's own. A test adds what else it wants to know as scripts in /facts.d.
 */
const init = `#!/bin/sh
# Messages of the kernel stay out of the facts.
dmesg -n 1
echo "ROOT-REACHED $0 $*"
while read -r line; do echo "MOUNT $line"; done </proc/mounts
echo "SIZE $(df -Pk / | awk 'END { print $2 }')"
# The initrd's process that deletes the initramfs.
while grep -qs "(init) [^Z]" /proc/[2-9]*/stat /proc/1[0-9]*/stat; do :; done
sed -n 's/^MemFree: *\\([0-9]*\\) kB/FREE \\1/p' /proc/meminfo
for link in /dev/disk/by-*/*; do echo "LINK $link $(readlink -f "$link")"; done
tr '\\0' '\\n' </proc/1/environ | sed 's/^/ENVIRONMENT /'
for process in /proc/[0-9]*; do [ -e $process/exe ] && echo "PROCESS \${process#/proc/}"; done
for file in /run/*; do echo "RUN $file"; done
touch /written 2>/dev/null && echo ROOT-WRITABLE
for script in /facts.d/*; do [ -e "$script" ] && . "$script"; done
# What the initrd has recorded, where the guest has a line for it.
(cat /run/initramfs/trace* >${recordingLine}) 2>/dev/null
echo ROOT-DONE
# Waits until the serial line has it all: the kernel's last words would come in between.
stty sane </dev/console
poweroff -f
`;

/** The path of Debian's static busybox, unpacked below out/. */
export async function staticBusybox(): Promise<string> {
  const name = "busybox-static";
  const folder = await cachedFolder(name, await candidateVersion(name), async (unfinished) => {
    const unpacked = join(unfinished, "unpacked");
    await mkdir(unpacked);
    await unpackPackage(name, unpacked);
    // In /bin before Debian 13, in /usr/bin since.
    await run([
      "sh",
      "-c",
      'cp "$1"/bin/busybox "$2" 2>&1 || cp "$1"/usr/bin/busybox "$2"',
      "sh",
      unpacked,
      unfinished,
    ]);
    await rm(unpacked, { recursive: true });
  });
  return join(folder, "busybox");
}

/** Fills a folder with the smallest root file system that can report: busybox and an init of a few lines. */
export async function makeTinyRoot(folder: string): Promise<void> {
  for (const name of ["bin", "dev", "etc", "facts.d", "proc", "run", "sbin", "sys", "tmp"]) {
    await mkdir(join(folder, name), { recursive: true });
  }
  const busybox = join(folder, "bin/busybox");
  await copyFile(await staticBusybox(), busybox);
  await chmod(busybox, 0o755);
  for (const applet of (await run([busybox, "--list"])).trim().split("\n")) {
    if (applet !== "busybox" && applet !== "init") {
      await symlink("busybox", join(folder, "bin", applet));
    }
  }
  await writeFile(join(folder, "sbin/init"), init, { mode: 0o755 });
  // A second name for it, for init= to choose.
  await symlink("init", join(folder, "sbin/other-init"));
}
