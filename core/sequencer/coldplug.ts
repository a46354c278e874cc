import type { DeviceTable } from "./devices.js";
import type { DriverLoader } from "./drivers.js";
import { files, ifThere } from "./files.js";

/** Names in a directory; none if it is not there. */
function names(path: string): string[] {
  return ifThere(() => files.list(path))?.map(({ name }) => name) ?? [];
}

/**
 * Walks /sys for what was there before the uevents were listened to: requests the drivers of every device on a bus, and has
 * every block device probed.
 */
export function coldplug(drivers: DriverLoader, devices: DeviceTable): void {
  for (const bus of names("/sys/bus")) {
    for (const device of names(`/sys/bus/${bus}/devices`)) {
      const modalias = ifThere(() => files.read(`/sys/bus/${bus}/devices/${device}/modalias`))?.trim();
      if (modalias) drivers.request(modalias);
    }
  }
  for (const name of names("/sys/class/block")) devices.discover(name);
}
