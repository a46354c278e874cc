import { Failure } from "./failure.js";
import type { World } from "./world.js";

/** What the kernel has in /sys/power, by name: where it looks for a hibernated system (Documentation/ABI/testing/sysfs-power). */
export function hibernationFiles(
  world: World,
): Readonly<Record<string, { read: () => string; write: (data: string) => void }>> {
  let [device, offset] = ["0:0", "0"];
  return {
    resume: {
      read: () => `${device}\n`,
      write: (data) => {
        if (!/^\d+:\d+\s*$/.test(data)) throw new Failure("EINVAL");
        device = data.trim();
        const found = world.devices.byNumber(device);
        // libblkid's name for a swap that holds a system.
        if (found?.tags.TYPE === "swsuspend")
          world.leaveOpen(`what becomes of the system that has hibernated to /dev/${found.name}`);
      },
    },
    resume_offset: {
      read: () => `${offset}\n`,
      write: (data) => {
        if (!/^\d+\s*$/.test(data)) throw new Failure("EINVAL");
        offset = data.trim();
      },
    },
  };
}
