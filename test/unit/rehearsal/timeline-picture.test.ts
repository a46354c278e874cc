/** The picture of a boot over time: what is in it, that nothing leaves it or hides anything else, and that names cannot break it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { widthOfText } from "../../../core/image/drawing.js";
import type { TraceEntry } from "../../../core/rehearsal/trace.js";
import { stepsOf } from "../../../core/scenario/timeline.js";
import { timelineSvg } from "../../../core/scenario/timeline-picture.js";

const entry = (time: number, name: string, request: object, outcome: unknown = { value: {} }): TraceEntry => ({
  ...{ time, name, arguments: JSON.stringify(request) },
  outcome: JSON.stringify(outcome),
});
const phase = (time: number, words: string) => entry(time, "log", { level: 6, text: `phase ${words}` });
const start = (time: number, job: number, name: string, request: object) =>
  entry(time, name, request, { value: { job } });
const end = (time: number, job: number, outcome: object = { value: {} }) =>
  entry(time, "wait", { until: 0 }, { value: { type: "job", job, outcome } });
const mount = { source: "/dev/sda", target: "/sysroot", type: "ext4", flags: [] };

interface Shape {
  kind: string;
  from: number;
  to: number;
  y: number;
  height: number;
}

/** A whole attribute of an element. */
const attribute = (element: string, name: string) => new RegExp(` ${name}="([^"]*)"`).exec(element)?.[1] ?? "";
const unescaped = (words: string) =>
  words.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");

function textShape(element: string): Shape {
  const x = Number(attribute(element, "x"));
  const kind = unescaped(/>([^<]*)</.exec(element)?.[1] ?? "");
  const factor = element.includes('class="t"') ? 15 / 11 : 1;
  const width = widthOfText(kind) * factor;
  const from = x - ({ end: width, middle: width / 2 }[attribute(element, "text-anchor")] ?? 0);
  return { kind, from, to: from + width, y: Number(attribute(element, "y")), height: 0 };
}

function boxShape(element: string): Shape {
  const [x = 0, y = 0, width = 0, height = 0] = ["x", "y", "width", "height"].map((name) =>
    Number(attribute(element, name)),
  );
  return { kind: attribute(element, "class"), from: x, to: x + width, y, height };
}

interface Picture {
  text: string;
  texts: Shape[];
  /** Without the paper. */
  boxes: Shape[];
  titles: string[];
}

/** Draws it, and checks what holds for any boot: well-formed, inside its bounds, nothing over anything else. */
function draw(entries: readonly TraceEntry[], last: number, verdict = "a verdict"): Picture {
  const text = timelineSvg("a title", stepsOf(entries), last / 1000, verdict);
  const { status, stderr } = spawnSync(
    "python3",
    ["-c", "import sys, xml.dom.minidom as x; x.parse(sys.stdin.buffer)"],
    {
      input: text,
    },
  );
  assert.equal(status, 0, stderr.toString());
  assert.doesNotMatch(text, /NaN|Infinity|undefined/);
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map(([element]) => element);
  const texts = all(/<text[^>]*>[^<]*<\/text>/g).map(textShape);
  const [paper, ...boxes] = all(/<rect[^>]*>/g).map(boxShape);
  assert.ok(paper);
  assert.equal(paper.to, 480);
  // On a sheet of A4 the letters have 9 points.
  assert.ok(paper.height <= 960, `${paper.height}`);
  for (const { kind, from, to, y, height } of [...texts, ...boxes])
    assert.ok(from >= 0 && to <= 480 && y >= 0 && y + height <= paper.height, `"${kind}" is outside: ${from} to ${to}`);
  for (const shapes of [texts, boxes])
    for (const [index, one] of shapes.entries())
      for (const other of shapes.slice(index + 1))
        if (Math.abs(one.y - other.y) < 10)
          assert.ok(one.to <= other.from || other.to <= one.from, `"${one.kind}" is over "${other.kind}"`);
  return { text, texts, boxes, titles: all(/<title>[^<]*/g).map((title) => unescaped(title.slice("<title>".length))) };
}

/** Its words, and from where to where its bar is. */
function barOf({ texts, boxes }: Picture, words: RegExp): { words: string; from: number; to: number; kind: string } {
  const found = texts.find(({ kind }) => words.test(kind));
  assert.ok(found, `${words} in ${texts.map(({ kind }) => kind).join("\n")}`);
  const box = boxes.find(({ y }) => y === found.y - 11);
  assert.ok(box, `the bar of ${found.kind}`);
  return { words: found.kind, from: box.from, to: box.to, kind: box.kind };
}

test("phases with their hooks, drivers and other jobs are where their time is; what has failed stands out", () => {
  const picture = draw(
    [
      phase(1_000_000, "cmdline: a, b"),
      phase(2_000_000, "initqueue: a, b"),
      start(2_000_000, 1, "insert", { drivers: [{ name: "nvme_core" }, { name: "nvme" }] }),
      start(3_000_000, 2, "run", { argv: ["false"] }),
      end(3_500_000, 1, { value: { results: [{ name: "nvme_core", inserted: true }] } }),
      end(4_000_000, 2, { value: { status: 1 } }),
      entry(3_000_000, "log", { level: 7, text: "initqueue: b has failed" }),
      entry(4_400_000, "log", { level: 7, text: "initqueue: a has ended" }),
      entry(4_400_000, "log", { level: 7, text: "nowhere: c has ended" }),
      phase(4_500_000, "mount: rootfs"),
      start(4_500_000, 3, "mount", mount),
      entry(5_000_000, "finish", {}),
    ],
    5_000_000,
    "would switch to /sysroot",
  );
  const seconds = (time: number) => 8 + (464 * (time - 1)) / 4;
  const near = (one: number, other: number) => assert.ok(Math.abs(one - other) < 0.2, `${one}, ${other}`);
  const expected: [words: RegExp, from: number, to: number, kind: string][] = [
    [/^cmdline: a, b, 1\.00 s$/, 1, 2, "c h0"],
    [/^initqueue: a, b, 2\.50 s$/, 2, 4.5, "c h0"],
    [/^a \(initqueue\), 2\.40 s$/, 2, 4.4, "c h1"],
    [/^b \(initqueue\), 1\.00 s$/, 2, 3, "c h4"],
    [/^mount: rootfs, 500 ms$/, 4.5, 5, "c h0"],
    [/^nvme_core nvme, 1\.50 s$/, 2, 3.5, "c h2"],
    [/^run false: status 1, 1\.00 s$/, 3, 4, "c h4"],
    [/^mount \/dev\/sda on \/sysroot \(ext4\), has not ended$/, 4.5, 5, "c h3"],
  ];
  for (const [words, from, to, kind] of expected) {
    const bar = barOf(picture, words);
    near(bar.from, seconds(from));
    near(bar.to, seconds(to));
    assert.equal(bar.kind, kind);
  }
  assert.ok(picture.titles.includes("nvme_core nvme\n2.000000 s, 1.50 s"));
  const words = picture.texts.map(({ kind }) => kind);
  assert.ok(words.includes("From 1.000 s to 5.000 s: would switch to /sysroot"));
  assert.deepEqual(
    words.filter((each) => /^\d+ s$/.test(each)),
    ["1 s", "2 s", "3 s", "4 s", "5 s"],
  );
  assert.match(picture.text, /prefers-color-scheme:dark/);
});

test("where a boot stops the reason stands, until it goes on", () => {
  const reason = `UUID=00361d4f, wanted for root, has not come ${"and so on ".repeat(60)}is all`;
  const report = `\n──── The boot has stopped ────\nWhat:    ${reason}\nRemedy:  wait\n`;
  const picture = draw(
    [
      phase(0, "initqueue"),
      entry(180e6, "print", { text: report }),
      phase(240e6, "mount: x"),
      phase(7200e6, "switch"),
      entry(7400e6, "print", { text: report }),
    ],
    7400e6,
  );
  const stop = barOf(picture, /^stopped: UUID=00361d4f, wanted for root.*…, 60\.0 s$/);
  assert.equal(stop.kind, "c h4");
  assert.ok(stop.from < barOf(picture, /^mount: x/).from);
  assert.equal(barOf(picture, /^switch, 200\.0 s$/).kind, "c h0");
  assert.equal(picture.text.match(/<path class="s"/g)?.length, 2);
  assert.ok(picture.texts.some(({ kind }) => kind.startsWith("At 180.000 s stopped: UUID=00361d4f, wanted")));
  assert.ok(picture.titles.some((title) => title.includes(reason)));
  const again = draw([entry(1, "print", { text: report })], 2, `would stop: ${reason}`);
  assert.ok(!again.texts.some(({ kind }) => kind.startsWith("At ")), "the verdict has told it");
});

test("5,000 jobs: the failed and the longest have their own rows, the others are told of in one; it stays small", () => {
  const entries = [phase(0, "initqueue: a")];
  for (let job = 1; job <= 5000; job++) {
    const name = job % 2 ? "insert" : "run";
    const request = job % 2 ? { drivers: [{ name: `driver${job}` }] } : { argv: [`/bin/program-${job}`] };
    const fails = job === 2500;
    const lasts = job % 500 === 7 ? 700_000 + job : job % 100;
    entries.push(start(job * 1000, job, name, request));
    entries.push(end(job * 1000 + lasts, job, { value: { status: fails ? 1 : 0, results: [] } }));
  }
  for (let index = 0; index < 5000; index++) entries.push(phase(5_100_000 + index, "again: x"));
  const picture = draw(entries, 6_000_000);
  assert.ok(picture.text.length < 40_000, `${picture.text.length} characters`);
  assert.equal(barOf(picture, /^run \/bin\/program-2500: status 1, /).kind, "c h4");
  assert.match(barOf(picture, /^driver4507, /).words, /705 ms$/);
  const others = picture.texts.map(({ kind }) => kind).filter((words) => / others, /.test(words));
  assert.deepEqual(others, ["4992 others, 1 µs at most", "2489 others, 99 µs at most", "2485 others, 98 µs at most"]);
});

test("names are shown as they are, and break nothing", () => {
  const name = `</title><script>alert("1 & 2")</script>\u0001\u007f\ud800\uffff 日本語の名前 𝒳`;
  const picture = draw(
    [
      phase(0, `initqueue: ${name}`),
      start(1000, 1, "run", { argv: [name] }),
      end(90_000, 1),
      start(90_000, 2, "run", { argv: ["W".repeat(5000)] }),
      entry(100_000, "print", { text: `──── The boot has stopped ────\nWhat:    ${name}` }),
    ],
    100_000,
    name,
  );
  const shown = `</title><script>alert("1 & 2")</script>\ufffd\ufffd\ufffd\ufffd 日本語の名前 𝒳`;
  assert.ok(picture.titles.includes(`run ${shown}\n0.001000 s, 89 ms`));
  assert.doesNotMatch(picture.text, /<script/);
  assert.match(barOf(picture, /^run W+…, has not ended$/).words, /W{5}/);
});

test("no time at all, times that go back, one op, none, and ops that are none", () => {
  draw([], 0);
  draw([entry(5, "now", {})], 5);
  assert.match(
    barOf(draw([phase(7, "cmdline"), start(7, 1, "mount", mount), end(7, 1)], 7), /^mount/).words,
    /no time$/,
  );
  draw([phase(9e14, "cmdline"), start(5, 1, "mount", mount), end(1, 1), phase(3, "switch")], 2);
  draw([phase(900_000, "cmdline"), start(900_001, 1, "mount", mount), end(900_004, 1)], 900_004);
  const odd = [
    entry(5, "log", {}),
    entry(6, "log", { text: 5 }, 3),
    start(6, 1, "run", {}),
    start(7, 2, "insert", {}),
    end(8, 2),
    entry(8, "wait", {}, { value: { type: "job", job: 2 } }),
    entry(9, "probe", {}, { value: null }),
    entry(3, "mount", []),
    { time: 10, name: "mount", arguments: "nonsense", outcome: "" },
  ];
  draw(odd, 10);
});
