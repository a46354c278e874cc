import { bundlePath, type LastWord } from "../abi/index.js";
import { createEngine, EngineError, processorTime } from "./engine.js";
import { memoryPages, stackSize } from "./rehearse.js";
import { type Trace, type TraceEntry, TraceError } from "./trace.js";

/** How the replay of a recording ended, after `ops` ops that were as recorded. */
export type ReplayEnd = { ops: number } & (
  | { end: "last word"; word: LastWord }
  /** Where it was to stop. */
  | { end: "until" }
  | { end: "diverged"; asked: Pick<TraceEntry, "name" | "arguments"> }
  /** The boot code would go on, and the recording does not. */
  | { end: "recording" }
  /** The boot code threw, or used too much memory or processor time, as the recorded one may have; `recorded`: more ops were recorded. */
  | { end: "failed"; reason: string; recorded: boolean }
);

/** Milliseconds of processor time from one wait to the next: what PID 1 grants. */
const longestTurn = 10_000;

/**
 * Runs a bundle on a recording: each op that it asks must be the next one there, and has the recorded outcome. `until`: the number of ops, counted
 * from 1, after which it stops. Throws TraceError: the bundle is another one than the recorded, or the recording has fewer ops than `until`.
 */
export async function replay(bundle: string, trace: Trace, { until }: { until?: number } = {}): Promise<ReplayEnd> {
  const { entries } = trace;
  if (until !== undefined && until > entries.length)
    throw new TraceError(
      `the recording has ${entries.length} ops, there is no op ${until}: name one of 1 to ${entries.length}`,
    );
  let ops = 0;
  let end: ReplayEnd | undefined;
  let deadline = processorTime() + longestTurn;

  /** What is asked once it has ended has no answer. */
  function stop(why: ReplayEnd): never {
    end ??= why;
    throw new Error("the replay has ended");
  }

  function op(name = "", request = ""): string {
    if (end || ops === until) stop({ end: "until", ops });
    const entry = entries[ops];
    if (!entry) return stop({ end: "recording", ops });
    if (entry.name !== name || entry.arguments !== request)
      stop({ end: "diverged", ops, asked: { name, arguments: request } });
    ops++;
    if (name === "wait") deadline = processorTime() + longestTurn;
    if (entry.outcome) return entry.outcome;
    if (name === "finish") return stop({ end: "last word", ops, word: JSON.parse(request) });
    return stop({ end: "failed", ops, reason: `the engine ended within the op ${name}`, recorded: false });
  }

  const engine = await createEngine({
    memoryPages,
    stackSize,
    interrupt: () => end !== undefined || processorTime() > deadline,
    functions: { op },
  });
  try {
    engine.evaluate(bundle, bundlePath);
    checkBundle(
      idOf(() => engine.call("bundleId")),
      trace,
    );
    while (!end) {
      engine.call("turn");
      engine.runPendingJobs();
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const reason = error.interrupted ? "the boot code uses processor time without end" : error.message;
    end ??= { end: "failed", ops, reason, recorded: ops < entries.length };
  }
  return end;
}

/** undefined: the bundle knows of none. */
function idOf(ask: () => string): string | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

function checkBundle(id: string | undefined, { bundle }: Trace): void {
  if (id === bundle) return;
  const own = id === undefined ? "has no id: an older release built it" : `is ${id}`;
  throw new TraceError(
    `the recording is of another image: of the boot code ${bundle}, and the image's ${own}; name the image that was booted`,
  );
}
