import { basename, dirname } from "node:path";
import type { LastWord } from "../abi/index.js";
import { shellPath } from "../abi/index.js";
import { BuildError } from "../generator/problems.js";
import { shutdownPath } from "../rehearsal/go-down.js";
import { createMachine, type Machine } from "../rehearsal/machine.js";
import { type Ending, type LoadedBundle, loadBundle } from "../rehearsal/rehearse.js";
import type { TraceEntry } from "../rehearsal/trace.js";
import type { MachineFile } from "../schema/machine.js";
import { assumedMachine, parameterOf } from "./assumed-machine.js";
import type { RehearseCommandLine } from "./command-line.js";
import { readHostMachine } from "./host-machine.js";
import { openImage, type RehearsedImage } from "./image.js";
import { machineOf } from "./machine.js";
import { readMachineFile } from "./machine-json.js";
import { argumentsOf, formatTimeline, stepsOf } from "./timeline.js";
import { timelineSvg } from "./timeline-picture.js";

/** What came of a rehearsal. */
export interface Rehearsed {
  ending: Ending;
  /** Of a way down: the devices made of others that are left. */
  left?: readonly string[];
  recording: readonly TraceEntry[];
  /** What was assumed of a machine that nobody has described. */
  assumption: string | undefined;
  /** Virtual milliseconds from the kernel's start to the end. */
  time: number;
}

/** A machine, and how much of it is known. */
export interface Chosen {
  machine: MachineFile;
  /** Where the paths in it begin. */
  folder: string;
  assumption?: string;
  /** What may be the reason for a boot that does not reach its root. */
  unknown: readonly string[];
}

/** Throws BuildError. */
export function chooseMachine(given: string | undefined, commandLine: string): Chosen {
  if (given === "host") {
    const { machine, unseen, assumed } = readHostMachine("/", parameterOf(commandLine, "init"));
    const assumption = ["the machine is this host, with what can be seen of it", ...unseen, ...assumed].join("; ");
    return { machine, folder: "/", assumption, unknown: unseen };
  }
  if (given !== undefined) return { machine: readMachineFile(given), folder: dirname(given), unknown: [] };
  const assumed = assumedMachine(commandLine);
  if (assumed) return { ...assumed, folder: "/", unknown: [] };
  // A device that the command line names by its hardware may well be there.
  const byHardware = /(^|\s)root=(\w+:)?\/dev\//.test(commandLine);
  const question = "on which machine it boots: no command line tells what is behind that root=";
  return { machine: {}, folder: "/", unknown: byHardware ? [question] : [] };
}

/** What boots on what. */
export interface Scenario
  extends Pick<RehearseCommandLine, "image" | "machine">,
    Partial<Pick<RehearseCommandLine, "shutdown">> {
  cmdline: string;
}

/** Throws BuildError: no command line is given, and the image is no whole system, which needs none. */
export async function scenarioOf(commandLine: RehearseCommandLine): Promise<Scenario> {
  const { image, machine, cmdline, shutdown } = commandLine;
  if (cmdline === undefined && !(await openImage(image)).wholeSystem)
    throw new BuildError(
      'no kernel command line is given: --cmdline "root=UUID=… ro", as the boot loader will pass it',
    );
  return { image, machine, shutdown, cmdline: cmdline ?? "" };
}

/** For an image whose bundle is none. */
export function notLoaded({ path }: RehearsedImage, error: unknown): never {
  throw new BuildError(`the boot code of ${path} cannot be loaded: ${error}; build the image again`);
}

/** Boots an image on a simulated machine. Throws BuildError: it cannot begin. */
export async function rehearseImage({ image, machine, cmdline, shutdown }: Scenario): Promise<Rehearsed> {
  const chosen = chooseMachine(machine, cmdline);
  return bootImage(await openImage(image), chosen, cmdline, shutdown);
}

/** `shutdown`: what becomes of the machine when the system that is reached goes down. Throws BuildError. */
export async function bootImage(
  image: RehearsedImage,
  chosen: Chosen,
  commandLine: string,
  shutdown?: string,
): Promise<Rehearsed> {
  const { machine, folder, assumption } = chosen;
  let simulated = createMachine(machineOf(machine, image, folder, commandLine));
  const bundle = await loadBundle(image.bundle).catch((error: unknown) => notLoaded(image, error));
  let boot = await bundle.boot(simulated);
  const before = simulated.recorded();
  const again = isTriedAgain(boot, machine);
  if (again) {
    simulated = simulated.nextEngine();
    boot = await bundle.boot(simulated);
  }
  if (shutdown !== undefined && reachesRoot(boot))
    return { ...(await takeDown(bundle, simulated, boot, shutdown)), assumption };
  const recording = again ? [...before, ...simulated.recorded()] : before;
  return { ending: endingOn(chosen, boot), recording, assumption, time: simulated.now() };
}

/** The way down after a boot: of one that has kept nothing for it, its end. */
async function takeDown(
  bundle: LoadedBundle,
  booted: Machine,
  boot: Ending,
  action: string,
): Promise<Omit<Rehearsed, "assumption">> {
  const simulated = booted.goDown(action) ?? booted;
  const ending = simulated === booted ? boot : await bundle.boot(simulated);
  return { ending, recording: simulated.recorded(), time: simulated.now(), left: simulated.layers() };
}

/** What a boot's end means where not all is known of its machine: that may be why it does not reach its root. */
export const endingOn = ({ unknown }: Pick<Chosen, "unknown">, ending: Ending): Ending =>
  reachesRoot(ending) || !unknown.length ? ending : { end: "open", questions: unknown };

/** Once more, where somebody is described who does something at the shell and leaves it: that may have helped. */
const isTriedAgain = (ending: Ending, { programs = [] }: MachineFile) =>
  ending.end === "word" &&
  ending.word.word === "failed" &&
  ending.word.retry &&
  programs.some(({ argv: [name = ""] }) => basename(name) === basename(shellPath));

/** The root or, where the image is the whole system, what follows in its life: its last words say how it goes on. */
export const reachesRoot = (ending: Ending) =>
  ending.end === "word" &&
  (ending.word.word === "switch" || (ending.word.word !== "failed" && ending.word.state !== undefined));

export function exitStatus({ ending, left }: Rehearsed): 0 | 1 | 2 {
  if (ending.end === "open") return 2;
  const isGood = left ? ending.end === "word" && ending.word.word !== "failed" && !left.length : reachesRoot(ending);
  return isGood ? 0 : 1;
}

/** How it ended, in a few words. */
const verdictOfAll = ({ ending, left }: Rehearsed): string => (left && wayDown(ending, left)) ?? verdictOf(ending);

/** undefined: it has no end. */
function wayDown(ending: Ending, left: readonly string[]): string | undefined {
  const names = left.join(", ");
  if (ending.end !== "word") return undefined;
  if (ending.word.word === "reboot")
    return `would ${powerWords[ending.word.action]}, with ${names ? `${names} left as they are` : "nothing left that is made of other devices"}`;
  return names
    ? `would leave ${names} as they are: the boot keeps no ${shutdownPath}; build the image with the module shutdown`
    : "would leave the machine to the root's init: no device is made of others";
}

const powerWords = { poweroff: "power off", reboot: "restart", halt: "halt", kexec: "start the kernel that is loaded" };

/** How a boot ended, in a few words. */
export function verdictOf(ending: Ending): string {
  switch (ending.end) {
    case "word":
      return lastWordOf(ending.word);
    case "open":
      return `left open: ${ending.questions[0]}`;
    case "hung":
      return `would hang: ${ending.reason}`;
    case "died":
      return `the boot code fails: ${ending.reason}`;
  }
}

function lastWordOf(word: LastWord): string {
  switch (word.word) {
    case "switch":
      return `would switch to ${word.root} and run ${[word.init, ...word.arguments].join(" ")}`;
    case "reboot":
      if (word.state !== undefined)
        return `would end the system by ${word.action === "kexec" ? "the kernel that it has loaded" : "a restart"}`;
      return `would ${word.action === "poweroff" ? "power off" : word.action}, without a new root`;
    case "run":
      return word.state === undefined
        ? `would run ${word.program.argv.join(" ")} in place of a new root`
        : `would run ${word.program.argv.join(" ")}, as a stage of the system`;
    case "failed":
      return `would stop: ${word.reason}`;
  }
}

/** The rehearsal for a person to read. */
export function formatRehearsal(rehearsed: Rehearsed, options: { all: boolean }): string {
  const { ending, recording, assumption, time } = rehearsed;
  const remedies: Partial<Record<Ending["end"], string>> = {
    open: "Describe that in the machine file (--machine), and rehearse again.",
  };
  return [
    ...(assumption === undefined ? [] : [`(${assumption})`]),
    ...formatTimeline(recording, options),
    `${(time / 1000).toFixed(3).padStart(9)} ${verdictOfAll(rehearsed)}`,
    ...(remedies[ending.end] === undefined ? [] : [remedies[ending.end] ?? ""]),
    ...(ending.end === "died" && ending.trace ? [ending.trace] : []),
    "",
  ].join("\n");
}

/** The same as a picture. */
export function rehearsalAsSvg(rehearsed: Rehearsed, image: string): string {
  const { recording, time } = rehearsed;
  return timelineSvg(`${basename(image)}, rehearsed`, stepsOf(recording), time, verdictOfAll(rehearsed));
}

/** The same for programs. What it holds stays in later versions of the same number; docs/rehearse.md tells what it means. */
export function rehearsalAsJson(rehearsed: Rehearsed): object {
  const { ending, recording, assumption, left, time } = rehearsed;
  return {
    schema_version: 1,
    status: exitStatus(rehearsed),
    end: ending.end === "word" ? ending.word.word : ending.end,
    verdict: verdictOfAll(rehearsed),
    ...(ending.end === "word" ? { last_word: ending.word } : {}),
    ...(ending.end === "open" ? { questions: ending.questions } : {}),
    ...(assumption === undefined ? {} : { assumption }),
    ...(left === undefined ? {} : { left }),
    milliseconds: time,
    ops: recording.map(({ time: microseconds, name, arguments: request, outcome }) => ({
      milliseconds: microseconds / 1000,
      op: name,
      arguments: argumentsOf(request),
      ...(outcome && { outcome: JSON.parse(outcome) }),
    })),
  };
}
