import { hook } from "firstlight/hooks";
import { rootCommand } from "./command.js";

/** In the boot that follows the command: tells its exit status, and powers off. */
export default hook({
  priority: 0,
  async run(boot) {
    const { kernel, parameters, files, finish, job, log } = boot;
    if (kernel.status === null) return;
    const { argv, report } = rootCommand(boot);
    log.info(`${argv[0]} has ended with status ${kernel.status}`);
    // What it has written into a file by mmap(2) may not be on its way yet.
    await job("sync", {}).catch((error) => log.error(`what was written may be lost: ${error}`));
    files.write(report, `status ${[kernel.status, kernel.failure].filter((each) => each !== undefined).join(" ")}\n`);
    // The kernel says "Power down" behind what the command has said, however quiet it is to be.
    if (parameters.has("quiet")) files.write("/proc/sys/kernel/printk", "0");
    finish({ word: "reboot", action: "poweroff" });
  },
});
