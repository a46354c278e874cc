import type { MachineDescription } from "./description.js";
import { type AskedOp, distinctFaults, type Fault, listFaults, placeOf, siteOf } from "./fault-list.js";
import { type FaultVerdict, type GoodEnd, type GoodWord, judge, mountsOf, writesOf } from "./fault-verdict.js";
import { createBreakableMachine, createFaultyMachine, type FaultyMachine, noteCallSites } from "./faulty-machine.js";
import { type Ending, type LoadedBundle, loadBundle } from "./rehearse.js";

/** A boot that is explored: what it does when nothing goes wrong, and when something does. */
export interface Explorer {
  /** As it is without a fault. */
  good: { ending: Ending; asked: readonly AskedOp[] };
  /** All single faults; none where the good run does not come to where it is meant to. */
  faults: readonly Fault[];
  /** One of each kind at each call site, but for those that were explored elsewhere (`sitesOf`). */
  distinct(known: readonly string[]): Fault[];
  sitesOf(faults: readonly Fault[]): string[];
  /** All places in the boot code that ask something when nothing goes wrong. */
  places: readonly string[];
  run(faults: readonly Fault[]): Promise<ExploredRun>;
  /** The fault of this name at this op of a run with the faults before it; undefined: that op cannot have it, or is none. */
  find(before: readonly Fault[], op: number, name: string): Promise<Fault | undefined>;
  /** Two faults, the second one in what the first has led to; every number gives a pair. undefined: nothing can fail after the first. */
  pair(number: number): Promise<[Fault, Fault] | undefined>;
}

/** A run with faults. */
export interface ExploredRun {
  verdict: FaultVerdict;
  asked: readonly AskedOp[];
  /** What the console and the kernel's ring have. */
  shown: string;
}

/**
 * Boots a bundle once, and gives what is needed to boot it with faults. `shutdown`: what is explored is not the boot, but how the system goes down after it.
 * Throws EngineError: it cannot be evaluated.
 */
export async function createExplorer(
  code: string,
  description: MachineDescription,
  shutdown?: string,
): Promise<Explorer> {
  const bundle = await loadOnce(`${code}\n${noteCallSites}`);
  const boot = (faults: readonly Fault[]) => bootWith(bundle, description, shutdown, faults);
  const first = await boot([]);
  const { ending, run: goodRun } = first;
  // After a boot that has kept nothing for then, nothing of ours goes down.
  const isNothing = shutdown !== undefined && goodWord(ending)?.word === "switch";
  const end = isNothing ? undefined : goodEnd(ending, goodRun);
  const single = end ? listFaults(goodRun.asked) : [];
  /** Of ops that come after these faults. */
  async function faultsBehind(before: readonly Fault[]): Promise<Fault[]> {
    const last = before.at(-1)?.op ?? 0;
    const { run } = await boot(before);
    return listFaults(run.asked).filter(({ op }) => op > last);
  }
  return {
    good: { ending, asked: goodRun.asked },
    faults: single,
    distinct: (known) => distinctFaults(goodRun.asked, single, known),
    places: goodRun.asked.map(placeOf),
    sitesOf: (faults) => faults.map((fault) => siteOf(goodRun.asked, fault)),
    find: async (before, op, name) =>
      (before.length ? await faultsBehind(before) : single).find((fault) => fault.op === op && fault.name === name),
    async pair(number) {
      const first = oneOf(single, number);
      const second = first && oneOf(await faultsBehind([first]), number + 1);
      return first && second && [first, second];
    },
    async run(faults) {
      if (!end) throw new Error("there is no good run to compare with");
      const { ending, run } = await boot(faults);
      return { verdict: judge(end, ending, run, faults), asked: run.asked, shown: run.machine.console() };
    },
  };
}

/** What was explored last is explored on, or on another machine. */
let lastBundle: { code: string; bundle: LoadedBundle } | undefined;

/** Throws EngineError. */
async function loadOnce(code: string): Promise<LoadedBundle> {
  if (lastBundle?.code !== code) lastBundle = { code, bundle: await loadBundle(code) };
  return lastBundle.bundle;
}

/** Numbers beside each other choose far from each other (Knuth's multiplicative hash). */
function oneOf<Item>(items: readonly Item[], number: number): Item | undefined {
  return items[(Math.imul(number + 1, 2654435761) >>> 0) % items.length];
}

async function bootWith(
  bundle: LoadedBundle,
  description: MachineDescription,
  shutdown: string | undefined,
  faults: readonly Fault[],
): Promise<{ ending: Ending; run: FaultyMachine }> {
  const machine = createBreakableMachine(description);
  if (shutdown === undefined) {
    const run = createFaultyMachine(machine, faults);
    return { ending: await bundle.boot(run), run };
  }
  const booted = createFaultyMachine(machine, []);
  const ending = await bundle.boot(booted);
  const goingDown = machine.goDown(shutdown);
  if (!goingDown) return { ending, run: booted };
  const run = createFaultyMachine(goingDown, faults);
  return { ending: await bundle.boot(run), run };
}

/** undefined: the boot has not come to where it is meant to. */
export const goodWord = (ending: Ending): GoodWord | undefined =>
  ending.end === "word" && ending.word.word !== "failed" ? ending.word : undefined;

function goodEnd(ending: Ending, { asked, machine }: FaultyMachine): GoodEnd | undefined {
  const word = goodWord(ending);
  return word && { word, mounts: mountsOf(machine, word), writes: writesOf(asked) };
}
