import type { System } from "firstlight/hooks";

/** Milliseconds: of a disk or a server that does not answer any more nobody waits for ever. */
const longestJob = 60_000;

/** The result of a job, as it is. Rejects, too, where that takes too long: `what` is what the job does, for the log. */
export async function limited<Result>({ clock }: System, what: string, work: Promise<Result>): Promise<Result> {
  const late = clock.sleep(longestJob).then(() => {
    throw new Error(`${what}: no answer in ${longestJob / 1000} s`);
  });
  return Promise.race([work, late]);
}
