import { type InstantOps, traceCut, traceFirstLimit } from "../abi/index.js";
import { Failure } from "./failure.js";
import { formatEntry, type TraceEntry } from "./trace.js";

export interface Recorder {
  /** Takes down an op that was answered; with an empty outcome, one in which the engine has ended. */
  record(name: string, argumentsJson: string, outcome: string): void;
  /** The op `trace`. Throws Failure. */
  trace(request: InstantOps["trace"][0]): void;
  /** All ops so far, whatever the boot code does with its own recording. */
  entries(): readonly TraceEntry[];
}

const cutLine = (errno: string) => `${traceCut}\t${errno}\n`;
const roomForCut = 32;

/** Records the ops of a simulated machine as core/init/trace.c does. `now`: milliseconds since the kernel started; `write`: the op, of bytes. */
export function createRecorder(machine: { now(): number; write(request: InstantOps["write"][0]): void }): Recorder {
  const entries: TraceEntry[] = [];
  /** Lines, in bytes, as long as the boot code has not said where they go. */
  let kept: string | undefined = "";
  let lost = false;
  let file: { path: string; left: number } | undefined;

  function append(lines: string): void {
    if (!file) return;
    const { path, left } = file;
    try {
      if (lines.length + roomForCut > left) throw new Failure("EFBIG");
      machine.write({ path, data: lines, append: true });
      file.left -= lines.length;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      cut(error.errno);
    }
  }

  function cut(errno: string): void {
    const path = file?.path;
    file = undefined;
    try {
      if (path !== undefined) machine.write({ path, data: cutLine(errno), append: true });
    } catch (error) {
      // Where its last line has no room, the file ends without.
      if (!(error instanceof Failure)) throw error;
    }
  }

  return {
    entries: () => entries,
    record(name, argumentsJson, outcome) {
      const entry = { time: Math.round(machine.now() * 1000), name, arguments: argumentsJson, outcome };
      entries.push(entry);
      const line = Buffer.from(formatEntry(entry)).toString("latin1");
      if (kept === undefined) return append(line);
      lost ||= kept.length + line.length > traceFirstLimit;
      if (!lost) kept += line;
    },
    trace(request) {
      if (request.path !== null) {
        machine.write({ path: request.path, data: "", mode: 0o600 });
        file = { path: request.path, left: request.limit };
        append(`${request.head}\n`);
        append(kept ?? "");
        if (lost) cut("EFBIG");
      } else file = undefined;
      kept = undefined;
      lost = false;
    },
  };
}
