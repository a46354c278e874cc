import { goodWord } from "../rehearsal/explore.js";
import type { AskedOp } from "../rehearsal/fault-list.js";
import type { FaultVerdict } from "../rehearsal/fault-verdict.js";
import type { Exploration, FaultyRun } from "./exploration.js";
import { verdictOf } from "./rehearsal.js";
import { describeOp } from "./timeline.js";

/** 0: every run reached the same root or a report; 1: not so, or already the good run does not; 2: the description leaves some open. */
export function explorationStatus({ good, runs }: Exploration): 0 | 1 | 2 {
  if (good.ending.end === "open") return 2;
  return goodWord(good.ending) ? faultsStatus(runs.map(({ verdict }) => verdict)) : 1;
}

/** The same, of runs with faults alone. */
export function faultsStatus(verdicts: readonly FaultVerdict[]): 0 | 1 | 2 {
  if (verdicts.some(({ violations }) => violations.length)) return 1;
  return verdicts.some(({ end }) => end === "left open") ? 2 : 0;
}

/** Functions of the boot code that are shown of a call site. */
const shownFrames = 3;

/** "inspect < probe": where in the boot code an op is asked. */
export function callSiteOf({ stack }: Pick<AskedOp, "stack">): string {
  const names = stack.map((frame) => frame.replace(/ \(.*/, "")).filter((name) => /^[\w.]+$/.test(name));
  return names.slice(0, shownFrames).join(" < ");
}

type End = FaultVerdict["end"];
interface Row {
  op: string;
  site: string;
  ends: Record<End, number>;
}

function rowsOf({ good, runs }: Exploration): Row[] {
  const rows = new Map<string, Row>();
  for (const { op, verdict } of runs) {
    const asked = good.asked[op - 1];
    if (!asked) continue;
    const site = callSiteOf(asked);
    const key = `${asked.name} ${site}`;
    const row = rows.get(key) ?? { op: asked.name, site, ends: countEnds([]) };
    row.ends[verdict.end]++;
    rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => (a.op < b.op ? -1 : a.op > b.op ? 1 : 0));
}

function countEnds(runs: readonly FaultyRun[]): Record<End, number> {
  const ends = { switch: 0, stopped: 0, "half a root": 0, hung: 0, died: 0, "left open": 0 };
  for (const { verdict } of runs) ends[verdict.end]++;
  return ends;
}

const bad = ({ ends }: Pick<Row, "ends">) => ends["half a root"] + ends.hung + ends.died;

/** The exploration for a person to read: a table of what faults led to, what must not be, and the sum. `all`: every run. */
export function formatExploration(exploration: Exploration, { all }: { all: boolean }): string {
  const { good, assumption, runs } = exploration;
  const head = assumption === undefined ? [] : [`(${assumption})`];
  if (!goodWord(good.ending))
    return [...head, `Nothing to explore. Without any fault: ${verdictOf(good.ending)}`, ""].join("\n");
  const rows = rowsOf(exploration);
  const { same, other } = endsOf(exploration);
  const columns = [9, 9, 9, 6];
  const line = (op: string, site: string, ...cells: (string | number)[]) =>
    `${op.padEnd(17)}${site.padEnd(55)}${cells.map((cell, index) => String(cell || "·").padStart(columns[index] ?? 0)).join("")}`;
  const table = [
    line("op", "asked by", same, other.head, "open", "bad"),
    ...rows.map((row) => line(row.op, row.site, row.ends.switch, row.ends.stopped, row.ends["left open"], bad(row))),
  ];
  const shown = runs.filter(({ verdict }) => all || verdict.violations.length || verdict.end === "left open");
  return [...head, ...table, "", ...shown.flatMap((run) => describeRun(good.asked, run)), sumOf(exploration), ""].join(
    "\n",
  );
}

function describeRun(asked: readonly AskedOp[], { faults, op, verdict }: FaultyRun): string[] {
  const entry = asked[op - 1];
  return [
    `--fault ${faults}: ${entry ? describeOp(entry) : ""}, asked by ${entry ? callSiteOf(entry) : ""}`,
    ...verdict.violations.map((violation) => `    must not be: ${violation}`),
    `    ${verdict.end}: ${verdict.reason}`,
  ];
}

/** How the good and the other ends that may be are called: those of a boot into a root, and those of a whole system. */
const endsOf = ({ good: { ending } }: Exploration) =>
  ending.end === "word" && ending.word.word !== "switch"
    ? { same: "same end", other: { head: "told", sum: "come to another end, of which the log tells why" } }
    : { same: "same root", other: { head: "report", sum: "stop with a report" } };

function sumOf(exploration: Exploration): string {
  const { runs } = exploration;
  const { same, other } = endsOf(exploration);
  const ends = countEnds(runs);
  const words: Record<End, string> = {
    switch: `reach the ${same}`,
    stopped: other.sum,
    "half a root": "reach half a root",
    hung: "hang",
    died: "die",
    "left open": "are left open by the machine's description",
  };
  const parts = (Object.keys(words) as End[]).filter((end) => ends[end]).map((end) => `${ends[end]} ${words[end]}`);
  const wrong = runs.filter(({ verdict }) => verdict.violations.length).length;
  if (!runs.length) return "0 faults: nothing is asked that could fail.";
  return `${runs.length} faults: ${parts.join(", ")}; ${wrong ? `${wrong} must not be` : "all is well"}.`;
}

/** The same for programs; docs/rehearse.md tells what it means. */
export function explorationAsJson(exploration: Exploration): object {
  const { good, assumption, runs } = exploration;
  return {
    schema_version: 1,
    status: explorationStatus(exploration),
    verdict: verdictOf(good.ending),
    ...(assumption === undefined ? {} : { assumption }),
    runs: runs.map(({ faults, op, verdict: { end, reason, violations } }) => {
      const asked = good.asked[op - 1];
      return { fault: faults, op: asked?.name, asked_by: asked && callSiteOf(asked), end, reason, violations };
    }),
  };
}
