import type { Boot, Hook, Parameters, Phase } from "../../hooks/index.js";
import type { InstantOps, JobOps, SecretId } from "../abi/index.js";
import { createDevices, type DeviceTable } from "./devices.js";
import { instant } from "./door.js";
import { createDrivers, type DriverLoader } from "./drivers.js";
import { files } from "./files.js";
import { createLog, type SequencerLog } from "./log.js";
import type { Loop } from "./loop.js";
import { createMounts } from "./mounts.js";
import type { PlannedHook } from "./phases.js";
import type { BootPlan } from "./plan.js";
import { createPrograms } from "./programs.js";
import { createPrompts, type Prompts } from "./prompts.js";
import type { RootClaims } from "./root.js";
import { createWants, type WantList } from "./wants.js";

/** What lives from the first to the last turn of an engine. */
export interface Services {
  loop: Loop;
  log: SequencerLog;
  devices: DeviceTable;
  drivers: DriverLoader;
  wants: WantList;
  prompts: Prompts;
}

/** Joins the services: what somebody waits for has drivers loaded, and whatever happens has the open wants tried again. */
export function createServices(loop: Loop): Services {
  const log = createLog();
  const drivers: DriverLoader = createDrivers(loop, log, {
    somebodyWaits: () => wants.waiting(),
    devicesSettled: (longest) => devices.settled(longest),
  });
  const devices: DeviceTable = createDevices(loop, log, () => wants.retry("device"));
  const wants = createWants(loop, devices, () => drivers.wake());
  const prompts = createPrompts(loop, { keyboards: drivers.loadAll, pause: wants.pause });
  return { loop, log, devices, drivers, wants, prompts };
}

/** The hooks of one phase, each with what it is given. */
export function createHooks(
  plan: BootPlan,
  { loop, log, devices, drivers, wants, prompts }: Services,
  parameters: Parameters,
  root: RootClaims,
  kernel: InstantOps["kernel"][1],
  finish: Boot["finish"],
): (phase: Phase) => PlannedHook[] {
  const shared = {
    parameters,
    wants,
    drivers,
    files,
    log,
    kernel,
    finish,
    mounts: createMounts(loop, drivers, devices, wants),
    programs: createPrograms(loop),
    clock: { now: loop.now, sleep: loop.sleep },
    hasModule: (name: string) => plan.modules.some((module) => module.name === name),
    job: (async (name, request) =>
      name === "prompt" ? prompts.ask(request as JobOps["prompt"][0]) : loop.job(name, request)) as Boot["job"],
    forgetSecret: (secret: SecretId) => void instant("forgetSecret", { secret }),
  };
  const devicesOf = (module: string): Boot["devices"] => ({
    all: devices.all,
    find: devices.find,
    addNames: devices.addNames,
    watch: (listener) => devices.watchers.add(module, listener, devices.all()),
  });
  const boots = new Map<string, Boot>(
    plan.modules.map(({ name }) => [name, { ...shared, module: name, root: root.of(name), devices: devicesOf(name) }]),
  );
  return (phase) =>
    plan.modules.flatMap(({ name, hooks }) => {
      const hook = hooks[phase];
      const boot = boots.get(name);
      if (!hook || !boot) return [];
      return [{ module: name, hook: phase === "mount" ? watched(hook, root) : hook, boot }];
    });
}

/** A mount hook, whose work others may wait for if it mounts the root. */
const watched = (hook: Hook, root: RootClaims): Hook => ({
  ...hook,
  run(boot) {
    const work = (async () => hook.run(boot))();
    if (boot.root.claimed) root.mounting(work);
    return work;
  },
});
