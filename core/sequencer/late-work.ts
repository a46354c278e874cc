import type { Milliseconds } from "../abi/index.js";
import type { Loop } from "./loop.js";

/**
 * What is done where somebody has waited in vain for long, so that the boot goes on with less: once when that is so, and again for what comes later than
 * that. A disk that comes last is not always alone: what it is a part of is given a moment for the other parts to come, too.
 */
export interface LateWork {
  /** `patience`: how long is long. `work` may be done any number of times, one after the other. */
  configure(patience: Milliseconds, work: () => Promise<void>): void;
  patience(): Milliseconds;
  /** Somebody has waited for so long. */
  begin(): void;
  /** Something has come. */
  news(): void;
  /** Resolves once all that is to be done has been done: at once, without the moment. */
  finish(): Promise<void>;
  /** Nothing is done any more, but for what is under way. */
  stop(): void;
}

/** What comes late has this part of the patience to be followed by more. */
const partOfPatience = 1 / 10;

/** `isWaiting`: is there anybody whom it could help? */
export function createLateWork(loop: Loop, isWaiting: () => boolean): LateWork {
  let patience: Milliseconds = 0;
  let work: (() => Promise<void>) | undefined;
  let begun = false;
  let done = Promise.resolve();
  /** Of the work that is to be done when no more news has come. */
  let cancel: (() => void) | undefined;

  function start(): void {
    cancel?.();
    cancel = undefined;
    const todo = work;
    if (todo) done = done.then(todo);
  }

  function stop(): void {
    cancel?.();
    cancel = undefined;
    begun = false;
    work = undefined;
  }

  return {
    configure(wanted, todo) {
      stop();
      patience = wanted;
      work = todo;
    },
    patience: () => patience,
    begin() {
      if (begun || !work) return;
      begun = true;
      start();
    },
    news() {
      if (!begun || !isWaiting()) return;
      cancel?.();
      cancel = loop.at(loop.now() + patience * partOfPatience, start);
    },
    async finish() {
      if (cancel) start();
      await done;
      // It has waited for whatever was being set up. Devices that never cease to come are no reason to go on for ever.
      if (cancel) start();
      await done;
    },
    stop,
  };
}
