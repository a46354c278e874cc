import assert from "node:assert/strict";
import { test } from "node:test";
import { checkParameters, createParameters, parseCommandLine } from "../../../core/sequencer/parameters.js";
import type { PlannedParameter } from "../../../core/sequencer/plan.js";

const pairs = (text: string) => parseCommandLine(text).map(({ name, value }) => [name, value]);

test("words, values, bare names, quotes as the kernel reads them", () => {
  assert.deepEqual(pairs("root=UUID=ab ro quiet"), [
    ["root", "UUID=ab"],
    ["ro", undefined],
    ["quiet", undefined],
  ]);
  assert.deepEqual(pairs('root="LABEL=my disk" x'), [
    ["root", "LABEL=my disk"],
    ["x", undefined],
  ]);
  assert.deepEqual(pairs('"root=LABEL=my disk"'), [["root", "LABEL=my disk"]]);
  assert.deepEqual(pairs('dyndbg="file a.c +p" y=1'), [
    ["dyndbg", "file a.c +p"],
    ["y", "1"],
  ]);
  assert.deepEqual(pairs("a= =b"), [
    ["a", ""],
    ["", "b"],
  ]);
  assert.deepEqual(pairs('open="never closed'), [["open", "never closed"]]);
  assert.deepEqual(pairs("  \t\n "), []);
});

test("what follows -- is init's", () => {
  assert.deepEqual(pairs("ro -- rd.break root=x"), [["ro", undefined]]);
});

test("the last one wins, bare means 1, repeated ones stay in order", () => {
  const parameters = createParameters(parseCommandLine("a=1 a=2 b a=3 rd.x rd.flag=off rd.n=07"));
  assert.equal(parameters.text("a"), "3");
  assert.deepEqual(parameters.all("a"), ["1", "2", "3"]);
  assert.equal(parameters.text("rd.x"), "1");
  assert.equal(parameters.flag("rd.x", false), true);
  assert.equal(parameters.flag("rd.flag", true), false);
  assert.equal(parameters.flag("missing", true), true);
  assert.equal(parameters.number("rd.n", 5), 7);
  assert.equal(parameters.number("missing", 5), 5);
  assert.equal(parameters.has("c"), false);
});

const seconds: PlannedParameter = {
  type: "integer",
  form: "SECONDS",
  validate: (value) => typeof value === "number" && value >= 0,
};
const shell: PlannedParameter = { type: "boolean", form: "0|1", validate: (value) => typeof value === "boolean" };
const each: PlannedParameter = {
  type: "string",
  form: "UUID",
  repeated: true,
  validate: (value) => /^[0-9a-f]+$/.test(String(value)),
};
const declared = { "rd.retry": seconds, "rd.shell": shell, "rd.md.uuid": each };

test("a wrong value is an error with parameter, value and accepted form, all of them together", () => {
  assert.throws(
    () => checkParameters(parseCommandLine("rd.retry=soon rd.shell=perhaps"), declared),
    (error: Error) =>
      /rd\.retry=soon \(accepted: rd\.retry=SECONDS\)/.test(error.message) &&
      /rd\.shell=perhaps \(accepted: rd\.shell=0\|1\)/.test(error.message),
  );
  assert.throws(() => checkParameters(parseCommandLine("rd.retry=-1"), declared), /rd\.retry=-1/);
});

test("a wrong value that a later one overrides does no harm; of a repeated one each counts", () => {
  assert.deepEqual(checkParameters(parseCommandLine("rd.retry=soon rd.retry=5"), declared), []);
  assert.throws(() => checkParameters(parseCommandLine("rd.md.uuid=zz rd.md.uuid=ab"), declared), /rd\.md\.uuid=zz/);
});

test("an unknown rd. name is a warning with the nearest known one; other unknown names are nobody's business", () => {
  const words = parseCommandLine("crashkernel=auto rhgb LANG=en_US.UTF-8 rd.rerty=3 rd.something.else");
  assert.deepEqual(checkParameters(words, declared), [
    "unknown kernel parameter rd.rerty: did you mean rd.retry?",
    "unknown kernel parameter rd.something.else, ignored",
  ]);
});
