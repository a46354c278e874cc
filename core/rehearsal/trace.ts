import { traceCut, traceEnd, traceMagic } from "../abi/index.js";

/** One op of a recording. */
export interface TraceEntry {
  /** When it was answered, in microseconds since the kernel started. */
  time: number;
  name: string;
  /** JSON, as the boot code wrote it. */
  arguments: string;
  /** JSON of its Outcome; empty: the engine ended within the op. */
  outcome: string;
}

/** The recording of one engine's ops; its format is in core/abi/trace.ts. */
export interface Trace {
  /** Id of the bundle that ran. */
  bundle: string;
  /** Of this boot; 1: the first. */
  engine: number;
  entries: readonly TraceEntry[];
  /** Why the last entries are missing; left out: none are, as far as can be told. */
  cut?: string;
}

/** What is wrong with a recording, or with what it is to be compared with; with the remedy. */
export class TraceError extends Error {
  override readonly name = "TraceError";
}

/** Parts of a line that hold what ends it are told apart by nothing else. */
const onOneLine = (text: string) => text.replaceAll(/[\t\n]/g, " ");

/** A line of a recording, with its end. */
export function formatEntry({ time, name, arguments: request, outcome }: TraceEntry): string {
  return `${[time, onOneLine(name), onOneLine(request), outcome].join("\t")}\n`;
}

/**
 * The recordings in a file that is called `source`, a trace or what has some in it, a console's log or a bug report; at least one. Its bytes, because what
 * the kernel says on a console may stand amid those of a character. Throws TraceError with the line that is wrong.
 */
export function readTraces(recording: Buffer, source: string): Trace[] {
  const text = recording.toString("latin1");
  const traces: Trace[] = [];
  /** Where a recording is being read. */
  let open: { trace: Trace; entries: TraceEntry[] } | undefined;
  const lines = text.split("\n");
  const unfinished = lines.pop() !== "";
  if (unfinished) lines.push(text.slice(text.lastIndexOf("\n") + 1));
  /** The beginning of a line that the kernel has broken. */
  let held = "";
  for (const [index, raw] of lines.entries()) {
    // A serial line has carriage returns.
    const line = held + raw.replace(/\r+$/, "");
    held = "";
    const place = `${source}, line ${index + 1}`;
    const isHead = line.startsWith(magicOfAnyVersion) && line !== traceEnd;
    const entry = open && !isHead ? readEntry(line) : undefined;
    if (entry) {
      open?.entries.push(entry);
      continue;
    }
    const message = open || isHead ? line.search(kernelMessage) : -1;
    if (message >= 0) held = line.slice(0, message);
    else if (isHead) {
      const entries: TraceEntry[] = [];
      open = { entries, trace: { ...readHead(line, place), entries } };
      traces.push(open.trace);
    } else if (!open) continue;
    else if (line === traceEnd) open = undefined;
    else if (line.startsWith(`${traceCut}\t`)) {
      open.trace.cut = whyCut(line.slice(traceCut.length + 1));
      open = undefined;
    } else if (unfinished && index === lines.length - 1) open.trace.cut = notWhole;
    else throw new TraceError(`${place}: this is no op of a recording: it was damaged, take it out of the boot again`);
  }
  if (open && held) open.trace.cut = notWhole;
  if (traces.length) return traces;
  throw new TraceError(
    `${source} holds no recording of a boot: name a copy of /run/initramfs/trace, or a console's log of a boot with rd.trace=console`,
  );
}

const magicOfAnyVersion = traceMagic.replace(/\d+$/, "");

const notWhole = "its last line is not whole";

/** What the kernel says on a console meanwhile: to the end of that line, but perhaps amid one of ours, of which the next line is the rest. */
const kernelMessage = /\[ *\d+\.\d{6}\] /;

function readHead(line: string, place: string): Pick<Trace, "bundle" | "engine"> {
  const [magic, bundle = "", engine = "", ...rest] = line.split("\t");
  if (magic !== traceMagic)
    throw new TraceError(`${place}: a recording of another release of firstlight ("${magic}", not "${traceMagic}")`);
  if (!/^[0-9a-f]{16}$/.test(bundle) || !/^[1-9]\d{0,8}$/.test(engine) || rest.length)
    throw new TraceError(`${place}: the first line of the recording was damaged: take it out of the boot again`);
  return { bundle, engine: Number(engine) };
}

function whyCut(errno: string): string {
  if (errno === "EFBIG") return "it had reached its greatest length";
  return errno === "ENOSPC" ? "/run was full" : errno;
}

const textOf = (line: string): string => Buffer.from(line, "latin1").toString();

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** undefined: it is none. Arguments may be anything that the boot code came up with. */
function readEntry(line: string): TraceEntry | undefined {
  const [time = "", name, request, outcome, ...rest] = textOf(line).split("\t");
  if (!/^\d{1,15}$/.test(time) || name === undefined || request === undefined || outcome === undefined || rest.length)
    return undefined;
  return outcome && !isJson(outcome) ? undefined : { time: Number(time), name, arguments: request, outcome };
}
