import { hookMistake } from "../../hooks/check-hook.js";
import { boot } from "./boot.js";
import { instant } from "./door.js";
import { launch } from "./launch.js";
import type { BootPlan } from "./plan.js";
import { createServices } from "./services.js";
import { isShutdown, shutDown } from "./shutdown.js";

/** The bundle's entry calls this once. Throws TypeError, when the image is built: a module's hook is none. */
export function start(plan: BootPlan): void {
  for (const { name, hooks } of plan.modules)
    for (const [phase, hook] of Object.entries(hooks)) {
      const mistake = hookMistake(hook);
      if (mistake !== undefined) throw new TypeError(`module ${name}, ${phase}: ${mistake}`);
    }
  launch(plan, (loop) => {
    const services = createServices(loop);
    return async () => {
      const kernel = instant("kernel", {});
      await (isShutdown(kernel) ? shutDown(plan, services, kernel) : boot(plan, services, kernel));
    };
  });
}
