import { makeDeterministic } from "./determinism.js";
import { createLoop, type Loop } from "./loop.js";
import { judgeOwnParameters } from "./own-parameters.js";
import type { BootPlan } from "./plan.js";

/**
 * Leaves functions behind, and nothing else: evaluating the bundle asks no op, so that its result can be kept. PID 1 calls `turn` until the last
 * word; promises run after each call. `prepare` makes what needs no op, and so comes with that result: it costs a boot nothing. The generator calls `judgeOwnParameters`, the rehearsal `bundleId`.
 */
export function launch(plan: BootPlan, prepare: (loop: Loop) => () => Promise<void>): void {
  makeDeterministic();
  const loop = createLoop();
  const boot = prepare(loop);
  let turn = (): void => {
    turn = loop.turn;
    boot().catch((error) => {
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
