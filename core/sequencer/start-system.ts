import { hookMistake } from "../../hooks/check-hook.js";
import type { RebootWord, RunWord, System, SystemHook } from "../../hooks/index.js";
import { readCommandLine } from "./command-line.js";
import { instant } from "./door.js";
import { files } from "./files.js";
import { launch } from "./launch.js";
import { createLog } from "./log.js";
import type { Loop } from "./loop.js";
import { createParameters } from "./parameters.js";
import type { BootPlan } from "./plan.js";
import { createPrograms } from "./programs.js";
import { reasonOf } from "./report.js";
import { beginTrace, traceFolder } from "./trace.js";

/** The one hook of the phase `system`. Throws TypeError: there is none, or more than one. */
function systemHookOf({ modules }: BootPlan): { module: string; hook: SystemHook } {
  const found = modules.flatMap(({ name, hooks: { system } }) =>
    system ? [{ module: name, hook: system as unknown as SystemHook }] : [],
  );
  const [first, second] = found;
  const mistake = hookMistake(first?.hook);
  if (!first || mistake !== undefined) throw new TypeError(`module ${first?.module}, system: ${mistake}`);
  if (second)
    throw new TypeError(
      `the modules ${first.module} and ${second.module} both are the whole system: leave one out (mkinitrd -o)`,
    );
  return first;
}

/** In place of `start` (start.ts), the entry of a bundle of which a module is the whole system: no part of the boot into a root is in it. */
export function start(plan: BootPlan): void {
  const planned = systemHookOf(plan);
  launch(plan, (loop) => () => live(plan, planned, loop));
}

/** From one last word to the next. Never rejects. */
async function live(plan: BootPlan, { module, hook }: ReturnType<typeof systemHookOf>, loop: Loop): Promise<void> {
  /** Whatever happens, the machine goes on: a fresh engine tries again. */
  const giveUp = (error: unknown) => {
    const stack = error instanceof Error && error.stack ? `\n${error.stack.trim()}` : "";
    instant("finish", { word: "failed", reason: `module ${module}: ${reasonOf(error)}${stack}`, retry: true });
  };
  loop.onBroken(giveUp);
  try {
    instant("setRescuePolicy", { shell: false, action: "again", delay: 1 });
    let word: RunWord | RebootWord | undefined;
    await hook.run(
      createSystem(plan, module, loop, (wanted) => {
        word = wanted;
      }),
    );
    if (!word) throw new Error("its hook system has ended without a last word");
    instant("finish", word);
  } catch (error) {
    giveUp(error);
  }
}

function createSystem(plan: BootPlan, module: string, loop: Loop, finish: System["finish"]): System {
  const kernel = instant("kernel", {});
  const log = createLog();
  return {
    module,
    files,
    log,
    finish,
    kernel: { ...kernel, failure: kernel.failure, state: kernel.state },
    programs: createPrograms(loop),
    clock: { now: loop.now, sleep: loop.sleep },
    job: loop.job,
    parameters() {
      const parameters = createParameters(readCommandLine(plan.ownParameters).words);
      record(plan, kernel, parameters, log);
      return parameters;
    },
  };
}

/** Only where it is asked for: what it takes would stay in memory for the machine's whole life. */
function record(...[plan, kernel, parameters, log]: Parameters<typeof beginTrace>): void {
  try {
    if (parameters.flag("rd.trace", false)) {
      files.makeDir(traceFolder);
      beginTrace(plan, kernel, parameters, log);
    } else instant("trace", { path: null });
  } catch (error) {
    log.warning(`there is no trace: ${reasonOf(error)}`);
  }
}
