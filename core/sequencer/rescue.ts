import type { Parameters } from "../../hooks/index.js";
import { type RescuePolicy, rescuePath } from "../abi/index.js";
import { readIfThere } from "./files.js";

/** Seconds that a report stays on the console before the machine is restarted, where nobody says otherwise. */
const defaultDelay = 10;

const actions = ["reboot", "poweroff", "halt"] as const;

/** More than 30 years: PID 1 takes no longer ones, and a policy has to be set whatever panic= says. */
const longestDelay = 999_999_999;

/**
 * The policy for a boot that fails: rd.shell, rd.emergency, and the kernel's panic= (seconds until the reboot, 0: never), on top of what
 * the image was built with. Reads leniently: it has to hold even where other parameters are wrong.
 */
export function rescuePolicy(parameters: Parameters): RescuePolicy {
  const built = new Map(
    (readIfThere(rescuePath) ?? "").split(/\s+/).map((word) => word.split("=") as [string, string]),
  );
  const panic = parameters.number("panic", 0);
  const wished = [parameters.text("rd.emergency"), panic ? "reboot" : undefined, built.get("action")];
  return {
    shell: parameters.flag("rd.shell", built.get("shell") !== "0"),
    action: wished.flatMap((wish) => actions.find((action) => action === wish) ?? [])[0] ?? "none",
    // A negative panic= means: at once.
    delay: panic ? Math.min(Math.max(0, panic), longestDelay) : Number(built.get("delay") ?? defaultDelay),
  };
}
