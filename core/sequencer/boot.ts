import { type Parameters, type Phase, phases } from "../../hooks/index.js";
import { type InstantOps, type RebootWord, type RunWord, snapshotPath } from "../abi/index.js";
import { breakpoints } from "./breakpoints.js";
import { type CommandLine, readCommandLine } from "./command-line.js";
import { instant } from "./door.js";
import { readDriverSettings } from "./driver-settings.js";
import { canRunShell, runShell, showReport } from "./emergency.js";
import { files } from "./files.js";
import { findDevices, pollMedia } from "./find-devices.js";
import { type IdleMembers, idleMembers } from "./idle-members.js";
import { logSettings, print } from "./log.js";
import { missingFirmware } from "./missing-firmware.js";
import { isMountPoint } from "./mounts.js";
import { checkParameters, createParameters } from "./parameters.js";
import { createPatience, type Patience } from "./patience.js";
import { hookWords, noHooks, type PhaseRun, type Place, type PlannedHook, runSideHook, startPhase } from "./phases.js";
import type { BootPlan } from "./plan.js";
import { reasonOf } from "./report.js";
import { rescuePolicy } from "./rescue.js";
import { createRoot, type RootClaims } from "./root.js";
import { createHooks, type Services } from "./services.js";
import { makeStaticNodes } from "./static-nodes.js";
import { switchRoot } from "./switch-root.js";
import { beginTrace, showTrace, traceFolder, wantsTrace } from "./trace.js";
import { mountVirtualFileSystems } from "./virtual-file-systems.js";
import { withWatchers } from "./watchers.js";

/** Milliseconds that a hook off the path may take. */
const longestSideHook = 10_000;

/** The boot, as far as it has come. */
interface State {
  plan: BootPlan;
  services: Services;
  patience: Patience;
  place: Place;
  /** The phase whose hooks have been started last. */
  run?: PhaseRun;
  commandLine: CommandLine;
  parameters: Parameters;
  root: RootClaims;
  /** Of each phase, with these parameters and this root. */
  hooks?: ReturnType<typeof createHooks>;
  kernel: InstantOps["kernel"][1];
  /** Its recording has begun, or was not to be; undefined: nobody has asked yet. */
  recorded?: boolean;
  /** Before which phases rd.break opens a shell. */
  breakpoints: ReadonlySet<string>;
  /** A person has had a shell, and may have done anything. */
  shellRan: boolean;
  /** What a module has asked for in place of the switch of root. */
  finish?: RunWord | RebootWord;
  /** The hooks of the phase timeout, begun; undefined: nobody has waited so long. */
  overdue?: Promise<unknown>;
  /** findDevices, begun by the first who calls it; undefined: nobody has. */
  devicesFound?: Promise<void>;
}

/** One whole boot. Never rejects: it ends in a last word, whatever happens. */
export async function boot(plan: BootPlan, services: Services, kernel: State["kernel"]): Promise<void> {
  const nothing = createParameters([]);
  const { loop } = services;
  const state: State = {
    plan,
    services,
    patience: createPatience(loop, services.wants, services.log),
    place: { phase: "start" },
    commandLine: { text: "", words: [] },
    parameters: nothing,
    root: createRoot([], nothing, []),
    kernel,
    breakpoints: new Set(),
    shellRan: false,
  };
  loop.onBroken((error) => {
    report(state, error);
    instant("finish", { word: "failed", reason: reasonOf(error), retry: false });
  });
  const steps: Step[] = [
    () => mountVirtualFileSystems(loop, services.log),
    () => makeStaticNodes(kernel.release, services.log),
    readParameters,
    checkCommandLine,
    ...phases.map((phase) => () => takePhase(state, phase)),
  ];
  for (const step of steps) if ((await attempt(state, step)) === "ended") return;
  // Nothing comes after it that could be gone on with: it is tried again.
  while ((await attempt(state, leave)) === "skipped");
}

/** One that ends in "ended" has said the last word; any other result means nothing. */
type Step = (state: State) => unknown;

/** One step of the boot. Where it fails, a person may have the boot go on without it. "ended": the last word is said. */
async function attempt(state: State, step: Step): Promise<"done" | "skipped" | "ended"> {
  try {
    return (await step(state)) === "ended" ? "ended" : "done";
  } catch (error) {
    if (!(await stop(state, error))) return "ended";
    await skipRest(state);
    return "skipped";
  }
}

/** What else was begun in a phase that a person goes on from comes to its end; how, does not count any more. */
async function skipRest({ services, patience, place, run }: State): Promise<void> {
  services.wants.giveUp();
  while (run?.unfinished().length)
    try {
      delete place.failed;
      await patience.during(run.ended(), run);
    } catch (error) {
      const where = [place.phase, place.failed].filter(Boolean).join(", ");
      services.log.warning(`${where}: skipped: ${reasonOf(error)}`);
    }
}

/** The hooks of a phase, with their services: made once, because that costs more than most hooks. */
function hooksOf(state: State, phase: Phase): PlannedHook[] {
  const { plan, services, parameters, root, kernel } = state;
  state.hooks ??= createHooks(plan, services, parameters, root, kernel, (word) => {
    state.finish = word;
  });
  return state.hooks(phase);
}

/** From here on the command line counts; the rescue policy at once, before anything else in it can turn out to be wrong. */
function readParameters(state: State): void {
  const { plan, services } = state;
  state.commandLine = readCommandLine(plan.ownParameters);
  const { words } = state.commandLine;
  state.parameters = createParameters(words);
  instant("setRescuePolicy", rescuePolicy(state.parameters));
  services.log.configure(logSettings(state.parameters));
  if (!state.recorded || !wantsTrace(state.parameters))
    state.recorded = beginTrace(plan, state.kernel, state.parameters, services.log);
  services.drivers.configure(readDriverSettings(words));
  state.breakpoints = breakpoints(state.parameters);
  state.root = createRoot(words, state.parameters, plan.roots);
  delete state.hooks;
  const timeout = state.parameters.number("rd.timeout", 0) * 1000;
  const retry = state.parameters.number("rd.retry", 180) * 1000;
  const limit = state.parameters.has("rd.timeout") ? timeout || null : retry;
  services.wants.setLimit(limit);
  // Whoever waits for ever does so for what has to come, not for what can be done without.
  const beside = Math.min(retry, limit ?? retry);
  state.patience.setLimits({ hooks: timeout || null, beside });
  services.wants.late.configure((beside * 2) / 3, async () => {
    state.overdue = Promise.all(
      hooksOf(state, "timeout").map((hook) =>
        runSideHook(hook, services, longestSideHook).then(() => services.wants.retry("event")),
      ),
    );
    await state.overdue;
    await services.loop.within(longestSideHook, settled(services));
  });
}

/** Resolves once all devices that have come are probed, and whoever sets others up of them is done. */
async function settled({ loop, devices }: Services): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => loop.whenIdle(resolve));
    if (!devices.probing().length && !devices.watchers.busy().length) return;
    await devices.settled(longestSideHook);
    await devices.watchers.idle();
  }
}

/** Tells a person what it is that boots, and what may be wrong with it. Throws a BootError for parameters that cannot be meant. */
function checkCommandLine({ plan, services, kernel, commandLine }: State): void {
  const { version, kernel: builtFor } = plan.build;
  services.log.info(`firstlight ${version}, kernel ${kernel.release}`);
  if (builtFor !== null && builtFor !== kernel.release)
    services.log.warning(`this image has the drivers of kernel ${builtFor}: build one for ${kernel.release}`);
  if (kernel.snapshot)
    services.log.warning(`${snapshotPath} is of no use, ${kernel.snapshot}: build the image anew, it boots faster`);
  for (const warning of checkParameters(commandLine.words, plan.parameters)) services.log.warning(warning);
}

async function takePhase(state: State, phase: Phase): Promise<"ended" | undefined> {
  const { services, place, root } = state;
  if (state.breakpoints.has(phase)) {
    place.phase = phase;
    await pause(state, phase);
  }
  // As dracut: a root that a person has mounted is the root.
  if (phase === "mount" && state.shellRan && isMountPoint(root.mountPoint)) {
    services.log.info(`${root.mountPoint} is mounted already: the hooks of the phase mount are left out`);
    return;
  }
  const hooks = hooksOf(state, phase);
  const names = hooks.map(({ module }) => module).join(", ");
  if (names) services.log.info(`phase ${phase}: ${names}`);
  else services.log.debug(`phase ${phase}`);
  const begun = startPhase(phase, hooks, place, services);
  const run = phase === "initqueue" ? withWatchers(begun, services.devices.watchers, services.prompts.withdraw) : begun;
  state.run = run;
  if (phase === "initqueue") await state.patience.during(Promise.all([beginDevices(state), run.ended()]), run);
  else if (hooks.length) await state.patience.during(run.ended(), run);
  if (state.finish) return end(state, state.finish);
  if (phase === "cmdline") root.check();
  return undefined;
}

/** Nothing is set up any more: what has been begun comes to its end, unless it hangs, for the next program would find a half of it. */
async function stopServices(state: State): Promise<void> {
  const { services, patience } = state;
  const { prompts, devices, wants } = services;
  wants.late.stop();
  await state.overdue;
  const { watchers } = devices;
  watchers.stop();
  const run = withWatchers(noHooks, watchers, prompts.withdraw);
  if (watchers.busy().length) await patience.during(run.ended(), run);
  await services.drivers.stop();
}

/** In place of the switch of root. */
async function end(state: State, word: RunWord | RebootWord): Promise<"ended"> {
  await stopServices(state);
  instant("finish", word);
  return "ended";
}

async function leave(state: State): Promise<void> {
  const { services, patience, parameters, kernel, root } = state;
  await stopServices(state);
  const left = switchRoot(services.loop, services.log, parameters, kernel, root);
  await patience.during(left, noHooks);
}

function beginDevices(state: State): Promise<void> {
  state.devicesFound ??= findDevices(state.services);
  return state.devicesFound;
}

/** Before a shell: its user's keyboard may need a driver. Whatever goes wrong with devices is not the shell's matter. True: left by continue-boot. `last`: else this engine ends. */
async function openShell(state: State, { last } = { last: false }): Promise<boolean> {
  const { loop, log, devices, drivers, wants, prompts } = state.services;
  state.shellRan = true;
  beginDevices(state).catch((error) => log.warning(reasonOf(error)));
  void drivers.loadAll();
  devices.nameByHardware();
  pollMedia(log);
  wants.onArrival((description) => print(`\n${description} has arrived: exit to go on.\n`));
  const left = await prompts.giveWay();
  const goOn = await runShell(loop).finally(() => wants.onArrival(() => {}));
  // An engine that is about to end asks nobody.
  if (goOn || !last) left();
  return goOn;
}

/** rd.break: a shell before this phase; leaving it goes on. */
async function pause(state: State, phase: Phase): Promise<void> {
  if (!canRunShell(state.parameters)) {
    state.services.log.warning(`rd.break=${phase}: no shell may run, or there is none in the image`);
    return;
  }
  print(`rd.break: before the phase ${phase}. exit or continue-boot goes on.\n`);
  try {
    await openShell(state);
  } catch (error) {
    // Before the phase emergency it must not hide the report.
    state.services.log.warning(`rd.break=${phase}: there is no shell: ${reasonOf(error)}`);
  }
}

function report(state: State, error: unknown): void {
  recordAnyway(state);
  const { services, place, plan, commandLine, kernel, devicesFound } = state;
  const { loop, wants, devices, drivers, log } = services;
  const facts = {
    error,
    place,
    wants: wants.open(),
    running: loop.running(),
    devices: devicesFound && devices.all(),
    idle: devicesFound ? idleOf(state) : [],
    firmware: missingFirmware(drivers.tried()),
    commandLine: commandLine.text,
    build: plan.build,
    kernel: kernel.release,
  };
  showReport(facts, log);
}

/** The report is to come out, whatever sysfs answers. */
function idleOf({ plan, commandLine, services: { devices, log } }: State): IdleMembers[] {
  try {
    const hasModule = (name: string) => plan.modules.some((module) => module.name === name);
    return idleMembers(devices.all(), hasModule, commandLine.text);
  } catch (error) {
    log.warning(`what is not set up cannot be told: ${reasonOf(error)}`);
    return [];
  }
}

/** What fails before the command line is read is recorded, too. */
function recordAnyway(state: State): void {
  if (state.recorded !== undefined) return;
  const { plan, kernel, parameters, services } = state;
  try {
    files.makeDir(traceFolder);
  } catch {
    // beginTrace tells that there is no place for it.
  }
  state.recorded = beginTrace(plan, kernel, parameters, services.log);
}

/** The boot cannot go on: the report, and a shell where one may run. True: go on after what has failed. Otherwise the last word is said. */
async function stop(state: State, error: unknown): Promise<boolean> {
  const { services, kernel, place, run } = state;
  for (const module of run?.unfinished() ?? []) services.log.debug(hookWords(place.phase, module, "not ended"));
  if (state.breakpoints.has("emergency")) await pause(state, "emergency");
  for (const hook of hooksOf(state, "emergency")) await runSideHook(hook, services, longestSideHook);
  report(state, error);
  await showTrace(services, kernel, state.parameters);
  let retry = canRunShell(state.parameters);
  if (retry) {
    print("This is a shell. exit tries the boot again; continue-boot goes on after what has failed.\n");
    try {
      if (await openShell(state, { last: true })) return true;
    } catch (failure) {
      services.log.error(`there is no shell: ${reasonOf(failure)}`);
      retry = false;
    }
  }
  if (retry) await services.drivers.stop();
  instant("finish", { word: "failed", reason: reasonOf(error), retry });
  return false;
}
