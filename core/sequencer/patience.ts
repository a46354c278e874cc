import { BootError } from "../../hooks/index.js";
import type { Milliseconds } from "../abi/index.js";
import type { SequencerLog } from "./log.js";
import type { Loop } from "./loop.js";
import type { PhaseRun } from "./phases.js";
import type { WantList } from "./wants.js";

/** Watches over waiting: a person is told of a long wait, and one that nothing can end is an error. */
export interface Patience {
  /** rd.timeout: how long hooks may wait while nothing at all moves; null: for ever. */
  setLimit(limit: Milliseconds | null): void;
  /** Settles as `work` does. Rejects, and abandons the hooks, if nothing can wake them any more, or nothing has moved for too long. */
  during(work: Promise<unknown>, hooks: PhaseRun): Promise<void>;
}

/** A wait is told of after this time, and again whenever it has become twice as long. */
const firstNotice = 4_000;
/** From here on a person needs to know, even where the kernel keeps quiet. */
const longWait = 30_000;

export function createPatience(loop: Loop, wants: WantList, log: SequencerLog): Patience {
  let limit: Milliseconds | null = null;

  function waitedFor(): string {
    const open = wants.open().map((want) => `${want.description}, wanted for ${want.for}`);
    return [...open, ...loop.running()].join("; ") || "time to pass";
  }

  /** A want will end the wait by itself, or a person at the console may. */
  const mayLast = () => wants.waiting() || loop.atConsole();

  function tell(waited: Milliseconds): void {
    const text = `waiting for ${waitedFor()} (${Math.round(waited / 1000)} s)`;
    if (waited < longWait) log.info(text);
    else log.tell(text);
  }

  function during(work: Promise<unknown>, hooks: PhaseRun): Promise<void> {
    return new Promise((resolve, reject) => {
      let since = loop.now();
      let moves = loop.moves();
      let notice = firstNotice;
      let cancel = () => {};
      let over = false;

      /** Work that was given up ends at some time, too: by then others may be watched over. */
      function end(): void {
        if (over) return;
        over = true;
        loop.onStill(() => false);
        cancel();
      }

      function giveUp(error: BootError): void {
        end();
        hooks.abandon();
        reject(error);
      }

      function look(): void {
        const now = loop.now();
        if (moves !== loop.moves()) {
          moves = loop.moves();
          since = now;
          notice = firstNotice;
        }
        const waited = now - since;
        if (limit !== null && waited >= limit && !mayLast()) {
          giveUp(tooLong(hooks.unfinished(), waited, waitedFor()));
          return;
        }
        if (waited >= notice) {
          // Whoever is being asked knows, or sees a bar, and is not written to amid of it.
          if (!loop.atConsole()) tell(waited);
          while (notice <= waited) notice *= 2;
        }
        const next = Math.min(notice, limit !== null && limit > waited ? limit : Number.POSITIVE_INFINITY);
        cancel = loop.at(since + next, look, { watches: true });
      }

      loop.onStill(() => {
        const modules = hooks.unfinished();
        if (!modules.length || wants.waiting()) return false;
        giveUp(nothingToCome(modules));
        return true;
      });
      cancel = loop.at(since + Math.min(firstNotice, limit ?? firstNotice), look, { watches: true });
      work.finally(end).then(() => resolve(), reject);
    });
  }

  return {
    during,
    setLimit(wanted) {
      limit = wanted;
    },
  };
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

function tooLong(modules: string[], waited: Milliseconds, what: string): BootError {
  return new BootError(
    `nothing has moved for ${Math.round(waited / 1000)} s (rd.timeout), and ${hookOf(modules)} still waits for ${what}`,
    "Look at what it waits for. A larger rd.timeout= waits longer, rd.timeout=0 for ever.",
  );
}
