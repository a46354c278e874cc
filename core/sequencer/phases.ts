import type { Boot, Hook, Milliseconds, Phase } from "../../hooks/index.js";
import { reasonOf } from "./report.js";
import type { Services } from "./services.js";

/** A module's hook in a phase, with the services given to it. */
export interface PlannedHook {
  module: string;
  hook: Hook;
  boot: Boot;
}

/** Where the boot is: for the report. */
export interface Place {
  phase: Phase | "start";
  /** The modules whose hooks failed. */
  failed?: string;
}

/** The hooks of a phase that have been started. */
export interface PhaseRun {
  /** Resolves once all hooks have ended. Rejects with a failure as soon as there is one; called again, it waits for the hooks that are left. */
  ended(): Promise<void>;
  /** The modules whose hooks have not ended. */
  unfinished(): string[];
  /** Resolves when all that the boot needs has ended: what is unfinished then is only set up beside it. Left out: there is no such thing. */
  readonly needed?: Promise<void>;
  /** Waits for none of them any more. */
  abandon(): void;
}

/** Of a step that is no phase. */
export const noHooks: PhaseRun = { ended: async () => {}, unfinished: () => [], abandon: () => {} };

/** By their priorities. */
export const inOrder = (hooks: readonly PlannedHook[]): PlannedHook[] =>
  [...hooks].sort((a, b) => (a.hook.priority ?? 50) - (b.hook.priority ?? 50));

/** Off the path: what goes wrong there, or does not end within so many milliseconds, must not hide what it is for. */
export async function runSideHook(
  { hook, boot, module }: PlannedHook,
  { loop, log }: Pick<Services, "loop" | "log">,
  longest: Milliseconds,
): Promise<void> {
  const run = async () => hook.run(boot);
  try {
    if (!(await loop.within(longest, run()))) throw new Error(`has not ended after ${longest / 1000} s`);
  } catch (error) {
    log.error(`${module}: ${reasonOf(error)}`);
  }
}

/** Starts the hooks of a phase in the order of their priority. One that waits does not hold up the others; its end is logged. */
export function startPhase(
  phase: Phase,
  hooks: PlannedHook[],
  place: Place,
  { loop, log }: Pick<Services, "loop" | "log">,
): PhaseRun {
  place.phase = phase;
  delete place.failed;
  const begun = loop.turns();
  const logged = async (planned: PlannedHook) => {
    const outcome = await outcomeOf(planned);
    if (loop.turns() !== begun) log.debug(hookWords(phase, planned.module, outcome.failure ? "failed" : "ended"));
    return outcome;
  };
  const running = new Set(inOrder(hooks));
  const ended: Awaited<ReturnType<typeof outcomeOf>>[] = [];
  /** Not a race among all that run, once for each that ends: that costs the square of their number. */
  let oneHasEnded = () => {};
  for (const planned of running)
    void logged(planned).then((outcome) => {
      ended.push(outcome);
      oneHasEnded();
    });
  return {
    async ended() {
      while (running.size) {
        const outcome = ended.shift();
        if (!outcome) {
          await new Promise<void>((resolve) => {
            oneHasEnded = resolve;
          });
          continue;
        }
        if (!running.delete(outcome.planned) || !outcome.failure) continue;
        place.failed = outcome.planned.module;
        throw outcome.failure.error;
      }
    },
    unfinished: () => [...running].map(({ module }) => module),
    abandon: () => running.clear(),
  };
}

/** What the log says of a hook that has waited; tools/rehearse draws it. */
export const hookWords = (phase: Place["phase"], module: string, what: "ended" | "failed" | "not ended"): string =>
  `${phase}: ${module} has ${what}`;

/** Never rejects. */
async function outcomeOf(planned: PlannedHook): Promise<{ planned: PlannedHook; failure?: { error: unknown } }> {
  try {
    await planned.hook.run(planned.boot);
    return { planned };
  } catch (error) {
    return { planned, failure: { error } };
  }
}
