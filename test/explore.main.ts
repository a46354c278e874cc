/**
 * All faults of all the boots that npm test explores, and pairs of faults: npm run explore [-- [--pairs N] [--seed N] [BOOT...]]
 * BOOT: a part of a boot's name.
 */
import { parseArgs } from "node:util";
import { exploreImage, type Wanted } from "../core/scenario/exploration.js";
import { explorationStatus, formatExploration } from "../core/scenario/exploration-table.js";
import { exploredBoots } from "./support/explored-boots.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pairs: { type: "string", default: "1000" }, seed: { type: "string" } },
});
const [pairs, seed] = [Number(values.pairs), Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))];
const boots = await exploredBoots("explore");
console.log(`seed ${seed}`);
for (const { name, scenario } of boots) {
  if (positionals.length && !positionals.some((part) => name.includes(part))) continue;
  for (const wanted of ["all", { pairs, seed }] satisfies Wanted[]) {
    const begun = performance.now();
    const explored = await exploreImage(scenario, wanted);
    const seconds = (performance.now() - begun) / 1000;
    const status = explorationStatus(explored);
    const text = formatExploration(explored, { all: false });
    console.log(
      `${name}, ${wanted === "all" ? "single faults" : "pairs"}: ${(explored.runs.length / seconds).toFixed()} runs a second`,
    );
    console.log(
      status
        ? `tools/rehearse ${scenario.image} --machine ${scenario.machine} --cmdline "${scenario.cmdline}"\n${text}`
        : text.slice(text.lastIndexOf("\n\n") + 2),
    );
    process.exitCode = Math.max(Number(process.exitCode ?? 0), status);
  }
}
