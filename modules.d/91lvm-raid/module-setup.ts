import { moduleSetup } from "firstlight/hooks";
import { planPath, readPlan } from "./plan.js";

export default moduleSetup({
  check(host) {
    const missing = ["mdadm", "lvm"].find((program) => host.findProgram(program) === undefined);
    if (missing !== undefined) return { unavailable: `${missing} is not installed` };
    return host.hostOnly && host.exists(planPath) ? "include" : "on-request";
  },
  depends: () => ["md-raid", "lvm"],
  install(image, host) {
    const text = host.readFile(planPath);
    if (text === undefined) return;
    if (!readPlan(text).length) image.warning(`${planPath} lists neither arrays nor groups: all that come are set up`);
    image.text(planPath, text);
  },
});
