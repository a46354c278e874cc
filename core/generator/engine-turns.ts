import { type Engine, type MemoryParts, partsBefore } from "../rehearsal/engine.js";

/** One of those that take turns in an engine. What it does to its memory is no other's concern. */
export interface Turns {
  /** Does the work, which must not wait, with its memory in the engine. One at a time, whoever it is. */
  take<Result>(work: (engine: Engine) => Result): Promise<Result>;
  /** In the work: nobody is to use this engine again, for nobody knows what is left of it. Those who take a turn later get a new one. */
  abandon(): void;
}

/** What its owner has changed of the memory that all begin with; of the one that is in the engine, what it was when it came there. */
interface OwnMemory {
  changes: MemoryParts;
}

/**
 * Has many use one engine, because creating one takes longer than what is done in it: the result gives to each a memory that begins as `prepare` has left it.
 */
export async function shareEngine(
  create: () => Promise<Engine>,
  prepare: (engine: Engine) => void,
): Promise<() => Turns> {
  const first = await create();
  prepare(first);
  const base = first.memory();
  let engine: Engine | undefined = first;
  /** Whose memory is in the engine. */
  let last: OwnMemory | undefined;

  async function renewed(): Promise<Engine> {
    const created = await create();
    created.write(base);
    return created;
  }

  function change(shared: Engine, next: OwnMemory): void {
    if (last === next) return;
    if (last) {
      last.changes = shared.changes(base);
      shared.write(partsBefore(base, last.changes));
    }
    shared.write(next.changes);
    last = next;
  }

  return () => {
    const own: OwnMemory = { changes: new Map() };
    return {
      take: async (work) => {
        engine ??= await renewed();
        change(engine, own);
        return work(engine);
      },
      abandon: () => {
        engine = undefined;
        last = undefined;
      },
    };
  };
}
