import type { PowerAction } from "../../hooks/index.js";
import type { InstantOps } from "../abi/index.js";
import { readCommandLine } from "./command-line.js";
import { instant } from "./door.js";
import { logSettings } from "./log.js";
import { createParameters } from "./parameters.js";
import { inOrder, runSideHook } from "./phases.js";
import type { BootPlan } from "./plan.js";
import { reasonOf } from "./report.js";
import { createRoot } from "./root.js";
import { createHooks, type Services } from "./services.js";
import { mountVirtualFileSystems } from "./virtual-file-systems.js";

type Kernel = InstantOps["kernel"][1];

/** What the new root's init executes in the end, as systemd-shutdown(8) does: /run/initramfs/shutdown, with what is to become of the machine. */
const programName = "shutdown";

const actions: readonly PowerAction[] = ["poweroff", "reboot", "halt", "kexec"];

/** Milliseconds that a hook may take: a machine that does not go down is bad, too. */
const longestHook = 180_000;

/** Has the new root's init come back, for its devices to be taken apart? */
export const isShutdown = ({ invokedAs }: Kernel): boolean => invokedAs.split("/").at(-1) === programName;

/** In place of a boot. Never rejects: whatever goes wrong, the machine goes down. */
export async function shutDown(plan: BootPlan, services: Services, kernel: Kernel): Promise<void> {
  const { loop, log } = services;
  const wanted = actions.find((action) => kernel.arguments.includes(action));
  const action = wanted ?? "reboot";
  const end = () => instant("finish", { word: "reboot", action });
  const tell = (error: unknown) => log.error(`shutdown: ${reasonOf(error)}`);
  loop.onBroken((error) => {
    tell(error);
    end();
  });
  /** What fails is told of, and keeps nothing else from being taken apart. */
  const attempt = async (step: () => unknown) => {
    try {
      await step();
    } catch (error) {
      tell(error);
    }
  };
  // Where there is no kernel that kexec could start, PID 1 follows this.
  const ifAllFails = { shell: false, action: action === "kexec" ? "reboot" : action, delay: 0 } as const;
  await attempt(() => instant("setRescuePolicy", ifAllFails));
  // That of the boot stays in /run/initramfs; nobody could look at another one.
  await attempt(() => instant("trace", { path: null }));
  await attempt(() => mountVirtualFileSystems(loop, log));
  await attempt(async () => {
    const { words } = readCommandLine(plan.ownParameters);
    const parameters = createParameters(words);
    log.configure(logSettings(parameters));
    if (!wanted) log.warning(`shutdown: expected ${actions.join(", ")}, not "${kernel.arguments.join(" ")}": reboot`);
    const root = createRoot(words, parameters, plan.roots);
    const hooksOf = createHooks(plan, services, parameters, root, kernel, () => {});
    for (const phase of ["pre-shutdown", "shutdown"] as const)
      for (const hook of inOrder(hooksOf(phase))) await runSideHook(hook, services, longestHook);
  });
  log.info(`shutdown: ${action}`);
  end();
}
