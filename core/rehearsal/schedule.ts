import type { Event, JobId, Outcome } from "../abi/index.js";
import { Failure } from "./failure.js";

type Uevent = Event & { type: "uevent" };

/** Virtual time, what will happen in it, and the events of the op `wait`. */
export interface Schedule {
  /** Milliseconds since the kernel started. */
  now(): number;
  /** Has something happen after so many milliseconds. Gives a function that prevents it. */
  after(delay: number, happen: () => void): () => void;
  newJob(): JobId;
  /** Has the job end now. */
  end(job: JobId, outcome: Outcome): void;
  isRunning(job: JobId): boolean;
  /** Jobs that have not ended yet. */
  running(): JobId[];
  /** Another engine begins: it knows of no job, and listens to nothing. */
  forget(): void;
  /** Bytes that uevents may take until they are fetched. */
  listen(receiveBuffer: number): void;
  uevent(event: Omit<Uevent, "type">): void;
  ueventsLost(): void;
  /** Somebody waits for ever, and nothing will happen any more. */
  isStuck(): boolean;
  /** The op. Throws Failure EIO where there is nothing to wait for. */
  wait(until: number | null): Event;
}

/** What the kernel counts for one message beside its text (struct sk_buff, and what it rounds up). */
const messageCost = 768;
/** What the kernel has done before it starts /init. */
const startOfInit = 1000;

export function createSchedule(deaf: { from: number; until: number } | undefined): Schedule {
  const coming: { at: number; happen: () => void }[] = [];
  const running = new Set<JobId>();
  const ends: (Event & { type: "job" })[] = [];
  const uevents: Uevent[] = [];
  let room: number | undefined;
  let queued = 0;
  let lost = false;
  let stuck = false;
  let time = startOfInit;
  let jobs = 0;
  let sequence = 0;

  function after(delay: number, happen: () => void): () => void {
    const entry = { at: time + delay, happen };
    let index = coming.length;
    while (index > 0 && (coming[index - 1]?.at ?? 0) > entry.at) index--;
    coming.splice(index, 0, entry);
    return () => {
      const position = coming.indexOf(entry);
      if (position >= 0) coming.splice(position, 1);
    };
  }

  /** A job that ended comes before the kernel's messages, as PID 1 has it. */
  function next(): Event | undefined {
    const end = ends.shift();
    if (end) {
      running.delete(end.job);
      return end;
    }
    if (lost) {
      lost = false;
      return { type: "uevents-lost" };
    }
    const event = uevents.shift();
    if (event) queued -= costOf(event);
    return event;
  }

  const costOf = (event: Uevent) => messageCost + JSON.stringify(event).length / 4;

  /** All that is due until then happens. False: nothing was. */
  function pass(limit: number): boolean {
    const first = coming[0];
    if (!first || first.at > limit) return false;
    time = Math.max(time, first.at);
    while (coming[0] && coming[0].at <= time) coming.shift()?.happen();
    return true;
  }

  function wait(until: number | null): Event {
    if (until === null && room === undefined && !running.size)
      throw new Failure("EIO", "nothing to wait for: no job runs, nobody listens to uevents");
    // Fractions are rounded up, as PID 1 does.
    const limit = until === null ? Number.POSITIVE_INFINITY : Math.max(time, Math.ceil(until));
    pass(time);
    for (;;) {
      const event = next();
      if (event) return event;
      if (pass(limit)) continue;
      if (until === null) {
        stuck = true;
        throw new Failure("EIO", "nothing will ever happen");
      }
      time = limit;
      return { type: "timeout" };
    }
  }

  return {
    now: () => time,
    after,
    newJob() {
      running.add(++jobs);
      return jobs;
    },
    end(job, outcome) {
      ends.push({ type: "job", job, outcome });
    },
    isRunning: (job) => running.has(job) && !ends.some((end) => end.job === job),
    running: () => [...running].filter((job) => !ends.some((end) => end.job === job)),
    forget() {
      running.clear();
      for (const queue of [ends, uevents]) queue.length = 0;
      room = undefined;
      queued = 0;
      lost = false;
    },
    listen(receiveBuffer) {
      // The kernel doubles what it is asked for (socket(7), SO_RCVBUF).
      room ??= receiveBuffer * 2;
    },
    uevent(event) {
      const properties = { ...event.properties, SEQNUM: String(++sequence) };
      if (room === undefined || (deaf && time >= deaf.from && time < deaf.until)) return;
      const whole: Uevent = { type: "uevent", ...event, properties };
      if (queued + costOf(whole) > room) {
        lost = true;
        return;
      }
      queued += costOf(whole);
      uevents.push(whole);
    },
    ueventsLost() {
      lost = true;
    },
    isStuck: () => stuck,
    wait,
  };
}
