/**
 * The conformance suite of the ops: cases that run inside the engine, against whatever answers its host function, PID 1 or the rehearsal.
 * No Node here.
 */
import type {
  Event,
  InstantName,
  InstantOps,
  JobId,
  JobName,
  JobOps,
  OpFunction,
  Outcome,
} from "../../../core/abi/index.js";

/** The host function, with types on it. */
export interface OpsUnderTest {
  /** An op as it is called: name, the JSON of the arguments; the JSON of the outcome. */
  raw: OpFunction;
  /** The outcome of an instant op, or of starting a job; any arguments. */
  outcome(name: string, request: unknown): Outcome;
  /** The value of an instant op, which must succeed. */
  value<Name extends InstantName>(name: Name, request: InstantOps[Name][0]): InstantOps[Name][1];
  start<Name extends JobName>(name: Name, request: JobOps[Name][0]): JobId;
  /** The outcome of a job that was started. */
  finished(job: JobId): Outcome;
  /** The outcome of a job, from its start to its end. */
  job<Name extends JobName>(name: Name, request: JobOps[Name][0]): Outcome;
  /** The value of a job, which must succeed. */
  done<Name extends JobName>(name: Name, request: JobOps[Name][0]): JobOps[Name][1];
  /** The next event that is no job's end; "timeout" after as many milliseconds. */
  wait(duration: number): Event;
}

export interface Case {
  name: string;
  run(ops: OpsUnderTest): void;
}

export interface Verdict {
  name: string;
  /** What was wrong; left out: nothing. */
  failure?: string;
}

export function equal(actual: unknown, expected: unknown, what = ""): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (found !== wanted) throw new Error(`${what} is ${found}, not ${wanted}`);
}

export function ok(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** Which errno an outcome is, or "" for a value. */
export function errnoOf(outcome: Outcome): string {
  return "error" in outcome ? outcome.error.errno : "";
}

function resultOf(outcome: Outcome, what: string): unknown {
  if ("error" in outcome) throw new Error(`${what} failed: ${JSON.stringify(outcome.error)}`);
  return outcome.value;
}

export function opsUnderTest(op: OpFunction): OpsUnderTest {
  const ends = new Map<JobId, Outcome>();
  const longest = 20_000;
  const outcome = (name: string, request: unknown): Outcome => JSON.parse(op(name, JSON.stringify(request)));
  const ops: OpsUnderTest = {
    raw: op,
    outcome,
    value: (name, request) => resultOf(outcome(name, request), name) as never,
    start: (name, request) => (resultOf(outcome(name, request), name) as { job: JobId }).job,
    finished(job) {
      for (;;) {
        const end = ends.get(job);
        if (end) return end;
        const event = ops.value("wait", { until: ops.value("now", {}).monotonic + longest });
        if (event.type === "timeout") throw new Error(`job ${job} does not end`);
        if (event.type === "job") ends.set(event.job, event.outcome);
      }
    },
    job: (name, request) => ops.finished(ops.start(name, request)),
    done: (name, request) => resultOf(ops.job(name, request), name) as never,
    wait(timeout) {
      const until = ops.value("now", {}).monotonic + timeout;
      for (;;) {
        const event = ops.value("wait", { until });
        if (event.type !== "job") return event;
        ends.set(event.job, event.outcome);
      }
    },
  };
  return ops;
}

/** Runs the cases one by one. */
export function runCases(cases: readonly Case[], op: OpFunction): Verdict[] {
  const ops = opsUnderTest(op);
  return cases.map(({ name, run }) => {
    try {
      run(ops);
      return { name };
    } catch (error) {
      return { name, failure: `${error}\n${(error as Error).stack ?? ""}` };
    }
  });
}
