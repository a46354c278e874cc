import { type Boot, hook } from "firstlight/hooks";
import { failureOf, insist } from "./patience.js";
import { killOthers } from "./processes.js";
import { unescaped } from "./stacked.js";

/** Unmounts what the old root consists of, once the hooks of other modules have had it. */
export default hook({
  priority: 99,
  async run(boot) {
    const { job, log } = boot;
    // What is unmounted here must not be unmounted elsewhere, nor come back from there.
    await failureOf(boot, job("mount", { source: "none", target: "/", type: "", flags: ["rprivate"], data: "" }));
    let left = await unmountAll(boot);
    if (left.length) {
      await killOthers(boot, { servers: false });
      left = await insist(boot, () => unmountAll(boot));
    }
    for (const [target, why] of left) {
      log.warning(`shutdown: ${target} is in use (${why}): made read-only, and unmounted when nobody uses it any more`);
      await failureOf(boot, job("mount", { source: "none", target, type: "", flags: ["remount", "ro"], data: "" }));
    }
    for (const [target, why] of await unmountAll(boot, { lazy: true }))
      log.error(`shutdown: ${target} cannot be unmounted: ${why}`);
  },
});

/** The old root, and what is mounted in it or in what it shares with this one; the innermost first. */
function mountPoints({ files }: Boot): string[] {
  const lines = files.read("/proc/self/mounts").trim().split("\n");
  const points = lines.map((line) => unescaped(line.split(" ")[1] ?? ""));
  return points.filter((point) => point === "/oldroot" || /^\/(oldroot|run)\//.test(point)).reverse();
}

/** Those that could not be unmounted, each with the reason. */
async function unmountAll(boot: Boot, how: { lazy?: true } = {}): Promise<[point: string, why: string][]> {
  const left: [string, string][] = [];
  for (const target of mountPoints(boot)) {
    const why = await failureOf(boot, boot.job("unmount", { target, ...how }));
    if (why === undefined) boot.log.debug(`shutdown: ${target} is unmounted`);
    else left.push([target, why]);
  }
  return left;
}
