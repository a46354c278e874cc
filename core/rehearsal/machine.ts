import type { InstantName, InstantOps, JobName, JobOps, LastWord } from "../abi/index.js";
import { readArguments } from "./arguments.js";
import { fromBytes } from "./bytes.js";
import { createConsole } from "./console.js";
import type { MachineDescription } from "./description.js";
import { createBlockDevices, deviceJobs, startDevices } from "./devices.js";
import { endJobs } from "./end-ops.js";
import { Failure, outcomeOf } from "./failure.js";
import { fileOps } from "./file-ops.js";
import { createFileSpace, type FileSpace } from "./file-space.js";
import { addFiles, createFileSystem } from "./file-tree.js";
import { createHardware } from "./hardware.js";
import { mount, mountJobs } from "./mounts.js";
import { createPrograms } from "./programs.js";
import { createRecorder } from "./recorder.js";
import { createSchedule } from "./schedule.js";
import type { TraceEntry } from "./trace.js";
import { treeJobs } from "./tree-jobs.js";
import type { JobCourse, World } from "./world.js";

/** A machine that answers ops out of a description, in virtual time. */
export interface Machine {
  /** The host function of core/abi. */
  op(name: string, argumentsJson: string): string;
  /** Once `finish` was asked. */
  lastWord(): LastWord | undefined;
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
}

/** 2026-01-01T00:00:00Z: every rehearsal starts then. */
const epoch = 1767225600000;
/** PID 1's own, until the boot code sets another. */
const usualTurnLimit = 10_000;
/** Longest record of the kernel's ring. */
const longestRecord = 1000;

/** Jobs whose end is known when they begin. */
const models = { ...treeJobs, ...mountJobs, ...deviceJobs, ...endJobs } as unknown as Readonly<
  Record<string, (world: World, request: unknown) => JobCourse>
>;
const virtualTypes = ["proc", "sysfs", "devtmpfs", "devpts", "tmpfs"];

type Answers = { [Name in InstantName]?: (request: InstantOps[Name][0]) => unknown };

export function createMachine(description: MachineDescription): Machine {
  const schedule = createSchedule(description.deaf);
  const { now } = schedule;
  const realtime = () => epoch + now();
  const open: string[] = [];
  let systems = 0;
  let shown = "";
  let word: LastWord | undefined;
  let turnLimit = usualTurnLimit;
  let seeds = 0;
  const newSystem = (type: string) => createFileSystem(type, `0:${++systems}`, realtime());
  const initramfs = newSystem("rootfs");
  addFiles(initramfs, initramfs.root, description.initramfs, realtime());
  const world = {
    description,
    schedule,
    files: createFileSpace(initramfs),
    loaded: new Set<string>(),
    realtime,
    show: (text: string) => {
      shown += fromBytes(text);
    },
    newSystem,
    leaveOpen: (question: string) => void open.push(fromBytes(question)),
  } as World;
  world.console = createConsole(world);
  world.programs = createPrograms(world);
  world.devices = createBlockDevices(world);
  world.hardware = createHardware(world);
  /** Jobs that are neither programs nor prompts: how to end them early. */
  const courses = new Map<number, () => void>();

  function startJob(name: JobName, request: unknown): { job: number } {
    const job = schedule.newJob();
    if (name === "run") world.programs.start(job, request as JobOps["run"][0]);
    else if (name === "prompt") world.console.ask(job, request as JobOps["prompt"][0]);
    else {
      const course = models[name]?.(world, request);
      if (!course) throw new Failure("ENOSYS", name);
      const end = () => {
        courses.delete(job);
        schedule.end(job, outcomeOf(course.result));
      };
      courses.set(job, Number.isFinite(course.lasts) ? schedule.after(course.lasts, end) : () => {});
    }
    return { job };
  }

  function signal({ job, signal: name }: InstantOps["signal"][0]): void {
    if (world.programs.signal(job, name) || world.console.signal(job, name)) return;
    const prevent = courses.get(job);
    if (!prevent) throw new Failure("ESRCH");
    prevent();
    courses.delete(job);
    schedule.end(job, { error: { errno: "ECHILD", detail: name } });
  }

  const nothing = (action: () => void) => {
    action();
    return {};
  };
  const recorder = createRecorder({ now, write: (request) => void fileOps.write(world, request) });
  const { init = {} } = description;
  const answers: Answers = {
    now: () => ({ realtime: realtime(), monotonic: now() }),
    randomSeed: () => ({ seed: `0123456789abcdef${(++seeds).toString(16).padStart(16, "0")}` }),
    log: ({ level, text }) =>
      nothing(() => {
        world.files.find("/dev/kmsg");
        world.show(`<${level}>${text.slice(0, longestRecord)}\n`);
      }),
    print: ({ text }) => nothing(() => world.show(text)),
    kernel: () => ({
      ...description.kernel,
      engine: init.engine ?? 1,
      status: init.status ?? null,
      arguments: [...(init.arguments ?? [])],
      ...(init.snapshot === undefined ? {} : { snapshot: init.snapshot }),
    }),
    resolveDriver: ({ alias }) => ({ matches: world.devices.resolve(alias) }),
    mountVirtual: (request) =>
      nothing(() => {
        if (!virtualTypes.includes(request.type)) throw new Failure("EXDEV");
        mount(world, { source: "", ...request });
      }),
    listenUevents: ({ receiveBuffer }) => nothing(() => schedule.listen(receiveBuffer)),
    wait: ({ until }) => schedule.wait(until),
    pipe: () => ({ pipe: world.programs.pipe() }),
    signal: (request) => nothing(() => signal(request)),
    inputPosition: ({ job }) => {
      const position = world.programs.position(job);
      if (position === undefined) throw new Failure("ESRCH");
      return { position };
    },
    forgetSecret: ({ secret }) =>
      nothing(() => {
        if (!world.console.forget(secret)) throw new Failure("ENOENT");
      }),
    setLimits: ({ turn }) =>
      nothing(() => {
        turnLimit = turn;
      }),
    trace: (request) => nothing(() => recorder.trace(request)),
    setRescuePolicy: () => ({}),
    finish: (last) =>
      nothing(() => {
        word = JSON.parse(JSON.stringify(last, textOut));
      }),
  };

  function answer(name: string, json: string): unknown {
    const request = readArguments(name, json);
    const own = answers[name as InstantName] as ((request: unknown) => unknown) | undefined;
    if (own) return own(request);
    const ofFiles = (fileOps as Readonly<Record<string, unknown>>)[name] as
      | ((world: World, request: unknown) => unknown)
      | undefined;
    return ofFiles ? ofFiles(world, request) : startJob(name as JobName, request);
  }

  startDevices(world);
  if (description.deaf) schedule.after(description.deaf.until - now(), schedule.ueventsLost);
  return {
    op(name, argumentsJson) {
      const outcome = outcomeOf(() => answer(name, argumentsJson));
      const json = JSON.stringify(outcome, textOut);
      // Here, too, the boot code would hear no more.
      recorder.record(name, argumentsJson, name === "finish" && "value" in outcome ? "" : json);
      return json;
    },
    recorded: recorder.entries,
    lastWord: () => word,
    leftOpen: () => open,
    isStuck: schedule.isStuck,
    console: () => shown,
    now,
    files: world.files,
    takeOut(name) {
      for (const device of world.devices.all()) if (device.name === name) world.devices.vanish(device);
    },
    turnLimit: () => turnLimit,
  };
}

const textOut = (_key: string, value: unknown) => (typeof value === "string" ? fromBytes(value) : value);
