import type { DeviceTable } from "./devices.js";
import type { DriverLoader } from "./drivers.js";
import { listIfThere, readIfThere } from "./files.js";

/** Parts of the machine that sysfs shows as buses; nothing on them has a driver, and some have thousands of entries. */
const withoutDrivers = new Set([
  "clockevents",
  "clocksource",
  "event_source",
  "machinecheck",
  "memory",
  "node",
  "workqueue",
]);

/** One that the kernel cannot make up (too long, a device in trouble) is as good as none. */
function modaliasOf(device: string): string | undefined {
  try {
    return readIfThere(`${device}/modalias`)?.trim();
  } catch {
    return undefined;
  }
}

/** Disks and network cards are there, or behind what is there. */
const firstBus = "pci";

/** Bus by bus, because each look costs, and what is waited for is likely to come by the first. */
function* modaliasesByBus(): Generator<string[]> {
  const buses = listIfThere("/sys/bus").map(({ name }) => name);
  for (const bus of new Set([firstBus, ...buses])) {
    if (withoutDrivers.has(bus)) continue;
    const folder = `/sys/bus/${bus}/devices`;
    yield listIfThere(folder).flatMap(({ name }) => modaliasOf(`${folder}/${name}`) ?? []);
  }
}

/**
 * Walks /sys for what was there before the uevents were listened to, or came and went while some were lost: offers every device on a bus to the
 * drivers, and has every block device probed.
 */
export function coldplug(drivers: DriverLoader, devices: DeviceTable): void {
  drivers.offer(modaliasesByBus());
  devices.rescan(listIfThere("/sys/class/block").map(({ name }) => name));
}
