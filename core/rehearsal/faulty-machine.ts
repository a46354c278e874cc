import type { Event, InstantOps, JobOps, Outcome } from "../abi/index.js";
import type { MachineDescription } from "./description.js";
import type { AskedOp, Fault } from "./fault-list.js";
import { createMachine, type Machine } from "./machine.js";
import type { Pause, ProgramEnd } from "./programs.js";
import type { BootedMachine } from "./rehearse.js";

/** Stands for a job that does nothing, and ends at once or never. */
const idleProgram = "idle-in-place-of-a-job";
const hangingProgram = "hangs-in-place-of-a-job";
/** Milliseconds, thirty years: what lasts so long never ends. */
const forever = 1e12;

/** It reads nothing, either. */
function* hang(): Generator<Pause, ProgramEnd, undefined> {
  yield { sleep: forever };
  return {};
}

/** The op in which the boot code tells from where it asks the next one; see noteCallSites. */
const callSite = "call site";

/** Code after a bundle that has it tell where each op is asked. */
export const noteCallSites = `;(() => {
  const host = op;
  globalThis.op = (name, request) => {
    host(${JSON.stringify(callSite)}, new Error().stack);
    return host(name, request);
  };
})();`;

/** Functions between a call site and the door. */
const atTheDoor = new Set([
  "globalThis.op",
  "op",
  "ask",
  "instant",
  "instantIfThere",
  "startJob",
  "start",
  "job",
  "<anonymous>",
]);

/** Lines of QuickJS's stack, without what every op has: "name (file:line:column)". */
function framesOf(stack: string): string[] {
  const frames = stack.split("\n").flatMap((line) => /^ +at (.+)$/.exec(line)?.[1] ?? []);
  const inside = frames.findIndex((frame) => !atTheDoor.has(frame.replace(/ \(.*/, "")));
  return frames.slice(Math.max(0, inside));
}

/** A simulated machine on which something goes wrong. */
export interface FaultyMachine extends BootedMachine {
  machine: Machine;
  /** As the boot code has asked, and was answered. */
  asked: readonly AskedOp[];
}

/** The machine of a description on which faults can happen. */
export const createBreakableMachine = (description: MachineDescription): Machine =>
  createMachine({
    ...description,
    programs: {
      ...description.programs,
      [idleProgram]: () => ({ lasts: 1 }),
      [hangingProgram]: hang,
    },
  });

/** These faults happen on it from now on; without any, it is as good as it is described. */
export function createFaultyMachine(machine: Machine, faults: readonly Fault[]): FaultyMachine {
  const asked: AskedOp[] = [];
  let stack: string[] = [];
  /** By job: how it ends. */
  const endings = new Map<number, Outcome>();
  /** By job: when its end may be told. */
  const delays = new Map<number, number>();
  /** Ends that may not be told yet, as JSON. */
  const held: { at: number; json: string }[] = [];

  function answer(name: string, request: string, fault: Fault | undefined): string {
    if (fault?.answer) {
      // The event that is lost has come, all the same.
      if (name === "wait" && "value" in fault.answer) machine.op(name, request);
      return JSON.stringify(fault.answer);
    }
    if (name === "wait") return wait(request);
    if (fault?.lasts === Number.POSITIVE_INFINITY) return machine.op("run", inPlaceOf(name, request, hangingProgram));
    if (fault?.ending) return started(machine.op("run", inPlaceOf(name, request, idleProgram)), endings, fault.ending);
    const json = machine.op(name, request);
    if (fault?.lasts !== undefined) started(json, delays, machine.now() + fault.lasts);
    if (fault?.gone !== undefined) machine.takeOut(fault.gone);
    return json;
  }

  function wait(request: string): string {
    const { until } = JSON.parse(request) as InstantOps["wait"][0];
    for (;;) {
      const first = held[0];
      if (first && first.at <= machine.now()) return held.shift()?.json ?? "";
      const sooner = first && (until === null || first.at < until);
      const json = machine.op("wait", sooner ? JSON.stringify({ until: first.at }) : request);
      const outcome = JSON.parse(json) as Outcome;
      const event = "value" in outcome ? (outcome.value as Event) : undefined;
      if (sooner && event?.type === "timeout") continue;
      if (event?.type !== "job") return json;
      const at = delays.get(event.job);
      if (at === undefined) return JSON.stringify(endOf(event, outcome));
      held.push({ at, json });
      held.sort((a, b) => a.at - b.at);
    }
  }

  function endOf(event: Event & { type: "job" }, before: Outcome): Outcome {
    const outcome = endings.get(event.job);
    return outcome ? { value: { ...event, outcome } } : before;
  }

  return {
    ...machine,
    machine,
    asked,
    op(name, request) {
      if (name === callSite) {
        stack = framesOf(request);
        return "";
      }
      const number = asked.length + 1;
      const outcome = answer(
        name,
        request,
        faults.find(({ op }) => op === number),
      );
      const time = Math.round(machine.now() * 1000);
      asked.push({ time, name, arguments: request, outcome: machine.lastWord() ? "" : outcome, stack });
      return outcome;
    },
  };
}

/** Notes something of a job that was started. */
function started<Value>(json: string, by: Map<number, Value>, value: Value): string {
  const outcome = JSON.parse(json) as Outcome;
  if ("value" in outcome) by.set((outcome.value as { job: number }).job, value);
  return json;
}

/** The request of a program in place of a job: it has the streams and the time limit of one that was to be run. */
function inPlaceOf(name: string, json: string, program: string): string {
  const request = (name === "run" ? JSON.parse(json) : {}) as Partial<JobOps["run"][0]>;
  const { root: _root, cwd: _cwd, ...kept } = request;
  return JSON.stringify({ ...kept, argv: [program] });
}
