import type { Running } from "../../hooks/index.js";
import type { Event, JobId, JobName, JobOps, Milliseconds, Outcome } from "../abi/index.js";
import { instant, startJob, subject, unwrap } from "./door.js";

/** The event loop: PID 1 calls `turn` again and again, and lets promises run in between. One `wait`, one event a turn. */
export interface Loop {
  /** Waits for the next event and hands it on. */
  turn(): void;
  start<Name extends JobName>(name: Name, request: JobOps[Name][0]): Running<JobOps[Name][1]>;
  job<Name extends JobName>(name: Name, request: JobOps[Name][0]): Promise<JobOps[Name][1]>;
  now(): Milliseconds;
  sleep(duration: Milliseconds): Promise<void>;
  /** Waits for `work`, but no longer than this. True: it has ended in time. Rejects as it does. */
  within(longest: Milliseconds, work: Promise<unknown>): Promise<boolean>;
  /**
   * Calls back once at `deadline`, milliseconds since the kernel started. Gives a function that cancels it. `watches`: nothing that the boot
   * waits for comes of it.
   */
  at(deadline: Milliseconds, action: () => void, options?: { watches: boolean }): () => void;
  /** Calls back once, when no event is there to be handled. */
  whenIdle(action: () => void): void;
  /** For every event but job ends and timeouts. */
  listen(listener: (event: Event) => void): void;
  /** Calls back whenever no job, no timer and nothing idle is left: only a uevent could still bring anything. True: that has changed it. */
  onStill(listener: () => boolean): void;
  /** Calls back where a turn fails: no event can be had, or whoever listens to it throws. Nothing that waits can count on anything then. */
  onBroken(listener: (error: unknown) => void): void;
  /** What the running jobs do: "run /bin/tar". */
  running(): string[];
  /** Is somebody asked at the console, or has a program the console, so that a person may end it? */
  atConsole(): boolean;
  /** How many turns there were: what ends in the turn in which it began has waited for nothing. */
  turns(): number;
  /** Grows with every job that ends or reads on: as long as it does, something moves. */
  moves(): number;
}

/** The clock is asked once in so many events, where events do not cease. */
const eventsBetweenTimers = 64;

interface Timer {
  deadline: Milliseconds;
  action: () => void;
  watches: boolean;
}

interface RunningJob {
  end: (outcome: Outcome) => void;
  text: string;
  atConsole: boolean;
}

export function createLoop(): Loop {
  const jobs = new Map<JobId, RunningJob>();
  const timers = new Set<Timer>();
  const listeners: ((event: Event) => void)[] = [];
  const whenIdle: (() => void)[] = [];
  let still = () => false;
  let broken = (error: unknown): void => {
    throw error;
  };
  let eventsInARow = 0;
  let moves = 0;
  let turns = 0;
  /** Of this turn, which lasts no longer than its hooks compute; undefined: nobody has asked. */
  let time: Milliseconds | undefined;
  const now = () => {
    time ??= instant("now", {}).monotonic;
    return time;
  };

  function firstTimer(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) if (!first || timer.deadline < first.deadline) first = timer;
    return first;
  }

  function fire(timer: Timer): void {
    timers.delete(timer);
    timer.action();
  }

  /** Promises have run as far as they can: whoever waits now waits for an event. */
  function isStill(): boolean {
    if (jobs.size || whenIdle.length) return false;
    for (const timer of timers) if (!timer.watches) return false;
    return true;
  }

  function turn(): void {
    turns++;
    try {
      step();
    } catch (error) {
      broken(error);
    }
  }

  function step(): void {
    if (isStill() && still()) return;
    const timer = firstTimer();
    const idle = whenIdle[0];
    const event = instant("wait", { until: idle ? 0 : (timer?.deadline ?? null) });
    time = undefined;
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
      jobs.get(event.job)?.end(event.outcome);
      jobs.delete(event.job);
      moves++;
    } else for (const listener of listeners) listener(event);
  }

  function start<Name extends JobName>(name: Name, request: JobOps[Name][0]): Running<JobOps[Name][1]> {
    const id = startJob(name, request);
    const done = new Promise<JobOps[Name][1]>((resolve, reject) => {
      const end = (outcome: Outcome) => {
        try {
          resolve(unwrap(name, request as Record<string, unknown>, outcome) as JobOps[Name][1]);
        } catch (error) {
          reject(error);
        }
      };
      const text = `${name} ${subject(request as Record<string, unknown>)}`.trim();
      jobs.set(id, { end, text, atConsole: name === "prompt" || ("terminal" in request && request.terminal === true) });
    });
    let lastPosition = 0;
    return {
      done,
      signal: (signal) => ifRunning(id, () => instant("signal", { job: id, signal })),
      inputPosition: () => {
        const position = ifRunning(id, () => instant("inputPosition", { job: id }).position);
        if (position !== undefined && position !== lastPosition) moves++;
        lastPosition = position ?? lastPosition;
        return position;
      },
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

  function at(deadline: Milliseconds, action: () => void, { watches } = { watches: false }): () => void {
    const timer = { deadline, action, watches };
    timers.add(timer);
    return () => timers.delete(timer);
  }

  async function within(longest: Milliseconds, work: Promise<unknown>): Promise<boolean> {
    let cancel = () => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = at(now() + longest, () => resolve(false));
    });
    return Promise.race([work.then(() => true), late]).finally(cancel);
  }

  return {
    turn,
    start,
    job: async (name, request) => start(name, request).done,
    now,
    sleep: (duration) => new Promise((resolve) => at(now() + duration, resolve)),
    within,
    at,
    whenIdle: (action) => void whenIdle.push(action),
    listen: (listener) => listeners.push(listener),
    onStill(listener) {
      still = listener;
    },
    onBroken(listener) {
      broken = listener;
    },
    running: () => [...jobs.values()].map(({ text }) => text),
    atConsole: () => [...jobs.values()].some((job) => job.atConsole),
    turns: () => turns,
    moves: () => moves,
  };
}
