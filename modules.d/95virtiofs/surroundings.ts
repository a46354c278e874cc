import type { Boot, MountRequest } from "firstlight/hooks";
import { mountPoints } from "./mount-points.js";

/** What the folder's init finds, as in osbuild's initrd. Flags and modes are said again: a remount forgets those that it does not name. */
const remounted: readonly Required<MountRequest>[] = [
  { source: "devtmpfs", target: "/dev", type: "devtmpfs", options: "remount,nosuid,mode=0755,size=4m" },
  { source: "tmpfs", target: "/run", type: "tmpfs", options: "remount,nosuid,nodev,mode=0755,size=64m" },
];
const temporary = { source: "tmpfs", target: "/tmp", type: "tmpfs", options: "nosuid,nodev,mode=1777,size=128m" };
/** For container tools. */
const groups = { source: "cgroup2", target: "/sys/fs/cgroup", type: "cgroup2", options: "nosuid,noexec,nodev" };

/** Nodes of drivers that come when somebody opens them, with the modes that udev gives them. */
const nodes = [
  { path: "/dev/kvm", minor: 232, mode: 0o660 },
  { path: "/dev/loop-control", minor: 237, mode: 0o660 },
  { path: "/dev/fuse", minor: 229, mode: 0o666 },
];
/** Major number of the kernel's miscellaneous devices. */
const major = 10;

/** Gives the file systems of the initramfs their limits, and mounts the others. Rejects with OpError. */
export async function mountFileSystems({ mounts, files, log }: Boot): Promise<void> {
  // Only a kernel that has it active takes the option.
  const seclabel = files.stat("/sys/fs/selinux") ? ",seclabel" : "";
  const mounted = mountPoints({ files });
  for (const request of remounted) await mounts.mount({ ...request, options: request.options + seclabel });
  if (!mounted.has(temporary.target)) await mounts.mount({ ...temporary, options: temporary.options + seclabel });
  if (mounted.has(groups.target)) return;
  try {
    await mounts.mount(groups);
  } catch (error) {
    log.warning(`there are no control groups: ${error}`);
  }
}

/** One that has another mode was made before its driver has come, for root alone. Throws OpError. */
export function makeNodes({ files }: Boot): void {
  for (const { path, minor, mode } of nodes) {
    const found = files.stat(path);
    if (found?.mode === mode) continue;
    if (found) files.remove(path);
    files.makeNode(path, { type: "char", major, minor, mode });
  }
}
