import type { Event, InstantName, InstantOps, JobName, JobOps, LastWord } from "../abi/index.js";
import type { MachineDescription, SimulatedDevice } from "./description.js";
import { Failure } from "./failure.js";
import { createFileSpace, type FileSpace, fileSystemOf } from "./file-tree.js";
import { deviceNode, inSysfs, jobModels, mount, placeOf } from "./simulated-jobs.js";
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
  /** As they are now. */
  files: FileSpace;
}

interface Coming {
  at: number;
  /** Makes it happen; undefined: nothing that the boot code sees. */
  happen(): Event | undefined;
}

/** Boots start at this time: what kernels need to reach /init. */
const startOfInit = 1000;

const pathOf = ({ name }: SimulatedDevice) => `/dev/${name}`;

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
  const { deaf } = description;

  /** Tells of something that has happened to a device, if somebody listens. */
  function uevent(action: string, device: SimulatedDevice, more: Record<string, string> = {}): Event | undefined {
    if (!listening || (deaf && time >= deaf.from && time < deaf.until)) return undefined;
    const properties = { SUBSYSTEM: "block", DEVNAME: device.name, SEQNUM: String(++sequence), ...more };
    return { type: "uevent", action, devpath: placeOf(device).slice("devices".length), properties };
  }

  function arrive(device: SimulatedDevice): Event | undefined {
    present.set(pathOf(device), device);
    if (files.mounts.has("/sys")) putTree("/sys", inSysfs(device));
    if (files.mounts.has("/dev")) files.put(pathOf(device), deviceNode(device));
    for (const change of device.changes ?? [])
      coming.push({ at: time + change.after, happen: () => alter(device, change) });
    if (device.gone !== undefined) coming.push({ at: time + device.gone, happen: () => vanish(device) });
    return uevent("add", device);
  }

  function alter(device: SimulatedDevice, change: NonNullable<SimulatedDevice["changes"]>[number]): Event | undefined {
    const { after: _, medium, ...rest } = change;
    // The size in sysfs stays that of the old medium until somebody opens the drive.
    present.set(pathOf(device), {
      ...(present.get(pathOf(device)) ?? device),
      ...rest,
      ...(medium ? { sectors: 2048 } : {}),
    });
    return uevent("change", device, medium ? { DISK_MEDIA_CHANGE: "1" } : {});
  }

  function vanish(device: SimulatedDevice): Event | undefined {
    present.delete(pathOf(device));
    for (const name of Object.keys(inSysfs(device))) if (files.mounts.has("/sys")) files.remove(`/sys/${name}`);
    if (files.mounts.has("/dev")) files.remove(pathOf(device));
    return uevent("remove", device);
  }

  /** Files by their path below `top`, with the folders on their way. */
  function putTree(top: string, tree: ReturnType<typeof inSysfs>): void {
    for (const [path, file] of fileSystemOf(tree)) {
      const full = path === "/" ? top : top + path;
      if (file.type !== "dir" || !files.has(full)) files.put(full, file);
    }
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
    if (name === "mountVirtual") {
      mount(world, { source: "", ...(request as InstantOps["mountVirtual"][0]) });
      return {};
    }
    if (name === "pipe") return { pipe: ++jobs };
    if (name === "signal" || name === "inputPosition") throw new Failure("ESRCH");
    if (name === "finish") {
      word = request as LastWord;
      return {};
    }
    const instantly = opAnswers[name as InstantName] as ((world: unknown, request: unknown) => unknown) | undefined;
    return instantly ? instantly(world, request) : startJob(name as JobName, request as JobOps[JobName][0]);
  }

  const builtIn = description.devices.filter(({ driver }) => driver === undefined);
  for (const device of builtIn.filter(({ after }) => !after)) arrive(device);
  schedule(builtIn.filter(({ after }) => after));
  if (deaf) coming.push({ at: deaf.until, happen: () => ({ type: "uevents-lost" }) });
  return {
    op: (name, argumentsJson) => JSON.stringify(outcomeOf(() => answer(name, JSON.parse(argumentsJson)))),
    lastWord: () => word,
    console: () => shown,
    now,
    files,
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
