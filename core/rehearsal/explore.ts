import type { MachineDescription } from "./description.js";
import { type AskedOp, distinctFaults, type Fault, listFaults } from "./fault-list.js";
import { type FaultVerdict, type GoodEnd, judge, mountsOf, writesOf } from "./fault-verdict.js";
import { createFaultyMachine, type FaultyMachine, noteCallSites } from "./faulty-machine.js";
import { type Ending, type LoadedBundle, loadBundle } from "./rehearse.js";

/** A boot that is explored: what it does when nothing goes wrong, and when something does. */
export interface Explorer {
  /** As it is without a fault. */
  good: { ending: Ending; asked: readonly AskedOp[] };
  /** All single faults; `distinct`: one of each call site. None where the good run does not reach a root. */
  faults(options: { distinct: boolean }): Fault[];
  run(faults: readonly Fault[]): Promise<ExploredRun>;
}

/** A run with faults. */
export interface ExploredRun {
  verdict: FaultVerdict;
  asked: readonly AskedOp[];
  /** What the console and the kernel's ring have. */
  shown: string;
}

/** Boots a bundle once, and gives what is needed to boot it with faults. Throws EngineError: it cannot be evaluated. */
export async function createExplorer(code: string, description: MachineDescription): Promise<Explorer> {
  const bundle = await loadBundle(`${code}\n${noteCallSites}`);
  const first = await boot(bundle, description, []);
  const { ending, run: goodRun } = first;
  const end = goodEnd(ending, goodRun);
  return {
    good: { ending, asked: goodRun.asked },
    faults({ distinct }) {
      const all = end ? listFaults(goodRun.asked) : [];
      return distinct ? distinctFaults(goodRun.asked, all) : all;
    },
    async run(faults) {
      if (!end) throw new Error("there is no good run to compare with");
      const { ending, run } = await boot(bundle, description, faults);
      return { verdict: judge(end, ending, run, faults), asked: run.asked, shown: run.machine.console() };
    },
  };
}

async function boot(
  bundle: LoadedBundle,
  description: MachineDescription,
  faults: readonly Fault[],
): Promise<{ ending: Ending; run: FaultyMachine }> {
  const run = createFaultyMachine(description, faults);
  return { ending: await bundle.boot(run), run };
}

function goodEnd(ending: Ending, { asked, machine }: FaultyMachine): GoodEnd | undefined {
  if (ending.end !== "word" || ending.word.word !== "switch") return undefined;
  const { word } = ending;
  return { word, mounts: mountsOf(machine, word), writes: writesOf(asked) };
}
