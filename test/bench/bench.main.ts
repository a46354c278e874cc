/** npm run bench: builds, images and boots of firstlight beside those of others, for Debian's cloud kernel. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { debianKernel } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { attempts } from "./attempts.js";
import type { Section } from "./figures.js";
import { peerSystem } from "./peers.js";
import { plotOf } from "./plot-results.js";
import { type Results, resultsOf } from "./results.js";
import { quickSections, wholeSections } from "./sections.js";
import { formatAims, formatTable } from "./table.js";
import { versionsOf } from "./versions.js";

const usage = `usage: npm run bench [-- --quick]
Measures builds, images and boots, of ours and of other generators, in 9 to 12 minutes on two quiet processors; the results come into test/bench/results.json
and results.svg. All that it needs it makes below out/.

  --quick   in 3 minutes what needs no other generator, once each; the results come into out/bench/
  --help    show this and end`;

async function bench(quick: boolean): Promise<void> {
  const kernel = await debianKernel("cloud");
  const begun = Date.now();
  const { attempt, failures } = attempts(tell);
  const others = quick ? undefined : await attempt("the other generators", () => peerSystem(kernel));
  const all = { kernel, others, attempt };
  const versions = (await attempt("versions", () => versionsOf(all))) ?? {};
  const sections: Section[] = [];
  const resultsWithout = (left: readonly string[]) =>
    resultsOf(sections, versions, new Date(begun), [...failures, ...left.map((name) => `${name}: not begun`)]);
  const left = Object.entries(quick ? quickSections : wholeSections);
  for (let next = left.shift(); next; next = left.shift()) {
    const [name, measure] = next;
    console.error(`${minutesSince(begun)}: ${name}`);
    const section = await attempt(name, () => measure(all));
    for (const table of section?.tables ?? []) console.log(`\n${formatTable(table)}`);
    if (section) sections.push(section);
    // What there is so far outlives a run that is stopped.
    await write(join(outFolder, "bench"), resultsWithout(left.map(([name]) => name)));
  }
  console.log(`\n${formatAims(sections.flatMap(({ aims }) => aims))}`);
  const folder = join(quick ? outFolder : join(projectFolder, "test"), "bench");
  await write(folder, resultsWithout([]));
  console.log(`${minutesSince(begun)}; results.json and results.svg are in ${folder}`);
  if (failures.length) {
    const list = failures.map((failure) => `\n  ${failure}`).join("");
    throw new Error(`not all could be measured; results.json lacks it, and says so:${list}`);
  }
}

async function write(folder: string, results: Results): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "results.json"), `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(join(folder, "results.svg"), plotOf(results));
}

const minutesSince = (begun: number): string => `${((Date.now() - begun) / 60_000).toFixed(1)} minutes`;

function tell(error: string): void {
  console.error(`bench: error: ${error}`);
  process.exitCode = 1;
}

const words = process.argv.slice(2);
const unknown = words.find((word) => !["--quick", "--help", "-h"].includes(word));
if (unknown !== undefined) {
  console.error(`bench: error: unknown option ${unknown}; npm run bench -- --help shows all`);
  process.exitCode = 2;
} else if (words.includes("--help") || words.includes("-h")) console.log(usage);
else await bench(words.includes("--quick")).catch((error: Error) => tell(error.message));
