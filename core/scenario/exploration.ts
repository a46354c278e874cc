import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { BuildError } from "../generator/problems.js";
import { project } from "../generator/project.js";
import { createExplorer, type ExploredRun, type Explorer } from "../rehearsal/explore.js";
import { type AskedOp, exploredTimeout, type Fault, faultsAfter } from "../rehearsal/fault-list.js";
import type { FaultVerdict } from "../rehearsal/fault-verdict.js";
import type { Ending } from "../rehearsal/rehearse.js";
import { openImage, type RehearsedImage } from "./image.js";
import { machineOf } from "./machine.js";
import { type Chosen, chooseMachine, endingOn, notLoaded, type Scenario } from "./rehearsal.js";

/**
 * What is explored: all single faults; one of each kind at each call site, but for those known from elsewhere, and where that leads to places that no good boot comes
 * to, a second one of each kind there; or pairs, chosen by a seed.
 */
export type Wanted = "all" | { distinctFrom: readonly string[] } | { pairs: number; seed: number };

/** What runs with faults have led to. */
export interface Exploration {
  /** Without a fault. */
  good: { ending: Ending; asked: readonly AskedOp[] };
  assumption: string | undefined;
  runs: readonly FaultyRun[];
  /** The call sites that now are known. */
  sites: readonly string[];
}

/** What one of them has led to. */
export interface FaultyRun {
  /** "57:EIO", as --fault takes it. */
  faults: string;
  /** Number of the first op that went wrong, from 1. */
  op: number;
  verdict: FaultVerdict;
}

/** Given to a thread: of all runs every `of`th, from `share` on. */
export interface Share {
  scenario: Scenario;
  wanted: Wanted | { these: readonly (readonly Fault[])[] };
  share: number;
  of: number;
}

/** What a thread tells last of its share. */
export const shareDone = "done";

/** What a thread tells of a run. */
export interface ToldRun extends FaultyRun {
  /** Its number among all runs that are wanted. */
  index: number;
  /** By place in the boot code: this run's faults, and another one there. */
  further: ReadonlyMap<string, readonly (readonly Fault[])[]>;
}

/** Deep recursion in the engine takes several times the stack that QuickJS counts. */
const stackSizeMb = 64;

/** A boot waits for ever for a job that does not end, unless it is told not to: in front, where half a command line tells it, too. */
function withTimeout(scenario: Scenario): Scenario {
  if (/(^|\s)rd\.timeout=/.test(scenario.cmdline)) return scenario;
  return { ...scenario, cmdline: `rd.timeout=${exploredTimeout} ${scenario.cmdline}` };
}

/** The last image of this thread: many boots of one image are explored, each in several waves. */
let lastImage: { key: string; image: RehearsedImage } | undefined;

/** Throws BuildError. */
async function openOnce(path: string): Promise<RehearsedImage> {
  const { mtimeMs, size, ino } = statSync(path, { throwIfNoEntry: false }) ?? {};
  const key = [path, mtimeMs, size, ino].join();
  if (lastImage?.key !== key) lastImage = { key, image: await openImage(path) };
  return lastImage.image;
}

async function openExplorer(scenario: Scenario): Promise<{ explorer: Explorer; chosen: Chosen }> {
  const told = withTimeout(scenario);
  const chosen = chooseMachine(told.machine, told.cmdline);
  const image = await openOnce(told.image);
  const { machine, folder } = chosen;
  const description = machineOf(machine, image, folder, told.cmdline);
  const explorer = await createExplorer(image.bundle, description, told.shutdown).catch((error: unknown) =>
    notLoaded(image, error),
  );
  return { explorer, chosen };
}

const nameOf = (faults: readonly Fault[]) => faults.map(({ op, name }) => `${op}:${name}`).join();

/** How many runs are wanted, and the faults of each; undefined: after the first fault of a pair nothing could fail. */
function planOf(
  explorer: Explorer,
  wanted: Share["wanted"],
): { count: number; faultsOf(index: number): Promise<readonly Fault[] | undefined> } {
  if (wanted !== "all" && "pairs" in wanted)
    return { count: wanted.pairs, faultsOf: (index) => explorer.pair(wanted.seed + index) };
  if (wanted !== "all" && "these" in wanted)
    return { count: wanted.these.length, faultsOf: async (index) => wanted.these[index] };
  const single = wanted === "all" ? explorer.faults : explorer.distinct(wanted.distinctFrom);
  return { count: single.length, faultsOf: async (index) => single.slice(index, index + 1) };
}

/** The runs of one thread. */
export async function exploreShare(
  { scenario, wanted, share, of }: Share,
  told: (run: ToldRun) => void,
): Promise<void> {
  const { explorer } = await openExplorer(scenario);
  const { count, faultsOf } = planOf(explorer, wanted);
  const goesFurther = wanted !== "all" && "distinctFrom" in wanted;
  const known = new Set(goesFurther ? [...wanted.distinctFrom, ...explorer.places] : []);
  for (let index = share; index < count; index += of) {
    const faults = await faultsOf(index);
    const last = faults?.at(-1);
    if (!faults || !last) continue;
    const { verdict, asked } = await explorer.run(faults);
    const behind = goesFurther ? [...faultsAfter(asked, last.op, known)] : [];
    for (const [place] of behind) known.add(place);
    const further = new Map(behind.map(([place, seconds]) => [place, seconds.map((second) => [...faults, second])]));
    told({ faults: nameOf(faults), op: faults[0]?.op ?? 0, verdict, index, further });
  }
}

/** Boots an image with fault after fault, on all processors. Throws BuildError: it cannot begin. */
export async function exploreImage(scenario: Scenario, wanted: Wanted): Promise<Exploration> {
  const { explorer, chosen } = await openExplorer(scenario);
  const { faults, places } = explorer;
  const good = { ...explorer.good, ending: endingOn(chosen, explorer.good.ending) };
  const first = faults.length ? await inThreads(scenario, wanted) : [];
  /** By place. Whichever thread came there, it is the first run that counts. */
  const further = new Map([...first].reverse().flatMap((run) => [...run.further]));
  const these = [...further.values()].flat();
  const second = these.length ? await inThreads(scenario, { these }) : [];
  const runs = [...first, ...second].sort((a, b) => a.op - b.op);
  const sites = [...explorer.sitesOf(faults), ...places, ...further.keys()];
  return { good, assumption: chosen.assumption, runs, sites };
}

/** All runs, in the order of the plan. */
async function inThreads(scenario: Scenario, wanted: Share["wanted"]): Promise<ToldRun[]> {
  const runs: ToldRun[] = [];
  const of = availableParallelism();
  await Promise.all(
    Array.from({ length: of }, (_, share) => inThread({ scenario, wanted, share, of }, (run) => runs.push(run))),
  );
  return runs.sort((a, b) => a.index - b.index);
}

/** Threads that have done their share, and have an image open. They keep no process from ending. */
const idleThreads: Worker[] = [];

const startThread = () =>
  new Worker(join(project.top, "dist/tools/explore-worker.mjs"), { resourceLimits: { stackSizeMb } });

async function inThread(share: Share, told: (run: ToldRun) => void): Promise<void> {
  const worker = idleThreads.pop() ?? startThread();
  worker.ref();
  await new Promise<void>((resolve, reject) => {
    const ended = (status: number) => reject(new Error(`a thread has ended with ${status}`));
    const hear = (run: ToldRun | typeof shareDone) => {
      if (run !== shareDone) return told(run);
      worker.off("message", hear).off("error", reject).off("exit", ended);
      resolve();
    };
    worker.on("message", hear).on("error", reject).on("exit", ended);
    worker.postMessage(share);
  });
  worker.unref();
  idleThreads.push(worker);
}

/**
 * One run with the faults that are named "57:EIO" or, for several, "57:EIO,90:never"; an exploration without any run where the boot does not go well without
 * them. Throws BuildError: there are none of these names.
 */
export async function repeatFaults(scenario: Scenario, names: string): Promise<ExploredRun | Exploration> {
  const { explorer, chosen } = await openExplorer(scenario);
  if (!explorer.faults.length)
    return {
      good: { ...explorer.good, ending: endingOn(chosen, explorer.good.ending) },
      ...{ assumption: chosen.assumption, runs: [], sites: [] },
    };
  const faults: Fault[] = [];
  for (const word of names.split(",")) {
    const [, op = "", name = ""] = /^(\d+):(.+)$/.exec(word) ?? [];
    const fault = await explorer.find(faults, Number(op), name);
    if (!fault)
      throw new BuildError(`--fault ${names}: ${word} is no fault of this boot: --faults --verbose shows them all`);
    faults.push(fault);
  }
  return explorer.run(faults);
}
