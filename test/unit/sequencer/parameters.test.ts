import assert from "node:assert/strict";
import { test } from "node:test";
import { checkParameters, createParameters, parseCommandLine } from "../../../core/sequencer/parameters.js";
import type { PlannedParameter } from "../../../core/sequencer/plan.js";
import type { BootError } from "../../../hooks/index.js";

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
  assert.deepEqual(pairs('open="never closed'), [["open", "never closed"]]);
  assert.deepEqual(pairs("  \t\n\v\f\r "), []);
});

test("odd quotes and equals signs, each as the kernel's next_arg leaves it", () => {
  const odd: [text: string, name: string, value: string | undefined][] = [
    ["a=", "a", ""],
    ['a=""', "a", ""],
    ['a="', "a", ""],
    ["a=b=c", "a", "b=c"],
    ["=b", "=b", undefined],
    ["=b=c", "=b", "c"],
    ['"', "", undefined],
    ['"a b"', "a b", undefined],
    ['"a b"c', 'a b"c', undefined],
    ['a="b"c', "a", 'b"c'],
    ['a="b"c"', "a", 'b"c'],
    ['a=b"c d"', "a", 'b"c d"'],
    ['a"b c"=d', 'a"b c"', "d"],
    ['"a="x""', "a", 'x"'],
    ['"a=b"c d"', "a", 'b"c'],
    ["a='b", "a", "'b"],
    ["a=\\x20b", "a", "\\x20b"],
  ];
  for (const [text, name, value] of odd) {
    const [first] = parseCommandLine(text);
    assert.deepEqual([first?.name, first?.value], [name, value], text);
  }
});

test("only ASCII's blanks part words: letters keep all of their bytes, and bytes that are no letter stay", () => {
  assert.deepEqual(pairs("root=LABEL=\u00a0à\u3000\ufeff\u2028 x=\udca0\udcff"), [
    ["root", "LABEL=\u00a0à\u3000\ufeff\u2028"],
    ["x", "\udca0\udcff"],
  ]);
});

test("a boot configuration's values as the kernel writes them (kernel.* in front, init.* behind --)", () => {
  assert.deepEqual(pairs('root="LABEL=a b" rd.driver.pre="a" rd.driver.pre="b" BOOT_IMAGE=/v ro -- systemd.x="1"'), [
    ["root", "LABEL=a b"],
    ["rd.driver.pre", "a"],
    ["rd.driver.pre", "b"],
    ["BOOT_IMAGE", "/v"],
    ["ro", undefined],
  ]);
});

test("what follows -- is init's", () => {
  assert.deepEqual(pairs("ro -- rd.break root=x"), [["ro", undefined]]);
  assert.deepEqual(pairs('ro "--" x'), [["ro", undefined]]);
  assert.deepEqual(pairs("--x --= ---"), [
    ["--x", undefined],
    ["--", ""],
    ["---", undefined],
  ]);
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

test("what dracut takes for no, and for yes", () => {
  const flag = (text: string) => createParameters(parseCommandLine(text)).flag("rd.x", true);
  for (const no of ["0", "no", "off", "false", "No", "OFF"]) assert.equal(flag(`rd.x=${no}`), false, no);
  for (const yes of ["=1", "=yes", "=on", "=true", ""]) assert.equal(flag(`rd.x${yes}`), true, yes);
  assert.equal(flag("rd.x=0 rd.x"), true, "the last one wins, bare or not");
});

test("a number that is none counts as not given", () => {
  const values = ["soon", "", "1e3", "0x10", "Infinity", "9".repeat(30), "9".repeat(400), "-", "--1", " 1"];
  for (const value of values)
    assert.equal(createParameters([{ name: "rd.n", value }]).number("rd.n", 5), 5, JSON.stringify(value));
  assert.equal(createParameters([{ name: "panic", value: "-1" }]).number("panic", 5), -1);
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
  for (const value of ["-1", "", "1e999", "9".repeat(400)])
    assert.throws(() => checkParameters(parseCommandLine(`rd.retry=${value}`), declared), /wrong value .*rd\.retry=/);
});

test("a wrong value that a later one overrides does no harm; of a repeated one each counts", () => {
  assert.deepEqual(checkParameters(parseCommandLine("rd.retry=soon rd.retry=5"), declared), []);
  assert.throws(() => checkParameters(parseCommandLine("rd.md.uuid=zz rd.md.uuid=ab"), declared), /rd\.md\.uuid=zz/);
});

test("an unknown rd. name is a warning with the nearest known one; other unknown names are nobody's business", () => {
  const own = parseCommandLine("rd.shel").map((word) => ({ ...word, file: "/etc/cmdline" }));
  assert.deepEqual(checkParameters(own, declared), [
    "unknown kernel parameter rd.shel in the image's /etc/cmdline: did you mean rd.shell?",
  ]);
  const words = parseCommandLine("crashkernel=auto rhgb LANG=en_US.UTF-8 rd.rerty=3 rd.something.else");
  assert.deepEqual(checkParameters(words, declared), [
    "unknown kernel parameter rd.rerty: did you mean rd.retry?",
    "unknown kernel parameter rd.something.else, ignored",
  ]);
});

test("a wrong value out of the image: the file, and another remedy", () => {
  const words = [{ name: "rd.retry", value: "soon", file: "/etc/cmdline.d/10-a.conf" }];
  assert.throws(
    () => checkParameters(words, declared),
    ({ message, remedy }: BootError) =>
      /rd\.retry=soon in the image's \/etc\/cmdline\.d\/10-a\.conf \(accepted/.test(message) &&
      /^Build the image anew/.test(remedy),
  );
  assert.deepEqual(
    checkParameters([...words, { name: "rd.retry", value: "5" }], declared),
    [],
    "the boot loader's wins",
  );
});

test("names that every JavaScript object has are no parameters of ours", () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    assert.deepEqual(checkParameters(parseCommandLine(`${name}=1 ${name}`), declared), []);
    assert.throws(() => checkParameters(parseCommandLine(`rd.shell=${name}`), declared), /wrong value/);
  }
});

test("values of several parameters are in the order of the command line, bare ones without any", () => {
  const parameters = createParameters(parseCommandLine("b=2 a=1 c b a= b=3"));
  assert.deepEqual(parameters.inOrder(["a", "b"]), [
    { name: "b", value: "2" },
    { name: "a", value: "1" },
    { name: "b", value: undefined },
    { name: "a", value: "" },
    { name: "b", value: "3" },
  ]);
});
