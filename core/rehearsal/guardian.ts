import { constants } from "node:os";
import type { Outcome, ProgramResult, RunWord } from "../abi/index.js";
import { toBytes } from "./bytes.js";
import { findProgram } from "./executables.js";
import { Failure } from "./failure.js";
import type { Told } from "./instant-ops.js";
import type { World } from "./world.js";

/** Milliseconds: PID 1 has what fails at once wait for so long. */
const pause = 1000;
/** As shells have it. */
const [notStarted, bySignal] = [127, 128];

/**
 * What PID 1 does between two engines (core/init/main.c), for boot code that says how it goes on. True: another engine starts, and `told` has what it
 * is to hear. False: the last word is the end of the rehearsal; so is a program of which nobody has said what it does, or that has run before.
 */
export function createGuardian(world: World, told: Told): () => boolean {
  const before = new Set<string>();
  return () => {
    const { lastWord: word, state } = told;
    if (!word) return false;
    const situation = JSON.stringify(word.word === "run" ? [word.program.argv, word.state] : [word, state]);
    if (before.has(situation)) return false;
    before.add(situation);
    const next =
      word.word === "run" && word.state !== undefined
        ? outcomeOfRun(world, word)
        : word.word === "failed" && word.retry && told.again && afterPause(world);
    if (!next) return false;
    delete told.lastWord;
    delete told.failure;
    Object.assign(told, { engine: told.engine + 1, status: null, ...next });
    return true;
  };
}

type Next = Partial<Pick<Told, "status" | "failure" | "state">>;

function afterPause({ schedule }: World): Next {
  let over = false;
  schedule.after(pause, () => {
    over = true;
  });
  while (!over) schedule.wait(schedule.now() + pause);
  return {};
}

/** undefined: nobody has said what the program does, or it never ends. */
function outcomeOfRun(world: World, { program, state }: RunWord): Next | undefined {
  const request = { ...program, argv: program.argv.map(toBytes) };
  const kept = state === undefined ? {} : { state };
  try {
    if (!findProgram(world, request)) return undefined;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...kept, status: notStarted, failure: error.errno };
  }
  const job = world.schedule.newJob();
  world.programs.start(job, request);
  const outcome = endOf(world, job);
  if (!outcome || "error" in outcome) return undefined;
  const { status, signal } = outcome.value as ProgramResult;
  const number = constants.signals[signal as keyof typeof constants.signals];
  return { ...kept, status: signal === null ? status : bySignal + number };
}

function endOf({ schedule }: World, job: number): Outcome | undefined {
  for (;;)
    try {
      const event = schedule.wait(null);
      if (event.type === "job" && event.job === job) return event.outcome;
    } catch (error) {
      if (error instanceof Failure) return undefined;
      throw error;
    }
}
