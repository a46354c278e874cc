import { dirname } from "node:path";
import type { LastWord } from "../abi/index.js";
import { BuildError } from "../generator/problems.js";
import { createMachine } from "../rehearsal/machine.js";
import { type Ending, loadBundle } from "../rehearsal/rehearse.js";
import type { TraceEntry } from "../rehearsal/trace.js";
import { assumedMachine } from "./assumed-machine.js";
import type { RehearseCommandLine } from "./command-line.js";
import { openImage } from "./image.js";
import { machineOf } from "./machine.js";
import { readMachineFile } from "./machine-json.js";
import { argumentsOf, formatTimeline } from "./timeline.js";

/** What came of a rehearsal. */
export interface Rehearsed {
  ending: Ending;
  recording: readonly TraceEntry[];
  /** What was assumed of a machine that nobody has described. */
  assumption: string | undefined;
  /** Virtual milliseconds from the kernel's start to the end. */
  time: number;
}

/** Boots an image on a simulated machine. Throws BuildError: it cannot begin. */
export async function rehearseImage({ image, cmdline, machine }: RehearseCommandLine): Promise<Rehearsed> {
  const described = machine === undefined ? undefined : readMachineFile(machine);
  const opened = await openImage(image);
  const assumed = described ? undefined : assumedMachine(cmdline);
  const folder = machine === undefined ? "." : dirname(machine);
  const simulated = createMachine(machineOf(described ?? assumed?.machine ?? {}, opened, folder, cmdline));
  const bundle = await loadBundle(opened.bundle).catch((error: unknown) => {
    throw new BuildError(`the boot code of ${image} cannot be loaded: ${error}; build the image again`);
  });
  const boot = await bundle.boot(simulated);
  // A device that the command line names by its hardware may well be there.
  const isKnown = described || assumed || !/(^|\s)root=(\w+:)?\/dev\//.test(cmdline) || reachesRoot(boot);
  const ending: Ending = isKnown
    ? boot
    : { end: "open", questions: ["on which machine it boots: no command line tells what is behind that root="] };
  return { ending, recording: simulated.recorded(), assumption: assumed?.assumption, time: simulated.now() };
}

const reachesRoot = (ending: Ending) => ending.end === "word" && ending.word.word === "switch";

export const exitStatus = ({ ending }: Rehearsed): 0 | 1 | 2 =>
  ending.end === "open" ? 2 : reachesRoot(ending) ? 0 : 1;

/** How it ended, in a few words. */
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
      return `would ${word.action === "poweroff" ? "power off" : word.action}, without a new root`;
    case "run":
      return `would run ${word.program.argv.join(" ")} in place of a new root`;
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
    `${(time / 1000).toFixed(3).padStart(9)} ${verdictOf(ending)}`,
    ...(remedies[ending.end] === undefined ? [] : [remedies[ending.end] ?? ""]),
    ...(ending.end === "died" && ending.trace ? [ending.trace] : []),
    "",
  ].join("\n");
}

/** The same for programs. What it holds stays in later versions of the same number; README.md tells what it means. */
export function rehearsalAsJson(rehearsed: Rehearsed): object {
  const { ending, recording, assumption, time } = rehearsed;
  return {
    schema_version: 1,
    status: exitStatus(rehearsed),
    end: ending.end === "word" ? ending.word.word : ending.end,
    verdict: verdictOf(ending),
    ...(ending.end === "word" ? { last_word: ending.word } : {}),
    ...(ending.end === "open" ? { questions: ending.questions } : {}),
    ...(assumption === undefined ? {} : { assumption }),
    milliseconds: time,
    ops: recording.map(({ time: microseconds, name, arguments: request, outcome }) => ({
      milliseconds: microseconds / 1000,
      op: name,
      arguments: argumentsOf(request),
      ...(outcome && { outcome: JSON.parse(outcome) }),
    })),
  };
}
