import { type Boot, BootError, type Device } from "firstlight/hooks";
import { plainUuid } from "./identity.js";
import { describePlace, type Place } from "./places.js";

let mountPoints = 0;

/** What a file is wanted for, and how long its device is waited for. */
interface Asker {
  for: string;
  /** Milliseconds. Left out: rd.retry. */
  within?: number | undefined;
}

/** Is it the device that `spec` names, in the forms of `Devices.find`, or by the beginning of a UUID? */
export function isMeant({ devices }: Boot, spec: string, device: Device): boolean {
  const uuid = /^UUID=(.+)$/.exec(spec)?.[1];
  if (uuid !== undefined) return device.tags.UUID?.toLowerCase().startsWith(plainUuid(uuid)) ?? false;
  return devices.find(spec)?.name === device.name;
}

/** Calls `use` with the path of a file, whose device is waited for, and mounted for so long. Throws a BootError: it is not to be had. */
export async function withFile<Result>(
  boot: Boot,
  place: Place,
  asker: Asker,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  const { path, device } = place;
  if (device === undefined || (device === "anywhere" && boot.files.stat(path))) {
    if (path.startsWith("/dev/")) return use((await awaitDevice(boot, path, asker)).path);
    if (!boot.files.stat(path))
      throw new BootError(`${path} is not in the image`, `Put it there: mkinitrd --install ${path}.`);
    return use(path);
  }
  const mounted = await mountFileSystem(boot, { path, device }, asker);
  try {
    return await use(`${mounted}${path}`);
  } finally {
    await unmount(boot, mounted);
  }
}

const awaitDevice = ({ wants, devices }: Boot, spec: string, asker: Asker) =>
  until(wants, spec, asker, () => devices.find(spec));

function until<Result>(
  wants: Boot["wants"],
  what: string,
  { for: purpose, within }: Asker,
  attempt: () => Result | undefined | Promise<Result | undefined>,
): Promise<Result> {
  return wants.until(what, { for: purpose, ...(within === undefined ? {} : { within }) }, attempt);
}

/** Waits for a file system with the file, and mounts it. Resolves to where. */
async function mountFileSystem(boot: Boot, place: Required<Place>, asker: Asker): Promise<string> {
  const looked = new Set<string>();
  let over = false;
  const found = until(boot.wants, describePlace(place), asker, async () => {
    // A want that has failed is tried on, for whoever is at the emergency shell.
    if (over) return undefined;
    for (const device of boot.devices.all()) {
      if (!isCandidate(boot, place, device) || looked.has(device.name)) continue;
      looked.add(device.name);
      const target = await lookInto(boot, place, device);
      if (target !== undefined) return target;
    }
    return undefined;
  });
  return found.finally(() => {
    over = true;
  });
}

function isCandidate(boot: Boot, { device: spec }: Required<Place>, device: Device): boolean {
  if (device.tags.USAGE !== undefined && device.tags.USAGE !== "filesystem") return false;
  return device.tags.TYPE !== undefined && (spec === "anywhere" || isMeant(boot, spec, device));
}

/** Mounts a file system, and leaves it mounted if the file is there. Throws a BootError where it is not, though this device was named, and no beginning of a name. */
async function lookInto(boot: Boot, place: Required<Place>, device: Device): Promise<string | undefined> {
  // Of each file its own: two devices may have their keys on one file system.
  const target = `/run/luks/${++mountPoints}`;
  const type = device.tags.TYPE ?? "";
  const isNamed = boot.devices.find(place.device)?.name === device.name;
  const fails = (why: unknown) => {
    const text = `${describePlace(place)}: ${device.path}: ${why}`;
    if (isNamed) throw new BootError(text, "Compare the path and the device with what is there.");
    boot.log.debug(text);
  };
  try {
    await boot.drivers.load(`fs-${type}`);
    await boot.mounts.mount({ source: device.path, target, type, options: readOnly(type) });
  } catch (error) {
    fails(error);
    return undefined;
  }
  try {
    await boot.job("statFile", { path: `${target}${place.path}` });
    return target;
  } catch (error) {
    await unmount(boot, target);
    fails(error);
    return undefined;
  }
}

/** ro alone would have the journal replayed, of a system that hibernates, too. */
const withoutReplay: Readonly<Record<string, string>> = {
  ext3: "ro,noload",
  ext4: "ro,noload",
  xfs: "ro,norecovery",
  btrfs: "ro,rescue=nologreplay",
};
const readOnly = (type: string) => withoutReplay[type] ?? "ro";

async function unmount({ mounts, files, log }: Boot, target: string): Promise<void> {
  try {
    await mounts.unmount(target);
    files.remove(target);
  } catch (error) {
    log.warning(`${target} stays mounted: ${error}`);
    await mounts.unmount(target, { lazy: true }).catch(() => {});
  }
}
