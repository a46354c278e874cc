import { BootError } from "../../hooks/index.js";
import type { Milliseconds } from "../abi/index.js";
import type { SequencerLog } from "./log.js";
import type { Loop } from "./loop.js";
import type { PhaseRun } from "./phases.js";
import type { WantList } from "./wants.js";

/** Watches over waiting: a person is told of a long wait, and one that nothing can end is an error. */
export interface Patience {
  /** rd.timeout and rd.retry. */
  setLimits(limits: Limits): void;
  /**
   * Settles as `work` does. Rejects, and abandons the hooks, if nothing can wake them any more, or nothing has moved for too long. What is only set up beside
   * the boot is abandoned where nothing has moved for too long, and the boot goes on without.
   */
  during(work: Promise<unknown>, hooks: PhaseRun): Promise<void>;
}

/** How long nothing at all may move. */
export interface Limits {
  /** While hooks wait; null: for ever. */
  hooks: Milliseconds | null;
  /** While something is set up that the boot can do without: a dead disk, a program that hangs. */
  beside: Milliseconds;
}

/** A wait is told of after this time, and again whenever it has become twice as long. */
const firstNotice = 4_000;
/** So often in the time that it has, it is looked whether what is set up beside the boot moves. It is given up later than that by one such part at most. */
const looksBeside = 10;
/** From here on a person needs to know, even where the kernel keeps quiet. */
const longWait = 30_000;

export function createPatience(loop: Loop, wants: WantList, log: SequencerLog): Patience {
  let limits: Limits = { hooks: null, beside: Number.POSITIVE_INFINITY };

  function waitedFor(): string {
    const open = wants.open().map((want) => `${want.description}, wanted for ${want.for}`);
    return [...open, ...loop.running()].join("; ") || "time to pass";
  }

  function tell(waited: Milliseconds): void {
    const text = `waiting for ${waitedFor()} (${Math.round(waited / 1000)} s)`;
    if (waited < longWait) log.info(text);
    else log.tell(text);
  }

  /** Tells a person, where it is time for that. Gives when it is time again. */
  function notify(waited: Milliseconds, due: Milliseconds): Milliseconds {
    if (waited < due) return due;
    // Whoever is being asked knows, or sees a bar, and is not written to amid of it.
    if (!loop.atConsole()) tell(waited);
    let next = due;
    while (next <= waited) next *= 2;
    return next;
  }

  /** Calls back once nothing has moved for too long, but for what a person at the console, or time, may end. Gives a function that ends it. */
  function whenStuck(stuck: () => void): () => void {
    const { beside } = limits;
    return watchMoves(loop, (waited) => {
      if (waited < beside || loop.atConsole() || wants.waitingForTime()) return waited + beside / looksBeside;
      stuck();
      return undefined;
    });
  }

  function during(work: Promise<unknown>, hooks: PhaseRun): Promise<void> {
    return new Promise((resolve, reject) => {
      let due = firstNotice;
      let over = false;
      const watches: (() => void)[] = [];

      /** Work that was given up ends at some time, too: by then others may be watched over. */
      function end(): void {
        if (over) return;
        over = true;
        loop.onStill(() => false);
        for (const stop of watches) stop();
      }

      function giveUp(error: BootError): void {
        end();
        hooks.abandon();
        reject(error);
      }

      /** `work` ends then. */
      function goOn(): void {
        log.warning(besideForTooLong(hooks.unfinished(), limits.beside, waitedFor()));
        hooks.abandon();
      }

      let isNeeded = true;
      void hooks.needed?.then(() => {
        isNeeded = false;
        if (!over && hooks.unfinished().length) watches.push(whenStuck(goOn));
      });
      const look = (waited: Milliseconds, hasMoved: boolean) => {
        if (hasMoved) due = firstNotice;
        const limit = isNeeded ? limits.hooks : null;
        if (limit !== null && waited >= limit && !wants.waiting() && !loop.atConsole()) {
          giveUp(tooLong(hooks.unfinished(), limit, waitedFor()));
          return undefined;
        }
        due = notify(waited, due);
        return limit !== null && limit > waited ? Math.min(due, limit) : due;
      };
      watches.push(watchMoves(loop, look));
      loop.onStill(() => {
        const modules = hooks.unfinished();
        if (!modules.length || wants.waiting()) return false;
        giveUp(nothingToCome(modules));
        return true;
      });
      work.finally(end).then(() => resolve(), reject);
    });
  }

  return {
    during,
    setLimits(wanted) {
      limits = wanted;
    },
  };
}

/** Calls `look` with how long nothing has moved, now and whenever that has become as long as it has said last; undefined: no more. Gives a function that ends it. */
function watchMoves(
  loop: Loop,
  look: (waited: Milliseconds, hasMoved: boolean) => Milliseconds | undefined,
): () => void {
  let since = loop.now();
  let moves = loop.moves();
  let cancel = () => {};
  function check(): void {
    const now = loop.now();
    const hasMoved = moves !== loop.moves();
    if (hasMoved) since = now;
    moves = loop.moves();
    const next = look(now - since, hasMoved);
    if (next !== undefined) cancel = loop.at(since + next, check, { watches: true });
  }
  check();
  return () => cancel();
}

const hookOf = (modules: string[]) =>
  modules.length === 0
    ? "the boot"
    : modules.length === 1
      ? `the hook of the module ${modules[0]}`
      : `hooks of the modules ${modules.join(", ")}`;

function nothingToCome(modules: string[]): BootError {
  return new BootError(
    `${hookOf(modules)} would wait for ever: no job runs, no time passes and nothing is wanted that could end it`,
    `This is a mistake in the module. Tell its author; mkinitrd -o ${modules[0]} leaves it out.`,
  );
}

const besideForTooLong = (modules: string[], limit: Milliseconds, what: string): string =>
  `the boot goes on without what the module${modules.length === 1 ? "" : "s"} ${modules.join(", ")} would set up: nothing has moved for ${limit / 1000} s, waiting for ${what}. A larger rd.retry= waits longer, and so does a larger rd.timeout= where that is given.`;

function tooLong(modules: string[], limit: Milliseconds, what: string): BootError {
  return new BootError(
    `nothing has moved for ${limit / 1000} s (rd.timeout), and ${hookOf(modules)} still waits for ${what}`,
    "Look at what it waits for. A larger rd.timeout= waits longer, rd.timeout=0 for ever.",
  );
}
