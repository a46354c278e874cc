import { type Boot, type Device, errnoOf } from "firstlight/hooks";
import { checkers } from "./checkers.js";
import { parseFstab } from "./fstab.js";

/** Where the root is mounted, before its check, for a look. */
const place = "/run/initramfs/fsck";

/**
 * What the root itself says of its check: "never", by a 0 in the sixth field of its fstab; "force", by a file /forcefsck. It is mounted for that so that nothing
 * is written to it. undefined: nothing, or it cannot be mounted, as may be where it is damaged.
 */
export async function lookAtRoot(boot: Boot, device: Device): Promise<"never" | "force" | undefined> {
  const { mounts, drivers, log, job } = boot;
  const type = device.tags.TYPE ?? "";
  await drivers.load(`fs-${type}`);
  try {
    await mounts.mount({ source: device.path, target: place, type, options: checkers[type]?.look ?? "ro" });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    log.info(`${device.path} is checked without a look at its fstab: ${error}`);
    return undefined;
  }
  try {
    const forced = await job("statFile", { root: place, path: "/forcefsck" }).then(
      () => true,
      () => false,
    );
    if (forced) return "force";
    const { data } = await job("readFile", { root: place, path: "/etc/fstab" });
    const line = parseFstab(data).entries.find(({ point }) => point === "/");
    return line?.pass === 0 ? "never" : undefined;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    // A root without fstab.
    return undefined;
  } finally {
    await letGo(boot);
  }
}

/** Where it stays mounted, its check says so. */
async function letGo({ mounts, files, log }: Boot): Promise<void> {
  try {
    await mounts.unmount(place);
    files.remove(place);
  } catch (error) {
    log.warning(String(error));
  }
}
