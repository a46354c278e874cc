import assert from "node:assert/strict";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type BundleInput, makeBundle } from "../../../core/generator/bundle.js";
import { findModules } from "../../../core/generator/module-folders.js";
import { createProblems } from "../../../core/generator/problems.js";
import { createEngine } from "../../../core/rehearsal/engine.js";
import type { ParameterDeclaration } from "../../../hooks/module-setup.js";
import { problemsOf, scratchFolder } from "./scratch.js";

/** Stands for the sequencer: keeps the plan that it is started with, and answers questions about it. */
const sequencer = `
export function start(plan) {
  globalThis.look = (path) => JSON.stringify(path.split(" ").reduce((value, key) => value[key], plan));
  globalThis.check = (name, value) => String(plan.parameters[name].validate(JSON.parse(value)));
  globalThis.run = (index, phase) => String(plan.modules[index].hooks[phase].run({ word: "passed" }));
}`;

const parameters: Record<string, ParameterDeclaration> = {
  "rd.size": { schema: { type: "string", pattern: "^[0-9]+[kmg%]?$" }, form: "SIZE[k|m|g|%]" },
  "rd.count": { schema: { type: "integer", minimum: 0, maximum: 9 }, form: "0…9", repeated: true },
  "rd.other": { schema: { type: "integer", minimum: 0, maximum: 9 }, form: "the same schema" },
  "rd.way": { schema: { type: "string", enum: ["up", "down"] }, form: "up|down" },
  "rd.flag": { schema: { type: "boolean" }, form: "0|1" },
  "rd.word": { schema: { type: "string", minLength: 2 }, form: "WORD" },
};

async function prepare(context: TestContext, files: Record<string, string>, input: Partial<BundleInput> = {}) {
  const folder = scratchFolder(context, { "start.ts": sequencer, ...files });
  const modules = findModules([join(folder, "modules.d")], createProblems());
  const entry = join(folder, "start.ts");
  return makeBundle({ modules, parameters: {}, roots: [], kernel: "6.1", hostOnly: false, sequencer: entry, ...input });
}

async function run(code: string) {
  const engine = await createEngine({ memoryPages: 768, stackSize: 256 << 10, interrupt: () => false, functions: {} });
  engine.evaluate(code, "bundle.js");
  return engine;
}

const modules = {
  "modules.d/20two/module-setup.ts": "export default {};",
  "modules.d/20two/mount.ts":
    'import { hook } from "firstlight/hooks";\nimport { word } from "./helper.js";\nexport default hook({ priority: 7, run: (boot) => (word + (boot as unknown as { word: string }).word) as unknown as undefined });\n',
  "modules.d/20two/helper.ts": "export const word: string = 'two';\n",
  "modules.d/10one/module-setup.ts": "export default { never: 'in the image' };",
  "modules.d/10one/cmdline.js":
    "function remembersItsName() { throw new Error('x'); }\nexport default { run() { try { remembersItsName(); } catch (e) { return e.stack; } } };\n",
};

test("sequencer, hooks and plan in one script", async (context) => {
  const roots = [{ form: "x:…", matches: "^x:", module: "one", included: true }];
  const { code } = await prepare(context, modules, { parameters, roots });
  const engine = await run(code);
  const look = (path: string): unknown => JSON.parse(engine.call("look", path));
  assert.deepEqual(look("modules"), [
    { name: "one", hooks: { cmdline: {} } },
    { name: "two", hooks: { mount: { priority: 7 } } },
  ]);
  assert.deepEqual(look("roots"), roots);
  assert.deepEqual(look("parameters rd.count"), { type: "integer", form: "0…9", repeated: true });
  assert.deepEqual(look("parameters rd.flag"), { type: "boolean", form: "0|1" });
  assert.equal((look("build") as { kernel: string }).kernel, "6.1");
  assert.equal(engine.call("run", "1", "mount"), "twopassed");
  assert.doesNotMatch(code, /in the image/, "install sides stay on the host");
});

test("stack traces have functions' names, and the source map leads to their lines", async (context) => {
  const { code, map } = await prepare(context, modules);
  assert.doesNotMatch(code, /^\/\/ |sourceMappingURL|firstlight-test-/m);
  const trace = (await run(code)).call("run", "0", "cmdline");
  const [, line, column] = /remembersItsName \(bundle\.js:(\d+):(\d+)\)/.exec(trace) ?? [];
  assert.ok(line && column, trace);
  const origin = new SourceMap(JSON.parse(map)).findEntry(Number(line) - 1, Number(column) - 1);
  assert.ok("originalSource" in origin);
  assert.match(origin.originalSource, /modules\.d\/10one\/cmdline\.js$/);
  assert.equal(origin.originalLine, 0);
});

test("parameters are checked without ajv, each different schema once", async (context) => {
  const { code } = await prepare(context, {}, { parameters });
  const engine = await run(code);
  const cases: [name: string, value: unknown, fits: boolean][] = [
    ["rd.size", "50%", true],
    ["rd.size", "half", false],
    ["rd.count", 9, true],
    ["rd.count", 10, false],
    ["rd.count", "9", false],
    ["rd.other", -1, false],
    ["rd.way", "up", true],
    ["rd.way", "left", false],
    ["rd.flag", true, true],
    ["rd.flag", "1", false],
    ["rd.word", "ab", true],
    ["rd.word", "a", false],
  ];
  for (const [name, value, fits] of cases)
    assert.equal(engine.call("check", name, JSON.stringify(value)), String(fits), `${name}=${value}`);
  const without = await prepare(
    context,
    {},
    { parameters: Object.fromEntries(Object.entries(parameters).filter(([name]) => name !== "rd.other")) },
  );
  assert.ok(code.length - without.code.length < 100, "the second parameter with the same schema costs its name only");
});

test("same input, same bytes", async (context) => {
  const files = scratchFolder(context, { "start.ts": sequencer, ...modules });
  const make = () =>
    makeBundle({
      modules: findModules([join(files, "modules.d")], createProblems()),
      parameters,
      roots: [],
      kernel: null,
      hostOnly: true,
      sequencer: join(files, "start.ts"),
    });
  assert.deepEqual(await make(), await make());
});

test("a mistake in a hook's source is an error with its line", async (context) => {
  const broken = { ...modules, "modules.d/20two/mount.ts": "export default {\n  run() { return ) }\n};\n" };
  assert.match((await problemsOf(() => prepare(context, broken)))[0] ?? "", /20two\/mount\.ts:2: Unexpected "\)"/);
  const missing = {
    ...modules,
    "modules.d/20two/mount.ts": 'import fs from "node:fs";\nexport default { run: () => fs };\n',
  };
  assert.match(
    (await problemsOf(() => prepare(context, missing)))[0] ?? "",
    /20two\/mount\.ts:1: Could not resolve "node:fs"/,
  );
  const nothing = { ...modules, "modules.d/20two/mount.ts": "export const run = () => {};\n" };
  assert.match(
    (await problemsOf(() => prepare(context, nothing)))[0] ?? "",
    /20two\/mount\.ts: there is no default export: write export default hook\(/,
  );
});
