import type { LastWord } from "../abi/index.js";
import { createEngine, type Engine, EngineError } from "./engine.js";
import type { Machine } from "./machine.js";

/** As PID 1 bounds the engine (core/init/host.c, engine.c). */
export const memoryPages = 768;
export const stackSize = 256 * 1024;

/** More turns than any boot takes: one that has not ended by then never will. */
const mostTurns = 100_000;

/**
 * Milliseconds of processor time from one of the engine's questions whether to go on to the next, and of an op. Counted and not measured, so that every
 * host ends a boot at the same point; more than either takes.
 */
const questionLasts = 0.5;
const opLasts = 0.05;

/** How a rehearsal ends. */
export type Ending =
  | { end: "word"; word: LastWord }
  /** What the boot has asked for, and the machine's description does not say. */
  | { end: "open"; questions: readonly string[] }
  /** The boot waits for what never comes, goes round in circles, or computes without end. */
  | { end: "hung"; reason: string }
  /** The engine has failed, or the boot code threw past the sequencer. */
  | { end: "died"; reason: string; trace: string; broken: boolean };

/** What a boot needs of a machine. */
export type BootedMachine = Pick<Machine, "op" | "lastWord" | "goesOn" | "leftOpen" | "isStuck" | "turnLimit">;

/** A bundle in an engine, ready to boot machine after machine. */
export interface LoadedBundle {
  /** Each boot begins with what the bundle's evaluation has left, whatever the boots before it did. */
  boot(machine: BootedMachine): Promise<Ending>;
}

/** Evaluates a bundle once. Throws EngineError. */
export async function loadBundle(bundle: string): Promise<LoadedBundle> {
  let machine: BootedMachine | undefined;
  /** Milliseconds that the turn may still take. */
  let left = Number.POSITIVE_INFINITY;

  async function load(): Promise<{ engine: Engine; restore: () => void }> {
    const engine = await createEngine({
      memoryPages,
      stackSize,
      interrupt: () => {
        left -= questionLasts;
        return left < 0;
      },
      functions: {
        op: (name = "", request = "") => {
          left -= opLasts;
          return machine?.op(name, request) ?? "";
        },
      },
    });
    engine.evaluate(bundle, "bundle.js");
    return { engine, restore: engine.save() };
  }

  let loaded: Awaited<ReturnType<typeof load>> | undefined = await load();
  /** One engine, to its last word. */
  async function once(on: BootedMachine): Promise<Ending> {
    loaded ??= await load();
    const { engine, restore } = loaded;
    machine = on;
    loaded = undefined;
    const ending = bootOn(engine, on, (limit) => {
      left = limit;
    });
    left = Number.POSITIVE_INFINITY;
    // An engine that has failed is not to be used again.
    if (ending.end === "died" && ending.broken) return ending;
    restore();
    loaded = { engine, restore };
    return ending;
  }

  return {
    async boot(on) {
      let ending = await once(on);
      while (ending.end === "word" && on.goesOn()) ending = await once(on);
      return ending;
    },
  };
}

function bootOn(engine: Engine, machine: BootedMachine, grant: (limit: number) => void): Ending {
  for (let turn = 0; turn < mostTurns; turn++) {
    grant(machine.turnLimit());
    const failed = take(engine, machine.turnLimit());
    const word = machine.lastWord();
    if (word) return { end: "word", word };
    const questions = machine.leftOpen();
    if (questions.length) return { end: "open", questions };
    if (machine.isStuck()) return { end: "hung", reason: "it waits for something that never comes" };
    if (failed) return failed;
  }
  return { end: "hung", reason: `it has not ended after ${mostTurns} turns` };
}

/** One turn, and the promises after it. undefined: nothing was thrown. */
function take(engine: Engine, limit: number): Ending | undefined {
  try {
    engine.call("turn");
    engine.runPendingJobs();
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (error.interrupted) return { end: "hung", reason: `it computes for more than ${limit / 1000} s` };
    return { end: "died", reason: error.message, trace: error.trace, broken: error.broken };
  }
}

/** Boots a bundle on a simulated machine. Throws Error where it comes to no last word. */
export async function rehearse(bundle: string, machine: Machine): Promise<LastWord> {
  const ending = await (await loadBundle(bundle)).boot(machine);
  if (ending.end === "word") return ending.word;
  throw new Error(`the boot has no end: ${"reason" in ending ? ending.reason : ending.questions.join("; ")}`);
}
