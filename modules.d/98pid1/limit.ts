import type { System } from "firstlight/hooks";

/** Milliseconds: of a disk or a server that does not answer any more nobody waits for ever. */
const longestJob = 60_000;

/** The result of a job, as it is. Rejects, too, where that takes too long. */
export async function limited<Result>({ clock }: System, work: Promise<Result>): Promise<Result> {
  const late = clock.sleep(longestJob).then(() => {
    throw new Error(`no answer in ${longestJob / 1000} s`);
  });
  return Promise.race([work, late]);
}
