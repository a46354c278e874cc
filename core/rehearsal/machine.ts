import { type InstantName, type JobName, type LastWord, rescuePath } from "../abi/index.js";
import { readArguments } from "./arguments.js";
import { textOut } from "./bytes.js";
import { createWorld, type ObservedWorld } from "./create-world.js";
import type { MachineDescription } from "./description.js";
import { outcomeOf } from "./failure.js";
import { fileOps } from "./file-ops.js";
import type { FileSpace } from "./file-space.js";
import { dataOf } from "./file-tree.js";
import { leaveRoot } from "./go-down.js";
import { createGuardian } from "./guardian.js";
import { instantAnswers, nothingTold } from "./instant-ops.js";
import { createJobs } from "./jobs.js";
import { unmountNewRoot } from "./mounts.js";
import { createRecorder } from "./recorder.js";
import type { TraceEntry } from "./trace.js";
import type { World } from "./world.js";

/** A machine that answers ops out of a description, in virtual time. */
export interface Machine {
  /** The host function of core/abi. */
  op(name: string, argumentsJson: string): string;
  /** Once `finish` was asked. */
  lastWord(): LastWord | undefined;
  /** After a last word that is not the end: PID 1 does what it says, and another engine starts. False: it is the end. */
  goesOn(): boolean;
  /** What the boot has asked for and the description does not say: nothing that comes after the first one counts. */
  leftOpen(): readonly string[];
  /** The boot code waits for ever, and nothing will happen any more. */
  isStuck(): boolean;
  /** Everything shown on the console and logged, in order. */
  console(): string;
  /** Virtual milliseconds since the kernel started. */
  now(): number;
  /** As they are now. */
  files: FileSpace;
  /** A block device goes away now; by its kernel name. */
  takeOut(name: string): void;
  /** All ops so far. */
  recorded(): readonly TraceEntry[];
  /** Processor time that a turn may take, in milliseconds. */
  turnLimit(): number;
  /**
   * The same machine for the engine that PID 1 starts after a last word `failed` that is to be tried again: what ran is killed, the new root unmounted, and
   * all else is as it was left.
   */
  nextEngine(): Machine;
  /**
   * The same machine when the system that it has switched to goes down: its init executes PID 1 once more, and says what is to become of the machine
   * ("poweroff"). undefined: what it would execute is not there.
   */
  goDown(verb: string): Machine | undefined;
  /** Arrays, volumes and opened containers that are there, by the kernel's names. */
  layers(): string[];
}

const answersOfFiles = fileOps as Readonly<Record<string, unknown>>;

export function createMachine(description: MachineDescription): Machine {
  return machineFor(createWorld(description), description.init?.engine ?? 1);
}

/** `engine`: which one it is of this boot, from 1. */
function machineFor(observed: ObservedWorld, engine: number): Machine {
  const { world, shown, open } = observed;
  const { schedule, files, devices } = world;
  const jobs = createJobs(world);
  const startAgain = () => {
    for (const job of schedule.running()) jobs.signal({ job, signal: "SIGKILL" });
    schedule.forget();
    world.console.forgetAll();
  };
  const recorder = createRecorder({ now: schedule.now, write: (request) => void fileOps.write(world, request) });
  const told = nothingTold({ ...world.description.init, engine });
  // What the image says of it holds until the boot code says otherwise.
  told.again = files.has(rescuePath) && dataOf(files.find(rescuePath)).includes("action=again");
  const answers = instantAnswers(world, jobs, recorder, told);

  function answer(name: string, json: string): unknown {
    const request = readArguments(name, json);
    const own = answers[name as InstantName] as ((request: unknown) => unknown) | undefined;
    if (own) return own(request);
    const ofFiles = answersOfFiles[name] as ((world: World, request: unknown) => unknown) | undefined;
    return ofFiles ? ofFiles(world, request) : jobs.start(name as JobName, request);
  }

  return {
    op(name, argumentsJson) {
      const outcome = outcomeOf(() => answer(name, argumentsJson));
      const json = JSON.stringify(outcome, textOut);
      // Here, too, the boot code would hear no more.
      recorder.record(name, argumentsJson, name === "finish" && "value" in outcome ? "" : json);
      return json;
    },
    recorded: recorder.entries,
    lastWord: () => told.lastWord,
    goesOn: createGuardian(world, told),
    leftOpen: () => open,
    isStuck: schedule.isStuck,
    console: shown,
    now: schedule.now,
    files,
    takeOut(name) {
      for (const device of devices.all()) if (device.name === name) devices.vanish(device);
    },
    layers: () => devices.all().flatMap(({ name, layer }) => (layer ? [name] : [])),
    turnLimit: () => told.turnLimit,
    nextEngine() {
      startAgain();
      unmountNewRoot(world);
      return machineFor(observed, told.engine + 1);
    },
    goDown(verb) {
      const { lastWord: word } = told;
      startAgain();
      if (word?.word !== "switch" || !leaveRoot(world, word)) return undefined;
      world.description = { ...world.description, init: { invokedAs: "/shutdown", arguments: [verb] } };
      return machineFor(observed, 1);
    },
  };
}
