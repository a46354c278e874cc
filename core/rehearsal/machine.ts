import type { Event, InstantName, InstantOps, JobName, JobOps, LastWord } from "../abi/index.js";
import type { MachineDescription, SimulatedDevice } from "./description.js";
import { Failure } from "./failure.js";
import { createFileSpace, fileSystemOf } from "./file-tree.js";
import { deviceNode, inSysfs, jobModels } from "./simulated-jobs.js";
import { opAnswers } from "./simulated-ops.js";

/** A machine that answers ops out of a description, in virtual time. */
export interface Machine {
  /** The host function of core/abi. */
  op(name: string, argumentsJson: string): string;
  /** Once `finish` was asked. */
  lastWord(): LastWord | undefined;
  /** Everything shown on the console and logged, in order. */
  console(): string;
  /** Virtual milliseconds since the kernel started. */
  now(): number;
}

interface Coming {
  at: number;
  /** Makes it happen; undefined: nothing that the boot code sees. */
  happen(): Event | undefined;
}

/** Boots start at this time: what kernels need to reach /init. */
const startOfInit = 1000;

export function createMachine(description: MachineDescription): Machine {
  const files = createFileSpace(fileSystemOf(description.initramfs));
  const present = new Map<string, SimulatedDevice>();
  const loaded = new Set<string>();
  const coming: Coming[] = [];
  let time = startOfInit;
  let jobs = 0;
  let sequence = 0;
  let shown = "";
  let word: LastWord | undefined;
  let listening = false;
  const now = () => time;

  function arrive(device: SimulatedDevice): Event | undefined {
    present.set(`/dev/${device.name}`, device);
    if (files.mounts.has("/sys")) {
      files.put(`/sys/class/block/${device.name}`, { type: "dir", mode: 0o755 });
      for (const [path, data] of Object.entries(inSysfs(device)))
        files.put(`/sys/${path}`, { type: "file", mode: 0o444, data });
    }
    if (files.mounts.has("/dev")) files.put(`/dev/${device.name}`, deviceNode(device));
    if (!listening) return undefined;
    const properties = { SUBSYSTEM: "block", DEVNAME: device.name, SEQNUM: String(++sequence) };
    return { type: "uevent", action: "add", devpath: `/devices/simulated/block/${device.name}`, properties };
  }

  function schedule(devices: readonly SimulatedDevice[]): void {
    for (const device of devices) coming.push({ at: time + (device.after ?? 0), happen: () => arrive(device) });
  }

  const world = {
    description,
    files,
    present,
    loaded,
    now,
    show: (text: string) => {
      shown += text;
    },
    driverInserted: (name: string) => schedule(description.devices.filter(({ driver }) => driver === name)),
  };

  function startJob<Name extends JobName>(name: Name, request: JobOps[Name][0]): { job: number } {
    const model = jobModels[name];
    if (!model) throw new Failure("ENOSYS", `${name}: not simulated`);
    const job = ++jobs;
    const { lasts, result } = model(world, request);
    coming.push({ at: time + lasts, happen: () => ({ type: "job", job, outcome: outcomeOf(result) }) });
    return { job };
  }

  function wait(until: number | null): Event {
    const limit = Math.max(time, until ?? Number.POSITIVE_INFINITY);
    for (;;) {
      coming.sort((a, b) => a.at - b.at);
      const next = coming[0];
      if (!next || next.at > limit) break;
      coming.shift();
      time = Math.max(time, next.at);
      const event = next.happen();
      if (event) return event;
    }
    if (until === null) throw new Failure("EDEADLK", "the boot would wait for ever");
    time = limit;
    return { type: "timeout" };
  }

  function answer(name: string, request: unknown): unknown {
    if (name === "listenUevents") {
      listening = true;
      return {};
    }
    if (name === "wait") return wait((request as InstantOps["wait"][0]).until);
    if (name === "pipe") return { pipe: ++jobs };
    if (name === "signal" || name === "inputPosition") throw new Failure("ESRCH");
    if (name === "finish") {
      word = request as LastWord;
      return {};
    }
    const instantly = opAnswers[name as InstantName] as ((world: unknown, request: unknown) => unknown) | undefined;
    return instantly ? instantly(world, request) : startJob(name as JobName, request as JobOps[JobName][0]);
  }

  schedule(description.devices.filter(({ driver }) => driver === undefined));
  return {
    op: (name, argumentsJson) => JSON.stringify(outcomeOf(() => answer(name, JSON.parse(argumentsJson)))),
    lastWord: () => word,
    console: () => shown,
    now,
  };
}

function outcomeOf(action: () => unknown): { value: unknown } | { error: { errno: string; detail?: string } } {
  try {
    return { value: action() };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { errno, detail } = error;
    return { error: detail === undefined ? { errno } : { errno, detail } };
  }
}
