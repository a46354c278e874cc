import { hookMistake } from "../../hooks/check-hook.js";
import { boot } from "./boot.js";
import { makeDeterministic } from "./determinism.js";
import { createLoop } from "./loop.js";
import { judgeOwnParameters } from "./own-parameters.js";
import type { BootPlan } from "./plan.js";

/**
 * The bundle's entry calls this once. It only leaves functions behind: evaluating the bundle asks no op, so that its result can be kept.
 * PID 1 calls `turn` until the last word; promises run after each call. The generator calls `judgeOwnParameters`,
 * the rehearsal `bundleId`.
 * Throws TypeError, when the image is built: a module's hook is none.
 */
export function start(plan: BootPlan): void {
  for (const { name, hooks } of plan.modules)
    for (const [phase, hook] of Object.entries(hooks)) {
      const mistake = hookMistake(hook);
      if (mistake !== undefined) throw new TypeError(`module ${name}, ${phase}: ${mistake}`);
    }
  makeDeterministic();
  const loop = createLoop();
  let turn = (): void => {
    turn = loop.turn;
    boot(plan, loop).catch((error) => {
      // Not even the report could be made. PID 1 shows what a turn throws and follows the rescue policy.
      turn = () => {
        throw error;
      };
    });
  };
  Object.assign(globalThis, {
    turn: () => turn(),
    bundleId: () => plan.build.bundle,
    judgeOwnParameters: (files: string) => JSON.stringify(judgeOwnParameters(plan, JSON.parse(files))),
  });
}
