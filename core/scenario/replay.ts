import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { isTraceName } from "../abi/index.js";
import { BuildError } from "../generator/problems.js";
import { type ReplayEnd, replay } from "../rehearsal/replay.js";
import { readTraces, type Trace, type TraceEntry, TraceError } from "../rehearsal/trace.js";
import { openImage } from "./image.js";
import { readBounded } from "./read-bounded.js";
import { verdictOf } from "./rehearsal.js";
import { formatTimeline, stepsOf } from "./timeline.js";
import { timelineSvg } from "./timeline-picture.js";

/** A recorded boot, and what has come of asking the same boot code again. */
export interface Replayed {
  trace: Trace;
  ending: ReplayEnd;
}

/** Which recordings, and how far. */
export interface ReplayWishes {
  /** Of this engine of the boot only; undefined: all. */
  engine: number | undefined;
  /** Stop after this op. */
  until: number | undefined;
  /** There has to be one. */
  one: boolean;
}

/**
 * Replays the recordings in a file, or in a copy of /run/initramfs, with the boot code of an image: at least one. Throws BuildError: it cannot
 * begin.
 */
export async function replayImage(file: string, image: string, wishes: ReplayWishes): Promise<Replayed[]> {
  const { bundle } = await openImage(image);
  const { until } = wishes;
  try {
    const replayed: Replayed[] = [];
    for (const trace of chosen(file, tracesIn(file), wishes))
      replayed.push({ trace, ending: await replay(bundle, trace, until === undefined ? {} : { until }) });
    return replayed;
  } catch (error) {
    if (error instanceof TraceError) throw new BuildError(error.message);
    throw error;
  }
}

/** Throws BuildError. */
function chosen(file: string, traces: readonly Trace[], { engine, one }: ReplayWishes): Trace[] {
  const engines = traces.map((trace) => trace.engine).join(", ");
  const found = traces.filter((trace) => engine === undefined || trace.engine === engine);
  if (!found.length)
    throw new BuildError(
      `${file} has no recording of engine ${engine}: there ${traces.length > 1 ? "are" : "is"} ${engines}`,
    );
  if (one && found.length > 1)
    throw new BuildError(
      engine === undefined
        ? `${file} has recordings of ${found.length} engines (${engines}): name one by --engine N`
        : `${file} has ${found.length} recordings of engine ${engine}, of several boots: take out one`,
    );
  return found;
}

/** Throws BuildError, TraceError. */
function tracesIn(file: string): Trace[] {
  if (!isFolder(file)) return readTraces(readRecording(file), file);
  const names = readdirSync(file).filter(isTraceName);
  if (!names.length)
    throw new BuildError(`${file} holds no recording of a boot: name a copy of /run/initramfs, or of a trace in it`);
  const traces = names.flatMap((name) => readTraces(readRecording(join(file, name)), join(file, name)));
  return traces.sort((a, b) => a.engine - b.engine);
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** A console's log may have much around the recording. */
const largestFile = 256 << 20;

const readRecording = (file: string): Buffer => readBounded(file, largestFile, "a recording of a boot");

/** 0: all went as recorded. 1: not so. 2: a recording leaves open what came then. */
export function replayStatus(replayed: readonly Replayed[]): 0 | 1 | 2 {
  const all = replayed.map(statusOf);
  return ([1, 2] as const).find((status) => all.includes(status)) ?? 0;
}

function statusOf({ ending }: Replayed): 0 | 1 | 2 {
  if (ending.end === "diverged") return 1;
  if (ending.end === "recording") return 2;
  return ending.end === "failed" && ending.recorded ? 1 : 0;
}

/** Characters of arguments and outcomes that a person reads; more is cut in the middle. */
const longestShown = 2000;

function shorten(text: string, longest = longestShown): string {
  if (text.length <= longest) return text;
  const half = Math.floor(longest / 2);
  return `${text.slice(0, half)} … ${text.length - 2 * half} characters … ${text.slice(-half)}`;
}

const seconds = (microseconds: number) => `${(microseconds / 1e6).toFixed(6)} s`;

/** The phase in which each op was asked, as far as the log tells. */
function phasesOf(entries: readonly TraceEntry[]): string[] {
  let phase = "start";
  return entries.map(({ name, arguments: request }) => {
    const said = name === "log" ? /"text":"phase ([a-z-]+)[":]/.exec(request)?.[1] : undefined;
    phase = said ?? phase;
    return phase;
  });
}

/** Each replayed op with all that was asked and answered, for --step. */
export function formatSteps({ trace: { entries }, ending: { ops } }: Replayed): string[] {
  const phases = phasesOf(entries);
  return entries.slice(0, ops).map(({ time, name, arguments: request, outcome }, index) => {
    const answer = outcome ? shorten(outcome) : "the engine ends here";
    return `op ${index + 1} of ${entries.length}, ${seconds(time)}, phase ${phases[index]}\n  ${name} ${shorten(request)}\n  → ${answer}\n`;
  });
}

/** The timeline up to the end. */
export function formatReplayed({ trace, ending }: Replayed, options: { all: boolean }): string[] {
  return formatTimeline(trace.entries.slice(0, ending.ops), options);
}

/** A picture of the recorded boot, up to where it was to stop. */
export function replayAsSvg(replayed: Replayed, image: string): string {
  const { trace, ending } = replayed;
  const entries = ending.end === "until" ? trace.entries.slice(0, ending.ops) : trace.entries;
  const end = (entries.at(-1)?.time ?? 0) / 1000;
  return timelineSvg(`${basename(image)}, a recorded boot`, stepsOf(entries), end, verdictOfReplay(replayed));
}

/** Ops before a divergence that are shown. */
const context = 5;

/** How the replay ended. */
export function formatReplayEnd(replayed: Replayed): string {
  const {
    trace: { entries },
    ending,
  } = replayed;
  const verdict = verdictOfReplay(replayed);
  const lines =
    ending.end === "diverged" ? [`${verdict}:`, ...divergence(entries, ending.ops, ending.asked)] : [verdict];
  return `${lines.join("\n")}\n`;
}

/** The same in one line. */
function verdictOfReplay({ trace: { entries, cut }, ending }: Replayed): string {
  const { ops } = ending;
  if (ending.end !== "diverged")
    return `${ops} of ${entries.length} ops ${ops === 1 ? "is" : "are"} as recorded: ${endOf(ending, cut)}`;
  return `diverged at op ${ops + 1}, ${seconds(entries[ops]?.time ?? 0)}, phase ${phasesOf(entries)[Math.max(0, ops - 1)]}`;
}

function endOf(ending: Exclude<ReplayEnd, { end: "diverged" }>, cut: string | undefined): string {
  switch (ending.end) {
    case "last word":
      return verdictOf({ end: "word", word: ending.word });
    case "until":
      return "stopped there, as --until says";
    case "recording":
      return cut === undefined
        ? "the recording ends there, and the boot code would go on: rd.trace=console has shown it then, the engine was ended, or the file is cut"
        : `the recording is cut there: ${cut}`;
    case "failed":
      return `the boot code fails: ${ending.reason}${ending.recorded ? "; the recorded one went on" : ""}`;
  }
}

function divergence(
  entries: readonly TraceEntry[],
  ops: number,
  asked: Pick<TraceEntry, "name" | "arguments">,
): string[] {
  const recorded = entries[ops];
  const line = (index: number) => {
    const { name = "", arguments: request = "", outcome = "" } = entries[index] ?? {};
    return `  ${index + 1}: ${name} ${shorten(request, 160)} → ${shorten(outcome, 160)}`;
  };
  const texts = [asked, recorded ?? asked].map(({ name, arguments: request }) => `${name} ${request}`);
  const [one = "", other = ""] = texts;
  let same = 0;
  while (same < one.length && one[same] === other[same]) same++;
  // So that what differs is seen, however long it is.
  const from = Math.max(0, same - 100);
  const part = (text: string) => `${from ? "… " : ""}${shorten(text.slice(from))}`;
  return [
    `  asked:    ${part(one)}`,
    `  recorded: ${part(other)}`,
    `            ${" ".repeat(same - from + (from ? 2 : 0))}^ the first difference`,
    "before it:",
    ...Array.from({ length: Math.min(context, ops) }, (_, index) => line(ops - Math.min(context, ops) + index)),
    "after it, recorded:",
    ...Array.from({ length: Math.max(0, Math.min(context, entries.length - ops - 1)) }, (_, index) =>
      line(ops + 1 + index),
    ),
  ];
}
