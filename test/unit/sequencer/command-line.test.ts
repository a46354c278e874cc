/** Kernel parameters from all of their sources, and whatever else may stand there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMachine } from "../../../core/rehearsal/machine.js";
import { readCommandLine } from "../../../core/sequencer/command-line.js";
import { checkParameters, createParameters, parseCommandLine, type Word } from "../../../core/sequencer/parameters.js";
import type { PlannedParameter } from "../../../core/sequencer/plan.js";
import { rescuePolicy } from "../../../core/sequencer/rescue.js";
import { BootError } from "../../../hooks/index.js";
import { createRandom } from "../../support/random.js";

/** What a boot reads where the image has these files and the kernel this command line. */
function read(kernels: string, image: Record<string, string> = {}): { text: string; words: Word[] } {
  const machine = createMachine({
    commandLine: "",
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { ...image, "proc/cmdline": `${kernels}\n` },
    devices: [],
    drivers: {},
    modaliases: [],
    programs: {},
  });
  Object.assign(globalThis, { op: machine.op });
  return readCommandLine();
}

const inShort = ({ words }: { words: Word[] }) =>
  words.map(({ name, value, file }) => `${name}=${value ?? ""}${file ? ` ${file}` : ""}`);

test("the image's files by name, /etc/cmdline, then the kernel's, which wins", () => {
  const line = read("a=kernel", {
    "etc/cmdline": "a=old",
    "etc/cmdline.d/20-b.conf": "a=20",
    "etc/cmdline.d/100-c.conf": "a=100 b",
    "etc/cmdline.d/05-a.conf": "a=5\n",
    "etc/cmdline.d/99-d.conf.rpmsave": "a=none",
    "etc/cmdline.d/folder.conf/x": "a=none",
  });
  assert.deepEqual(inShort(line), [
    "a=5 /etc/cmdline.d/05-a.conf",
    "a=100 /etc/cmdline.d/100-c.conf",
    "b= /etc/cmdline.d/100-c.conf",
    "a=20 /etc/cmdline.d/20-b.conf",
    "a=old /etc/cmdline",
    "a=kernel",
  ]);
  assert.equal(line.text, "a=kernel");
  assert.equal(createParameters(line.words).text("a"), "kernel");
});

test("no file at all; an empty one; the kernel's line empty", () => {
  assert.deepEqual(read(""), { text: "", words: [] });
  assert.deepEqual(read("", { "etc/cmdline": "", "etc/cmdline.d/": "" }), { text: "", words: [] });
});

test("lines, comments, no end of the last line, quotes", () => {
  const conf = '# all of a=0\n  # b=0\n\na="x y" b=#1\r\nc=1 # d\n"e=x y"';
  assert.deepEqual(
    read("", { "etc/cmdline.d/a.conf": conf }).words.map(({ name, value }) => [name, value]),
    [
      ["a", "x y"],
      ["b", "#1"],
      ["c", "1"],
      ["#", undefined],
      ["d", undefined],
      ["e", "x y"],
    ],
  );
});

test("a quote that is never closed, or a --, spoils no more than its line", () => {
  const words = inShort(read("d=4", { "etc/cmdline.d/a.conf": 'a="1 x=1\nb=2 -- x=2\n"', "etc/cmdline": "c=3" }));
  assert.deepEqual(
    words.map((word) => word.split(" ")[0]),
    ["a=1", "b=2", "=", "c=3", "d=4"],
  );
});

test("the rescue policy is one that PID 1 takes, whatever panic= says", () => {
  const values = ["0", "-1", "5", "soon", "", "1e999", "Infinity", "999999999999", "9".repeat(400)];
  const delays = values.map((value) => rescuePolicy(createParameters(read(`panic=${value}`).words)).delay);
  assert.deepEqual(delays, [10, 0, 5, 10, 10, 10, 10, 999_999_999, 10]);
});

test("as long as a command line can be, and longer", () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `rd.x${index}=1`);
  const words = parseCommandLine(names.join(" "));
  assert.equal(words.length, names.length);
  assert.equal(parseCommandLine(`a=${"x".repeat(1 << 20)} b`).length, 2);
  assert.equal(parseCommandLine(`${'"" '.repeat(1 << 16)}${'"'.repeat(1 << 16)}`).length, (1 << 16) + 1);
  assert.equal(checkParameters(words, declared).length, names.length);
});

const declared: Record<string, PlannedParameter> = {
  "rd.n": { type: "integer", form: "N", validate: (value) => typeof value === "number" },
  "rd.flag": { type: "boolean", form: "0|1", validate: (value) => typeof value === "boolean" },
  "rd.list": { type: "string", form: "A", repeated: true, validate: (value) => value !== "" },
  root: { type: "string", form: "DEVICE", validate: (value) => value !== "" },
};

const pieces = [
  '"',
  "=",
  " ",
  "\t",
  "\n",
  "-",
  "--",
  "#",
  "rd.",
  "rd.n",
  "rd.flag",
  "rd.list",
  "root",
  "1",
  "off",
  "x",
];
const strange = [
  "\udc80",
  "\udca0",
  "\u00a0",
  "ä",
  "\u0000",
  "\\",
  "'",
  "$(x)",
  "__proto__",
  "constructor",
  "9".repeat(20),
];
const random = createRandom(20_261_121);
const anything = (most: number) =>
  Array.from({ length: random.below(most) }, () => random.of(random.below(4) ? pieces : strange)).join("");

/** What holds for every list of words; gives the warnings, or undefined where there was an error. */
function holds(words: readonly Word[], text: string): void {
  const parameters = createParameters(words);
  for (const name of Object.keys(declared)) {
    const all = words.filter((word) => word.name === name).map(({ value }) => value ?? "1");
    assert.deepEqual(parameters.all(name), all, text);
    assert.equal(parameters.text(name), all.at(-1), text);
    assert.ok(Number.isSafeInteger(parameters.number(name, 0)), text);
    assert.equal(typeof parameters.flag(name, true), "boolean", text);
  }
  try {
    checkParameters(words, declared);
  } catch (error) {
    assert.ok(error instanceof BootError, `${JSON.stringify(text)}: ${error}`);
  }
}

test("100,000 command lines out of anything: words or a BootError, the last one wins, what is joined is parted again", () => {
  for (let round = 0; round < 100_000; round++) {
    const text = anything(24);
    const words = parseCommandLine(text);
    holds(words, text);
    const quotes = text.split('"').length - 1;
    if (quotes % 2 || words.length === 0 || parseCommandLine(`${text} end`).at(-1)?.name !== "end") continue;
    const more = anything(8);
    assert.deepEqual(parseCommandLine(`${text} ${more}`), [...words, ...parseCommandLine(more)], text);
  }
});

test("what is quoted arrives as it was, in both forms, whatever stands around", () => {
  const letters = ["a", "b", ".", "_", "-", "ä", "\udcff", "x y", "\t", "=", "\n", "'", "\\"];
  for (let round = 0; round < 20_000; round++) {
    const wanted = Array.from({ length: 1 + random.below(5) }, (_, index): Word => {
      const value = Array.from({ length: random.below(6) }, () => random.of(letters)).join("");
      return { name: `n${index}${random.of(["", ".x", "-y"])}`, value };
    });
    const text = wanted.map(({ name, value }) => random.of([`${name}="${value}"`, `"${name}=${value}"`]));
    assert.deepEqual(parseCommandLine(text.join(random.of([" ", "\t", " \n "]))), wanted);
  }
});

test("the same from /etc/cmdline.d: nothing there throws, and the kernel's words come last, as they are", () => {
  for (let round = 0; round < 3000; round++) {
    const [conf, old, kernels] = [anything(24), anything(8), anything(8)];
    const { words, text } = read(kernels, { "etc/cmdline.d/a.conf": conf, "etc/cmdline": old });
    holds(words, conf);
    const last = words.filter(({ file }) => file === undefined);
    assert.deepEqual(last, parseCommandLine(text), kernels);
    assert.deepEqual(words.slice(words.length - last.length), last, kernels);
  }
});
