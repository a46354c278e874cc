import {
  BootError,
  type Device,
  type Devices,
  errnoOf,
  type MountGuard,
  type Mounts,
  type Wants,
} from "../../hooks/index.js";
import type { MountFlag } from "../abi/index.js";
import { describeDevice } from "./device-links.js";
import { instant } from "./door.js";
import type { DriverLoader } from "./drivers.js";
import { files, readIfThere } from "./files.js";
import type { Loop } from "./loop.js";

/** Options of mount(8) that are flags of mount(2); `undefined`: the opposite of a flag, or for other tools: nothing to tell the kernel. */
const flagOptions: Record<string, MountFlag | undefined> = {
  ro: "ro",
  nosuid: "nosuid",
  nodev: "nodev",
  noexec: "noexec",
  noatime: "noatime",
  nodiratime: "nodiratime",
  relatime: "relatime",
  strictatime: "strictatime",
  lazytime: "lazytime",
  sync: "sync",
  dirsync: "dirsync",
  mand: "mand",
  silent: "silent",
  remount: "remount",
  bind: "bind",
  rbind: "rbind",
};
const ignoredOptions = /^(defaults|rw|suid|dev|exec|atime|diratime|async|auto|noauto|nofail|user|nouser|_netdev|x-.*)$/;

/** Parts an option list into flags and the file system's own data. Quotes protect commas (SELinux contexts). */
export function parseMountOptions(options: string): { flags: MountFlag[]; data: string } {
  const flags = new Set<MountFlag>();
  const data: string[] = [];
  for (const option of options.match(/(?:"[^"]*"|[^,"])+/g) ?? []) {
    const flag = flagOptions[option];
    if (flag) flags.add(flag);
    else if (option === "rw") flags.delete("ro");
    else if (!ignoredOptions.test(option)) data.push(option);
  }
  return { flags: [...flags], data: data.join(",") };
}

/** The device is there, but not ready: worth another try when something happens. */
const notReady = new Set(["ENXIO", "ENOMEDIUM", "ENOENT", "ENOTBLK"]);

/** What may be wrong with a file system of a type. */
const remedies: Readonly<Record<string, string>> = {
  btrfs: "One on several devices needs the module btrfs in the image. ",
};

/** Types that wait for no device: a job costs a process, which is most of such a mount. */
const virtualTypes = new Set(["cgroup2", "devpts", "devtmpfs", "proc", "sysfs", "tmpfs"]);

/** Only in memory: what lies on a disk, a new root's /usr, is there or not, and mount(2) tells. False: it lies there, and a look at it may wait. */
function makeMountPoint(path: string): boolean {
  try {
    if (!files.stat(path)) files.makeDir(path);
    return true;
  } catch (error) {
    if (errnoOf(error) !== "EXDEV") throw error;
    return false;
  }
}

/** Is a file system mounted there? By the path as /proc/self/mounts has it. */
export function isMountPoint(path: string): boolean {
  const mounts = readIfThere("/proc/self/mounts") ?? "";
  return mounts.split("\n").some((line) => line.split(" ")[1] === path);
}

export function createMounts(loop: Loop, drivers: DriverLoader, devices: Pick<Devices, "find">, wants: Wants): Mounts {
  const guards: MountGuard[] = [];

  async function mount({ source, target, type, options = "" }: Parameters<Mounts["mount"]>[0]): Promise<void> {
    const inMemory = makeMountPoint(target);
    const request = { target, type, ...parseMountOptions(options) };
    if (inMemory && source === type && virtualTypes.has(type)) instant("mountVirtual", request);
    else await loop.job("mount", { source, ...request });
  }

  /** The type to mount it as. Loads its driver. */
  async function typeOf(device: Device, given: string | undefined): Promise<string> {
    if (device.tags.USAGE === "raid")
      throw new BootError(
        `${device.path} is part of an array or group, and is not mounted by itself: ${describeDevice(device)}`,
        "Name what it is a part of, /dev/md/… or the UUID= of the file system on it. The module that sets it up (md-raid, lvm) has to be in the image.",
      );
    const types = given?.split(",") ?? [];
    const type = types.find((one) => one === device.tags.TYPE) ?? types[0] ?? device.tags.TYPE;
    if (!type || (!given && device.tags.USAGE && device.tags.USAGE !== "filesystem"))
      throw new BootError(
        `${device.path} holds no file system that can be mounted: ${describeDevice(device)}`,
        "Name the device that holds the file system, or its type with rootfstype=.",
      );
    await drivers.load(`fs-${type}`);
    return type;
  }

  async function awaitWhole(
    spec: string,
    { lacking, remedy }: MountGuard,
    options: string,
    purpose: string,
  ): Promise<void> {
    let words: string | undefined;
    const asker = { for: purpose, nearest: () => words ?? "", remedy };
    await wants.until(`the whole file system on ${spec}`, asker, async () => {
      const device = devices.find(spec);
      words = device && (await lacking(device, options));
      return device && words === undefined ? device : undefined;
    });
  }

  return {
    mount,
    guard(guard) {
      guards.push(guard);
    },
    async unmount(target, options) {
      await loop.job("unmount", { target, ...options });
    },
    async mountDevice(spec, { target, options, type, for: purpose }) {
      await wants.device(spec, { for: purpose });
      for (const guard of guards) await awaitWhole(spec, guard, options ?? "", purpose);
      let lastTry: unknown;
      return wants.until(spec, { for: purpose, nearest: () => String(lastTry ?? "") }, async () => {
        const device = devices.find(spec);
        if (!device) return undefined;
        const fileSystem = await typeOf(device, type);
        try {
          await mount({ source: device.path, target, type: fileSystem, ...(options === undefined ? {} : { options }) });
          return device;
        } catch (error) {
          if (!notReady.has(errnoOf(error) ?? ""))
            throw new BootError(
              `${device.path} cannot be mounted as ${fileSystem} (${options ?? "defaults"}): ${error}`,
              `See the kernel's messages above. ${remedies[fileSystem] ?? ""}Check the file system, and the type and options that it is mounted with (rootfstype=, rootflags=).`,
            );
          lastTry = error;
          return undefined;
        }
      });
    },
  };
}
