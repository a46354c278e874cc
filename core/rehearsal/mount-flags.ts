import type { MountFlag } from "../abi/index.js";

/** What /proc/self/mounts shows. */
const shown: readonly MountFlag[] = [
  "ro",
  "nosuid",
  "nodev",
  "noexec",
  "noatime",
  "nodiratime",
  "relatime",
  "lazytime",
  "sync",
  "dirsync",
  "mand",
];
export const propagationFlags: readonly MountFlag[] = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];

/** All that the op `mount` knows. */
export const mountFlags: readonly MountFlag[] = [
  ...shown,
  ...propagationFlags,
  "strictatime",
  "silent",
  "remount",
  "bind",
  "rbind",
];

export const shownFlags = (flags: readonly MountFlag[]): ReadonlySet<string> =>
  new Set(flags.filter((flag) => shown.includes(flag)));
