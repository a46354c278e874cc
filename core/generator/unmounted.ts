import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { type HostMount, mountAt } from "./host-mounts.js";

/**
 * The directory that fstab would mount, and that is not mounted, where a file is about to be written: that file would be hidden as soon as it is.
 * undefined: there is none. `sysroot`: the system that fstab is of.
 */
export function unmountedAbove(
  path: string,
  sysroot: string,
  fstab: readonly HostMount[],
  mounts: readonly HostMount[],
): string | undefined {
  const place = `${realpathSync(dirname(path))}/`;
  return fstab
    .filter(({ point }) => point.startsWith("/") && point !== "/")
    .map(({ point }) => join(sysroot, point))
    .find((point) => place.startsWith(`${point}/`) && !mountAt(mounts, point));
}
