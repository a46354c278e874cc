import { type Parameters, type Phase, phases } from "../../hooks/index.js";
import { type InstantOps, snapshotPath } from "../abi/index.js";
import { coldplug } from "./coldplug.js";
import { type CommandLine, readCommandLine } from "./command-line.js";
import { instant } from "./door.js";
import { canRunShell, runShell, showReport } from "./emergency.js";
import { print, type SequencerLog, type Verbosity } from "./log.js";
import type { Loop } from "./loop.js";
import { checkParameters, createParameters } from "./parameters.js";
import { type Place, type PlannedHook, runPhase } from "./phases.js";
import type { BootPlan } from "./plan.js";
import { reasonOf } from "./report.js";
import { rescuePolicy } from "./rescue.js";
import { createRoot, type RootClaims } from "./root.js";
import { createHooks, createServices, type Services } from "./services.js";
import { switchRoot } from "./switch-root.js";
import { mountVirtualFileSystems } from "./virtual-file-systems.js";

/** Bytes of the uevents' socket buffer, enough for the storm of a machine with thousands of devices. */
const ueventBuffer = 16 << 20;

/** Milliseconds that the first look at all devices may take. */
const longestFirstLook = 10_000;

/** dracut's names for what has no udev here. */
const breakpointNames: Record<string, Phase> = { "pre-udev": "pre-trigger", "1": "switch" };

/** The boot, as far as it has come. */
interface State {
  plan: BootPlan;
  services: Services;
  place: Place;
  commandLine: CommandLine;
  parameters: Parameters;
  root: RootClaims;
  kernel: InstantOps["kernel"][1];
  shellAllowed: boolean;
  /** findDevices, begun by the first who calls it; undefined: nobody has. */
  devicesFound?: Promise<void>;
}

/** One whole boot. Never rejects: it ends in a last word, whatever happens. */
export async function boot(plan: BootPlan, loop: Loop): Promise<void> {
  const nothing = createParameters([]);
  const state: State = {
    plan,
    services: createServices(loop),
    place: { phase: "start" },
    commandLine: { text: "", words: [] },
    parameters: nothing,
    root: createRoot([], nothing, []),
    kernel: instant("kernel", {}),
    shellAllowed: rescuePolicy(nothing).shell,
  };
  try {
    await mountVirtualFileSystems(loop, state.services.log);
    readParameters(state);
    await runPhases(state);
  } catch (error) {
    await fail(state, error);
  }
}

function hooksOf({ plan, services, parameters, root, kernel }: State): (phase: Phase) => PlannedHook[] {
  return createHooks(plan, services, parameters, root, kernel);
}

/** From here on the command line counts; the rescue policy at once, before anything else in it can turn out to be wrong. */
function readParameters(state: State): void {
  const { plan, services } = state;
  state.commandLine = readCommandLine();
  const { words } = state.commandLine;
  state.parameters = createParameters(words);
  const policy = rescuePolicy(state.parameters);
  instant("setRescuePolicy", policy);
  state.shellAllowed = policy.shell;
  services.log.setVerbosity(verbosity(state.parameters));
  const { version, kernel } = plan.build;
  services.log.info(`firstlight ${version}, kernel ${state.kernel.release}`);
  if (kernel !== null && kernel !== state.kernel.release)
    services.log.warning(`this image has the drivers of kernel ${kernel}: build one for ${state.kernel.release}`);
  const { snapshot } = state.kernel;
  if (snapshot)
    services.log.warning(`${snapshotPath} is of no use, ${snapshot}: build the image anew, it boots faster`);
  for (const warning of checkParameters(words, plan.parameters)) services.log.warning(warning);
  state.root = createRoot(words, state.parameters, plan.roots);
}

function verbosity(parameters: Parameters): Verbosity {
  const debug = parameters.flag("rd.debug", false);
  return { debug, info: parameters.has("quiet") && (debug || parameters.flag("rd.info", false)) };
}

/** How long each want waits: rd.timeout where it is given (0: for ever), else rd.retry. In seconds on the command line. */
function waitLimit(parameters: Parameters): number | null {
  const seconds = parameters.has("rd.timeout")
    ? parameters.number("rd.timeout", 0) || null
    : parameters.number("rd.retry", 180);
  return seconds === null ? null : seconds * 1000;
}

async function runPhases(state: State): Promise<void> {
  const { services, place, parameters, root } = state;
  const hooks = hooksOf(state);
  services.wants.setLimit(waitLimit(parameters));
  services.wants.onOverdue(() => {
    for (const hook of hooks("timeout")) void runSideHook(hook, services.log);
  });
  const breakpoints = parameters.all("rd.break").map((name) => breakpointNames[name] ?? name);
  for (const phase of phases) {
    if (breakpoints.includes(phase)) await pause(state, phase);
    services.log.debug(`phase ${phase}`);
    const work = runPhase(phase, hooks(phase), place);
    await (phase === "initqueue" ? Promise.all([work, beginDevices(state)]) : work);
    if (phase === "cmdline") root.check();
  }
  await switchRoot(services.loop, parameters, state.kernel, root.mountPoint);
}

function beginDevices(state: State): Promise<void> {
  state.devicesFound ??= findDevices(state.services, state.parameters);
  return state.devicesFound;
}

/** Before a shell: its user's keyboard may need a driver. Whatever goes wrong with devices is not the shell's matter. */
async function openShell(state: State): Promise<void> {
  beginDevices(state).catch((error) => state.services.log.warning(reasonOf(error)));
  void state.services.drivers.loadAll();
  await runShell(state.services.loop);
}

/** Uevents first, then the walk of /sys: nothing that comes in between is missed. Ends when all that is there has been looked at. */
async function findDevices({ devices, drivers, wants, loop, log }: Services, parameters: Parameters): Promise<void> {
  const named = (name: string) => parameters.all(name).flatMap((value) => value.split(","));
  drivers.blacklist(named("rd.driver.blacklist"));
  instant("listenUevents", { receiveBuffer: ueventBuffer });
  loop.listen((event) => {
    if (event.type === "uevents-lost") coldplug(drivers, devices);
    if (event.type !== "uevent") return;
    const { MODALIAS: modalias, SUBSYSTEM: subsystem } = event.properties;
    if (event.action === "add" && modalias) drivers.request(modalias);
    if (subsystem === "block") devices.handle(event);
    wants.retry("event");
  });
  const loadNamed = async (names: string[]) => {
    for (const name of names)
      if (!(await drivers.load(name))) log.warning(`rd.driver: the image has no driver ${name}`);
  };
  await loadNamed(named("rd.driver.pre"));
  coldplug(drivers, devices);
  await devices.settled(longestFirstLook);
  for (const name of devices.probing()) log.warning(`/dev/${name} does not answer: the boot goes on without it`);
  await loadNamed(named("rd.driver.post"));
}

/** rd.break: a shell before this phase; leaving it goes on. */
async function pause(state: State, phase: Phase): Promise<void> {
  if (!canRunShell(state.shellAllowed)) {
    state.services.log.warning(`rd.break=${phase}: no shell may run, or there is none in the image`);
    return;
  }
  print(`rd.break: before the phase ${phase}. exit goes on.\n`);
  await openShell(state);
}

/** Off the path: what goes wrong there must not hide what it is for. */
async function runSideHook({ hook, boot, module }: PlannedHook, log: SequencerLog): Promise<void> {
  try {
    await hook.run(boot);
  } catch (error) {
    log.error(`${module}: ${reasonOf(error)}`);
  }
}

async function fail(state: State, error: unknown): Promise<void> {
  const { services, place, plan, commandLine, kernel } = state;
  for (const hook of hooksOf(state)("emergency")) await runSideHook(hook, services.log);
  const facts = {
    error,
    place,
    wants: services.wants.open(),
    devices: state.devicesFound && services.devices.all(),
    commandLine: commandLine.text,
    build: plan.build,
    kernel: kernel.release,
  };
  showReport(facts, services.log);
  const retry = canRunShell(state.shellAllowed);
  if (retry) {
    print("This is a shell; exit tries the boot again.\n");
    services.wants.onLate((description) => print(`\n${description} has arrived: exit to go on.\n`));
    await openShell(state);
  }
  instant("finish", { word: "failed", reason: reasonOf(error), retry });
}
