import { type Boot, errnoOf } from "firstlight/hooks";

/** Milliseconds: of a disk or a server that does not answer any more nobody waits for ever. */
const longestJob = 60_000;

/** Milliseconds: what was in use may be so for a moment after its user has ended, and nothing tells when that is over. */
const [moment, interval] = [3_000, 100];

/** Why something could not be done; undefined: it is done. */
export async function failureOf({ clock }: Boot, work: Promise<unknown>): Promise<string | undefined> {
  const ended = work.then(
    () => undefined,
    (error: unknown) => errnoOf(error) ?? String(error),
  );
  return Promise.race([ended, clock.sleep(longestJob).then(() => `no answer in ${longestJob / 1000} s`)]);
}

/** Tries again and again, until nothing is left or it has not become less for a moment. Gives what is left. */
export async function insist<Left extends { length: number }>(
  { clock }: Boot,
  attempt: () => Promise<Left>,
): Promise<Left> {
  for (let least = Number.POSITIVE_INFINITY, since = 0; ; ) {
    const left = await attempt();
    if (!left.length || (left.length >= least && clock.now() - since >= moment)) return left;
    if (left.length < least) [least, since] = [left.length, clock.now()];
    else await clock.sleep(interval);
  }
}
