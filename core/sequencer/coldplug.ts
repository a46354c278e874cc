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

/**
 * Walks /sys for what was there before the uevents were listened to: requests the drivers of every device on a bus, and has
 * every block device probed.
 */
export function coldplug(drivers: DriverLoader, devices: DeviceTable): void {
  for (const { name: bus } of listIfThere("/sys/bus")) {
    if (withoutDrivers.has(bus)) continue;
    for (const { name } of listIfThere(`/sys/bus/${bus}/devices`)) {
      const modalias = modaliasOf(`/sys/bus/${bus}/devices/${name}`);
      if (modalias) drivers.request(modalias);
    }
  }
  for (const { name } of listIfThere("/sys/class/block")) devices.discover(name);
}
