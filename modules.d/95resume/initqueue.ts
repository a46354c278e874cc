import { type Boot, BootError, type Device, hook } from "firstlight/hooks";
import { patience, resumeDevice, tooLate } from "./wish.js";

/** Writing a device's number there goes on with the system that has hibernated to it, if there is one: Documentation/power/swsusp.rst of Linux. */
const resume = "/sys/power/resume";

/** Goes on with a system that has hibernated, and then does not return; before anything is checked or mounted. */
export default hook({
  async run(boot) {
    const spec = resumeDevice(boot);
    if (spec === undefined) return;
    const { files, log } = boot;
    const why = objection(boot);
    if (why !== undefined) {
      log.warning(`resume=${spec} is left out: ${why}`);
      return;
    }
    const device = await waitFor(boot, spec);
    if (!device) return;
    const offset = boot.parameters.text("resume_offset");
    try {
      if (offset !== undefined) files.write(`${resume}_offset`, offset);
      log.info(`looking for a hibernated system on ${device.path}`);
      await boot.job("writeFile", { path: resume, data: device.number });
      log.info(`no hibernated system was found on ${device.path}`);
    } catch (error) {
      log.warning(`resume=${spec}: the kernel does not look for a hibernated system on ${device.path}: ${error}`);
    }
  },
});

/** Why nothing may be resumed: in doubt, nothing is. */
function objection(boot: Boot): string | undefined {
  try {
    return obstacle(boot);
  } catch (error) {
    return String(error);
  }
}

function obstacle({ files }: Boot): string | undefined {
  if (!files.stat(resume)) return "this kernel cannot hibernate";
  if (files.stat(tooLate)) return "file systems may have been checked or mounted before";
  const inUse = files
    .read("/proc/self/mounts")
    .split("\n")
    .find((line) => /^\/dev\/\S+ \S+ \S+ rw/.test(line));
  return inUse && `${inUse.split(" ", 2).join(" is mounted at ")}, to be written to`;
}

/** undefined: it has not come. A boot goes on without, after a warning. */
async function waitFor({ wants, devices, log }: Boot, spec: string): Promise<Device | undefined> {
  const find = () => devices.find(spec) ?? devices.all().find(({ number }) => number === spec);
  try {
    const found = await wants.until(spec, { for: "resume" }, () => find() ?? (patience.isOver ? "none" : undefined));
    if (found !== "none") return found;
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
  }
  log.warning(`resume=${spec} has not come: the boot goes on without a look for a hibernated system`);
  return undefined;
}
