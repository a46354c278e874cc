import type { LastWord } from "../abi/index.js";
import { createEngine } from "./engine.js";
import type { Machine } from "./machine.js";

/** As PID 1 bounds the engine. */
const memoryPages = 768;
const stackSize = 256 * 1024;

/** More turns than any boot takes: one that has not ended by then never will. */
const mostTurns = 100_000;

/** Boots a bundle on a simulated machine. Throws EngineError as PID 1 would report it, or an Error if the boot does not end. */
export async function rehearse(bundle: string, machine: Machine): Promise<LastWord> {
  const engine = await createEngine({
    memoryPages,
    stackSize,
    interrupt: () => false,
    functions: { op: (name = "", request = "") => machine.op(name, request) },
  });
  engine.evaluate(bundle, "bundle.js");
  for (let turn = 0; turn < mostTurns; turn++) {
    engine.call("turn");
    engine.runPendingJobs();
    const word = machine.lastWord();
    if (word) return word;
  }
  throw new Error(`the boot has not ended after ${mostTurns} turns`);
}
