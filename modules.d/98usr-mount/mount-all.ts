import { type Boot, BootError, type Device, errnoOf } from "firstlight/hooks";
import { checkFileSystem, readWishes, restart, type Wishes } from "../98fsck/check.js";
import { hasOption } from "../98fsck/fstab.js";
import { mounted } from "../98fsck/mounted.js";
import { tellInit } from "../98fsck/tell-init.js";
import type { Wanted } from "./entries.js";
import { checkMountPoint, mountEntry, namesDevice } from "./mount-entry.js";

/**
 * Checks and mounts these, in this order, once the devices that they need are there; what is mounted already stays. With nofail, what is not there or cannot
 * be mounted is a warning. Rejects with BootError, which names the line.
 */
export async function mountAll(boot: Boot, wanted: readonly Wanted[]): Promise<void> {
  const missing = wanted.filter(({ target }) => !mounted(boot).some(([, point]) => point === target));
  if (!missing.length) return;
  const { wants, log } = boot;
  await Promise.all(
    missing
      .filter((entry) => namesDevice(entry) && !hasOption(entry, "nofail"))
      .map(({ source, name }) => wants.device(source, { for: name })),
  );
  const wishes = await wishesFor(boot, missing);
  for (const entry of missing)
    try {
      const device = deviceOf(boot, entry);
      if ((await check(boot, entry, device, wishes)) === "reboot") return await restart(boot);
      await mount(boot, entry, device);
    } catch (error) {
      if (!hasOption(entry, "nofail")) throw error;
      log.warning(`nofail: the boot goes on without ${textOf(error)}`);
    }
}

/** A file /forcefsck in the root has all checked in full, as the root itself. */
async function wishesFor({ root, job, parameters }: Boot, wanted: readonly Wanted[]): Promise<Wishes> {
  const wishes = readWishes({ parameters });
  if (wishes.mode !== "auto" || !wanted.some(({ isOfRoot, pass }) => isOfRoot && pass > 0)) return wishes;
  const isForced = await job("statFile", { root: root.mountPoint, path: "/forcefsck" }).then(
    () => true,
    () => false,
  );
  return isForced ? { ...wishes, mode: "force" } : wishes;
}

/** undefined: it needs none. Throws BootError. */
function deviceOf({ devices }: Boot, entry: Wanted): Device | undefined {
  if (!namesDevice(entry)) return undefined;
  const device = devices.find(entry.source);
  if (!device) throw cannot(entry, `${entry.source} is not there`);
  return device;
}

/** Before it is mounted, if it is to be checked at all, and is not in use, as the root's own device. */
async function check(boot: Boot, entry: Wanted, device: Device | undefined, wishes: Wishes): Promise<string> {
  if (!device || entry.pass === 0 || mounted(boot).some(([source]) => source === device.path)) return "unchecked";
  const result = await checkFileSystem(boot, device, entry.point, wishes);
  if (result === "checked" && entry.isOfRoot && entry.point === "/usr") tellInit(boot, "usr");
  return result;
}

async function mount(boot: Boot, entry: Wanted, device: Device | undefined): Promise<void> {
  const { point, source, target, type, options } = entry;
  try {
    await checkMountPoint(boot, entry);
    await mountEntry(boot, entry);
  } catch (error) {
    // Anything else is a defect of the code.
    throw error instanceof BootError || errnoOf(error) !== undefined ? cannot(entry, textOf(error)) : error;
  }
  boot.log.info(`${point}: ${device?.path ?? source} on ${target} (${type}, ${options})`);
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const cannot = ({ name, target }: Wanted, why: string) =>
  new BootError(
    `${name}: ${why}`,
    `Correct the line, or mount it on ${target} here, and continue-boot. With the option nofail the boot goes on without it.`,
  );
