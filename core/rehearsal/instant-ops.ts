import { type InstantName, type InstantOps, initPath, type LastWord } from "../abi/index.js";
import { textOut, toBytes } from "./bytes.js";
import type { MachineDescription } from "./description.js";
import { Failure } from "./failure.js";
import type { Jobs } from "./jobs.js";
import { mount } from "./mounts.js";
import type { Recorder } from "./recorder.js";
import type { World } from "./world.js";

/** PID 1's own, until the boot code sets another. */
const usualTurnLimit = 10_000;
/** Longest record of the kernel's ring. */
const longestRecord = 1000;
const virtualTypes = ["proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "cgroup2"];

/** What PID 1 has been told, and what it tells. */
export interface Told {
  lastWord?: LastWord;
  /** Processor time that a turn may take, in milliseconds. */
  turnLimit: number;
  /** Where an engine fails, another one starts. */
  again: boolean;
  /** As the op `kernel` has them. */
  engine: number;
  status: number | null;
  failure?: string;
  state?: string;
}

export const nothingTold = ({ engine = 1, status }: NonNullable<MachineDescription["init"]> = {}): Told => ({
  turnLimit: usualTurnLimit,
  again: false,
  engine,
  status: status ?? null,
});

/** Answers of a part of the instant ops; they throw Failure. */
export type Answers = { [Name in InstantName]?: (request: InstantOps[Name][0]) => unknown };

/** For what has no result. */
const nothing = (action: () => void) => {
  action();
  return {};
};

/** The instant ops on everything but files (file-ops.ts). */
export function instantAnswers(world: World, jobs: Jobs, recorder: Recorder, told: Told): Answers {
  return {
    ...clockAnswers(world),
    ...deviceAnswers(world, told),
    ...jobAnswers(world, jobs),
    ...ownAnswers(recorder, told),
  };
}

function clockAnswers(world: World): Answers {
  const { schedule, realtime, files, show } = world;
  let seeds = 0;
  return {
    now: () => ({ realtime: realtime(), monotonic: schedule.now() }),
    randomSeed: () => ({ seed: `0123456789abcdef${(++seeds).toString(16).padStart(16, "0")}` }),
    log: ({ level, text }) =>
      nothing(() => {
        files.find("/dev/kmsg");
        show(`<${level}>${text.slice(0, longestRecord)}\n`);
      }),
    print: ({ text }) => nothing(() => show(text)),
  };
}

function deviceAnswers(world: World, told: Told): Answers {
  const { description, schedule, devices } = world;
  const { invokedAs = initPath, arguments: given = [], snapshot } = description.init ?? {};
  return {
    kernel: () => ({
      ...description.kernel,
      engine: told.engine,
      status: told.status,
      ...(told.failure === undefined ? {} : { failure: told.failure }),
      ...(told.state === undefined ? {} : { state: toBytes(told.state) }),
      invokedAs,
      arguments: [...given],
      ...(snapshot === undefined ? {} : { snapshot }),
    }),
    resolveDriver: ({ alias }) => ({ matches: devices.resolve(alias) }),
    mountVirtual: (request) =>
      nothing(() => {
        if (!virtualTypes.includes(request.type)) throw new Failure("EXDEV");
        mount(world, { source: request.type, ...request });
      }),
    listenUevents: ({ receiveBuffer }) => nothing(() => schedule.listen(receiveBuffer)),
    wait: ({ until }) => schedule.wait(until),
  };
}

function jobAnswers({ programs, console }: World, jobs: Jobs): Answers {
  return {
    pipe: () => ({ pipe: programs.pipe() }),
    signal: (request) => nothing(() => jobs.signal(request)),
    // Of other processes than programs of the boot code, which are jobs, nothing is known.
    kill: () => {
      throw new Failure("ESRCH");
    },
    inputPosition: ({ job }) => {
      const position = programs.position(job);
      if (position === undefined) throw new Failure("ESRCH");
      return { position };
    },
    forgetSecret: ({ secret }) =>
      nothing(() => {
        if (!console.forget(secret)) throw new Failure("ENOENT");
      }),
  };
}

/** What is said to PID 1 itself. */
function ownAnswers(recorder: Recorder, told: Told): Answers {
  return {
    setLimits: ({ turn }) =>
      nothing(() => {
        told.turnLimit = turn;
      }),
    trace: (request) => nothing(() => recorder.trace(request)),
    setRescuePolicy: ({ action }) =>
      nothing(() => {
        told.again = action === "again";
      }),
    finish: (word) =>
      nothing(() => {
        told.lastWord = JSON.parse(JSON.stringify(word, textOut));
      }),
  };
}
