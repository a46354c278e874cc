import type { Running } from "../../hooks/index.js";
import type { Event, JobId, JobName, JobOps, Milliseconds, Outcome } from "../abi/index.js";
import { instant, startJob, unwrap } from "./door.js";

/** The event loop: PID 1 calls `turn` again and again, and lets promises run in between. One `wait`, one event a turn. */
export interface Loop {
  /** Waits for the next event and hands it on. */
  turn(): void;
  start<Name extends JobName>(name: Name, request: JobOps[Name][0]): Running<JobOps[Name][1]>;
  job<Name extends JobName>(name: Name, request: JobOps[Name][0]): Promise<JobOps[Name][1]>;
  now(): Milliseconds;
  sleep(duration: Milliseconds): Promise<void>;
  /** Calls back once at `deadline`, milliseconds since the kernel started. Gives a function that cancels it. */
  at(deadline: Milliseconds, action: () => void): () => void;
  /** Calls back once, when no event is there to be handled. */
  whenIdle(action: () => void): void;
  /** For every event but job ends and timeouts. */
  listen(listener: (event: Event) => void): void;
}

/** The clock is asked once in so many events, where events do not cease. */
const eventsBetweenTimers = 64;

interface Timer {
  deadline: Milliseconds;
  action: () => void;
}

export function createLoop(): Loop {
  const jobs = new Map<JobId, (outcome: Outcome) => void>();
  const timers = new Set<Timer>();
  const listeners: ((event: Event) => void)[] = [];
  const whenIdle: (() => void)[] = [];
  let eventsInARow = 0;
  const now = () => instant("now", {}).monotonic;

  function firstTimer(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) if (!first || timer.deadline < first.deadline) first = timer;
    return first;
  }

  function fire(timer: Timer): void {
    timers.delete(timer);
    timer.action();
  }

  function turn(): void {
    const timer = firstTimer();
    const idle = whenIdle[0];
    const event = instant("wait", { until: idle ? 0 : (timer?.deadline ?? null) });
    if (event.type !== "timeout") {
      dispatch(event);
      // A storm of uevents must not hold up a timer for ever.
      if (timer && ++eventsInARow % eventsBetweenTimers === 0 && now() >= timer.deadline) fire(timer);
      return;
    }
    eventsInARow = 0;
    if (idle) {
      whenIdle.shift();
      idle();
    } else if (timer) fire(timer);
  }

  function dispatch(event: Event): void {
    if (event.type === "job") {
      jobs.get(event.job)?.(event.outcome);
      jobs.delete(event.job);
    } else for (const listener of listeners) listener(event);
  }

  function start<Name extends JobName>(name: Name, request: JobOps[Name][0]): Running<JobOps[Name][1]> {
    const id = startJob(name, request);
    const done = new Promise<JobOps[Name][1]>((resolve, reject) => {
      jobs.set(id, (outcome) => {
        try {
          resolve(unwrap(name, request as Record<string, unknown>, outcome) as JobOps[Name][1]);
        } catch (error) {
          reject(error);
        }
      });
    });
    return {
      done,
      signal: (signal) => ifRunning(id, () => instant("signal", { job: id, signal })),
      inputPosition: () => ifRunning(id, () => instant("inputPosition", { job: id }).position),
    };
  }

  /** A job that has ended by itself meanwhile is no error of whoever wants to talk to it. */
  function ifRunning<Result>(id: JobId, action: () => Result): Result | undefined {
    if (!jobs.has(id)) return undefined;
    try {
      return action();
    } catch {
      return undefined;
    }
  }

  function at(deadline: Milliseconds, action: () => void): () => void {
    const timer = { deadline, action };
    timers.add(timer);
    return () => timers.delete(timer);
  }

  return {
    turn,
    start,
    job: async (name, request) => start(name, request).done,
    now,
    sleep: (duration) => new Promise((resolve) => at(now() + duration, resolve)),
    at,
    whenIdle: (action) => void whenIdle.push(action),
    listen: (listener) => listeners.push(listener),
  };
}
