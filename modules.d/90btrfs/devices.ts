import type { Boot, Device, MountGuard } from "firstlight/hooks";
import { btrfsProgram } from "./program.js";

/** The devices of btrfs file systems, of which one may have several. */
interface BtrfsDevices extends MountGuard {
  /** A file system that has devices by now, but not all, may be mounted, if that is to be done degraded. */
  allowDegraded(): void;
}

const known = new WeakMap<Boot, BtrfsDevices>();

/** Those of this boot, for the hooks of all phases. */
export function devicesOf(boot: Boot): BtrfsDevices {
  const devices = known.get(boot) ?? createDevices(boot);
  known.set(boot, devices);
  return devices;
}

function createDevices(boot: Boot): BtrfsDevices {
  const { register, missing } = btrfsProgram(boot);
  /** The kernel has been told of them. */
  const registered = new WeakSet<Device>();
  /** By UUID, of file systems that the kernel knew all devices of: how many these were. */
  const complete = new Map<string, number>();
  /** UUIDs of those that it did not know all devices of. */
  const incomplete = new Set<string>();
  /** UUIDs of file systems whose missing devices nobody waits for. */
  const late = new Set<string>();

  const all = () => boot.devices.all().filter(({ tags }) => tags.TYPE === "btrfs");
  const partsOf = (uuid: string) => all().filter(({ tags }) => tags.UUID === uuid);

  async function take(device: Device): Promise<void> {
    registered.add(device);
    const uuid = device.tags.UUID ?? "";
    const answer = await register(device);
    if (answer) complete.set(uuid, partsOf(uuid).length);
    else if (answer === false) incomplete.add(uuid);
  }

  return {
    remedy:
      "Connect what is missing. If it is lost, rootflags=degraded mounts the file system without it, as far as its profiles allow (btrfs(5)).",
    async lacking({ tags }, options) {
      if (tags.TYPE !== "btrfs") return undefined;
      // It brings /dev/btrfs-control.
      await boot.drivers.load("fs-btrfs");
      // Of all file systems: a seed device, which another one has grown from, has a UUID of its own.
      await Promise.all(
        all()
          .filter((device) => !registered.has(device))
          .map(take),
      );
      const uuid = tags.UUID ?? "";
      const parts = partsOf(uuid);
      if (parts.length >= (complete.get(uuid) ?? Number.POSITIVE_INFINITY)) return undefined;
      const degraded = /(^|,)degraded(,|$)/.test(options);
      // Where the program could not tell, mount(2) will.
      if (!degraded && !complete.has(uuid) && !incomplete.has(uuid)) return undefined;
      const words = await missing(parts);
      if (words === undefined || !degraded || !late.has(uuid)) return words;
      boot.log.warning(`btrfs ${uuid} is mounted degraded: ${words}`);
      return undefined;
    },
    allowDegraded() {
      for (const { tags } of all()) late.add(tags.UUID ?? "");
    },
  };
}
