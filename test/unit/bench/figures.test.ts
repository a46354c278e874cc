/** What the benchmark makes of what it has measured: medians, tables, results.json and the picture. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { attempts, inTurns, leastOf, medianOf } from "../../bench/attempts.js";
import { type Aim, figureOf, isMet, type Table } from "../../bench/figures.js";
import { median } from "../../bench/median.js";
import { plot } from "../../bench/plot.js";
import { plotOf } from "../../bench/plot-results.js";
import { resultsOf } from "../../bench/results.js";
import { formatAims, formatTable } from "../../bench/table.js";

const table: Table = {
  id: "builds",
  title: "Builds",
  columns: [
    { name: "time", unit: "s", digits: 2 },
    { name: "files", unit: "", digits: 0 },
  ],
  rows: [
    { name: "firstlight -N", values: [1.2345, 274] },
    { name: "other <1>", values: [12.5, null] },
  ],
  notes: ["files: with links"],
};
const met: Aim = { what: "a part", figure: 0.25, limit: 0.25, unit: "x" };
const missed: Aim = { what: "another part of it", figure: 1.2504, limit: 1.25, unit: "x" };

test("the median is the middle one, whatever the order; of none there is none", () => {
  assert.equal(median([10, 9, 100]), 10);
  assert.equal(median([5]), 5);
  assert.ok(Number.isNaN(median([])));
});

test("what fails is told, with all that it said, and kept in a line; the rest is measured, and what has failed is not tried again", async () => {
  const told: string[] = [];
  const { attempt, failures } = attempts((failure) => told.push(failure));
  let [good, bad] = [0, 0];
  const fails = () => (bad++ ? Promise.reject(new Error("no\nthe console")) : Promise.resolve(7));
  const results = await inTurns(attempt, 3, [
    { what: "boot of a", run: fails },
    { what: "boot of b", run: async () => 10 - good++ },
  ]);
  assert.deepEqual(results, [undefined, [10, 9, 8]]);
  assert.equal(bad, 2);
  assert.deepEqual(
    results.map((values) => medianOf(values, (value) => value / 2)),
    [null, 4.5],
  );
  assert.deepEqual(
    results.map((values) => leastOf(values, (value) => value / 2)),
    [null, 4],
  );
  assert.deepEqual(told, ["boot of a: no\nthe console"]);
  assert.deepEqual(failures, ["boot of a: no"]);
});

test("a table has its figures below what they are, and a dash where there is none", () => {
  assert.equal(
    formatTable(table),
    [
      "Builds",
      "                time  files",
      "                   s",
      "firstlight -N   1.23    274",
      "other <1>      12.50      –",
      "files: with links",
      "",
    ].join("\n"),
  );
});

test("an aim is met up to its limit, and missed beyond it, even where the figures look alike", () => {
  assert.ok(isMet(met));
  assert.ok(!isMet(missed));
  assert.ok(!isMet({ ...met, figure: Number.NaN }), "what was not measured is not met");
  assert.equal(
    formatAims([met, missed, { ...met, figure: Number.NaN }]),
    [
      "Aims",
      "a part                   0.250 x  at most 0.250     met",
      "another part of it       1.250 x  at most 1.250  MISSED",
      "a part              not measured  at most 0.250  MISSED",
      "",
    ].join("\n"),
  );
});

test("results.json: figures by name, rounded as they are shown, aims with whether they are met, and the day only", () => {
  const section = { tables: [table], aims: [met, missed] };
  const results = resultsOf([section], { kernel: "6.1.0" }, new Date("2026-01-31T12:00:00Z"), ["a boot: no"]);
  assert.deepEqual(JSON.parse(JSON.stringify(results)), {
    format: 1,
    date: "2026-01-31",
    versions: { kernel: "6.1.0" },
    tables: {
      builds: {
        title: "Builds",
        units: { time: "s", files: "" },
        rows: {
          "firstlight -N": { time: 1.23, files: 274 },
          "other <1>": { time: 12.5, files: null },
        },
        notes: ["files: with links"],
      },
    },
    aims: [
      { ...met, met: true },
      { ...missed, figure: 1.25, met: false },
    ],
    failures: ["a boot: no"],
  });
  assert.equal(figureOf(table, "firstlight -N", "files"), 274);
  assert.ok(Number.isNaN(figureOf(table, "other <1>", "files")));
});

test("the picture: bars to scale, ours told apart, names as they are, and colours for light and dark", () => {
  const svg = plotOf(resultsOf([{ tables: [table], aims: [] }], {}, new Date(), []));
  const widths = [...svg.matchAll(/<rect class="(h0|b1)"[^>]* width="([\d.]+)"/g)];
  assert.deepEqual(
    widths.map(([, kind]) => kind),
    ["h0", "b1"],
  );
  const [ours = 0, other = 0] = widths.map(([, , width]) => Number(width));
  assert.ok(Math.abs(other / ours - 12.5 / 1.23) < 0.1, `${other} / ${ours}`);
  assert.match(svg, />other &lt;1&gt;</);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.match(svg, /<text[^>]*>Build, s</);
  const right = widths.map(([, , width], index) => 202 + Number(width) + (index ? 5 : 4) * 7);
  assert.ok(
    right.every((end) => end <= 760),
    "no value is cut",
  );
});

test("the picture of nothing is none of bars; the smallest bar can be seen", () => {
  assert.doesNotMatch(plotOf({ tables: {} }), /class="[hb]\d"/);
  const bars = [1, 100_000].map((value) => ({ name: "x", value, ours: true }));
  assert.match(plot("x", [{ title: "x", unit: "s", bars }]), /<rect class="h0"[^>]* width="1"/);
});
