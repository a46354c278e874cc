import { type Parameters, type RebootWord, type RunWord, type System, systemHook } from "firstlight/hooks";
import { prepare } from "./mounts.js";
import { pathOf, runStage, type Stage, tellEnd } from "./stages.js";
import { hardReboot, kexec, sync } from "./update.js";

/** Milliseconds: stages that end at once do not keep the machine busy. */
const pause = 1000;

/**
 * One step of the life of the system. While a stage runs PID 1 is alone, and tells the next engine how it ended; the state that is handed on says
 * which stage has run, or what was to end all of them: "kexec", "restart".
 */
export default systemHook({
  async run(system) {
    if (system.kernel.state === undefined) await prepare(system);
    const parameters = readParameters(system);
    system.finish(await nextWord(system, (stage) => pathOf(stage, parameters, system.log)));
  },
});

async function nextWord(system: System, programOf: (stage: Stage) => string): Promise<RunWord | RebootWord> {
  const { kernel, log, clock } = system;
  const { state, failure } = kernel;
  if (state === undefined) return runStage(system, "boot", programOf("boot"), "keep");
  if (state === "boot") {
    tellEnd(system, programOf("boot"));
    return runStage(system, "reboot", programOf("reboot"), "keep");
  }
  if (state === "reboot") tellEnd(system, programOf("reboot"));
  else log.error(`/init: ${state}: reboot(2): ${failure ?? "the machine goes on"}`);
  // Each way out is tried once.
  const wayOut = (state === "reboot" && (await kexec(system))) || (state !== "restart" && (await hardReboot(system)));
  if (wayOut) return wayOut;
  await sync(system);
  await clock.sleep(pause);
  return runStage(system, "boot", programOf("boot"), "kill");
}

/** undefined: there are none to be had, which is logged. */
function readParameters({ parameters, log }: System): Parameters | undefined {
  try {
    return parameters();
  } catch (error) {
    log.warning(`/init: the kernel command line is unknown: ${error}`);
    return undefined;
  }
}
