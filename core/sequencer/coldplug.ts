import type { Log } from "../../hooks/index.js";
import type { DirectoryEntry } from "../abi/index.js";
import type { DeviceTable } from "./devices.js";
import type { DriverLoader } from "./drivers.js";
import { listIfThere, readIfThere } from "./files.js";
import { reasonOf } from "./report.js";

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
function modaliasOf(device: string, log: Log): string | undefined {
  try {
    return readIfThere(`${device}/modalias`)?.trim();
  } catch (error) {
    log.warning(reasonOf(error));
    return undefined;
  }
}

/**
 * Disks and network cards are on PCI, or behind what is there. Where virtio's transport is built into the kernel (Debian's since 13), its
 * devices are on their own bus from the start, and nothing on PCI has to be loaded for them.
 */
const firstBuses = ["virtio", "pci"];

/** One bus that cannot be looked at must not hide the others. */
function entriesOf(folder: string, log: Log): DirectoryEntry[] {
  try {
    return listIfThere(folder);
  } catch (error) {
    log.warning(reasonOf(error));
    return [];
  }
}

/** Bus by bus, because each look costs, and what is waited for is likely to come by the first ones. */
function* modaliasesByBus(log: Log): Generator<string[]> {
  const buses = entriesOf("/sys/bus", log).map(({ name }) => name);
  for (const bus of new Set([...firstBuses, ...buses])) {
    if (withoutDrivers.has(bus)) continue;
    const folder = `/sys/bus/${bus}/devices`;
    yield entriesOf(folder, log).flatMap(({ name }) => modaliasOf(`${folder}/${name}`, log) ?? []);
  }
}

/**
 * Walks /sys for what was there before the uevents were listened to, or came and went while some were lost: offers every device on a bus to the
 * drivers, and has every block device probed.
 */
export function coldplug(drivers: DriverLoader, devices: DeviceTable, log: Log): void {
  drivers.offer(modaliasesByBus(log));
  devices.rescan(listIfThere("/sys/class/block").map(({ name }) => name));
}
