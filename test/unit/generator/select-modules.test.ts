/** Which modules an image has, and what is known of them. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createHostAnswers } from "../../../core/generator/host-answers.js";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { findModules } from "../../../core/generator/module-folders.js";
import { createProblems } from "../../../core/generator/problems.js";
import type { ModuleWishes } from "../../../core/generator/resolve.js";
import { type ChosenModules, selectModules } from "../../../core/generator/select-modules.js";
import { bundleSetups } from "../../../core/generator/setup-runner.js";
import { facts, source } from "./load-setups.js";
import { keepReport, problemsOf, scratchFolder } from "./scratch.js";

/** Resolves wishes among a few modules: which are taken, and what is wrong. */
async function resolveWishes(context: TestContext, wishes: Partial<ModuleWishes>, more: Record<string, string> = {}) {
  const setups: Record<string, string> = {
    "10low": source(""),
    "50middle": source("  depends: () => ['low'],"),
    "60asked": source(
      "  check: () => 'on-request',\n  depends: () => ['helper'],\n  root: [{ form: 'asked:…', matches: '^asked:' }],",
    ),
    "70helper": source(
      "  check: () => 'on-request',\n  parameters: { 'rd.h': { schema: { type: 'string' }, form: 'TEXT' } },",
    ),
    "80away": source("  check: () => ({ unavailable: 'its program is not installed' }),"),
    ...more,
  };
  const files = Object.entries(setups).map(([name, text]) => [`${name}/module-setup.ts`, text]);
  const problems = createProblems();
  const report = keepReport();
  const modules = findModules([scratchFolder(context, Object.fromEntries(files))], problems);
  const answer = createHostAnswers(createHostFiles(), facts, () => false);
  const known: { chosen: ChosenModules; problems: Promise<readonly string[]> }[] = [];
  const selected = await selectModules(
    bundleSetups(modules),
    { modules: undefined, add: [], force: [], omit: [], ...wishes },
    answer,
    problems,
    report,
    (chosen) => known.push({ chosen, problems: problemsOf(problems.check) }),
  );
  return {
    selected,
    known,
    names: selected.modules.map(({ name }) => name),
    problems: await problemsOf(problems.check),
    report,
  };
}

test("default, -a, -o and -m", async (context) => {
  const names = async (wishes: Partial<ModuleWishes>) => {
    const { names: found, problems } = await resolveWishes(context, wishes);
    assert.deepEqual(problems, []);
    return found;
  };
  assert.deepEqual(await names({}), ["low", "middle"]);
  assert.deepEqual(await names({ add: ["asked"] }), ["low", "middle", "asked", "helper"]);
  assert.deepEqual(await names({ omit: ["middle"] }), ["low"]);
  assert.deepEqual(await names({ modules: ["middle"] }), ["low", "middle"]);
  assert.deepEqual(await names({ modules: [], add: ["helper"] }), ["helper"]);
});

test("what cannot be fulfilled is told, all of it", async (context) => {
  const { problems, report } = await resolveWishes(context, {
    add: ["askd", "away", "asked"],
    omit: ["low", "helper", "lov"],
  });
  assert.deepEqual(problems, [
    "the command line or configuration asks for module askd, which does not exist: did you mean asked?",
    "the command line or configuration asks for module away, which cannot be used: its program is not installed",
    "module asked asks for module helper, which is omitted: keep it, or do without what asks for it",
    "module middle asks for module low, which is omitted: keep it, or do without what asks for it",
  ]);
  assert.deepEqual(report.warnings, ["there is no module lov to omit: did you mean low?"]);
});

test("modules that depend on each other are both taken", async (context) => {
  const { names } = await resolveWishes(
    context,
    { modules: ["one"] },
    { "20one": source("  depends: () => ['two'],"), "30two": source("  depends: () => ['one'],") },
  );
  assert.deepEqual(names, ["one", "two"]);
});

test("parameters come from the image's modules, forms of root= from all", async (context) => {
  const { selected } = await resolveWishes(context, {});
  assert.deepEqual(selected.parameters, {});
  assert.deepEqual(selected.roots, [{ form: "asked:…", matches: "^asked:", module: "asked", included: false }]);
  const added = await resolveWishes(context, { add: ["asked"] });
  assert.deepEqual(Object.keys(added.selected.parameters), ["rd.h"]);
  assert.equal(added.selected.roots[0]?.included, true);
});

test("what boot code depends on is known before modules are asked what the image is to hold", async (context) => {
  const fails = source("  depends: () => ['helper'],\n  install: () => { throw new Error('no disk') },");
  const { selected, problems, known } = await resolveWishes(context, { modules: ["fails"] }, { "90fails": fails });
  assert.match(problems.join(), /no disk/);
  assert.deepEqual(
    selected.modules.map(({ name }) => name),
    ["helper"],
  );
  const [{ chosen, problems: before } = {}, ...more] = known;
  assert.deepEqual(more, []);
  assert.deepEqual(await before, []);
  assert.deepEqual(
    chosen?.modules.map(({ name, depends }) => [name, depends]),
    [
      ["helper", []],
      ["fails", ["helper"]],
    ],
  );
  assert.deepEqual([chosen?.parameters, chosen?.roots], [selected.parameters, selected.roots]);
  assert.deepEqual(Object.keys(selected.parameters), ["rd.h"]);
});

test("two modules may not mean different things by one parameter", async (context) => {
  const declare = (form: string) =>
    source(`  parameters: { 'rd.h': { schema: { type: 'string' }, form: '${form}' } },`);
  const same = await resolveWishes(context, { add: ["helper"] }, { "90same": declare("TEXT") });
  assert.deepEqual(same.problems, []);
  const other = await resolveWishes(context, { add: ["helper"] }, { "90other": declare("NUMBER") });
  assert.match(
    other.problems[0] ?? "",
    /90other\/module-setup\.ts:4: it declares rd\.h otherwise than module helper does/,
  );
});

test("a parameter's schema that ajv refuses is the module's mistake", async (context) => {
  const printed: unknown[] = [];
  for (const method of ["log", "warn", "error"] as const)
    context.mock.method(console, method, (...words: unknown[]) => printed.push(words));
  const declare = (schema: string) => ({
    "95mine": source(`  parameters: { 'rd.mine': { schema: ${schema}, form: 'X' } },`),
  });
  for (const [schema, reason] of [
    ["{ type: 'integer', enum: [1, 1] }", /: parameters\/rd.mine\/schema\/enum must NOT have duplicate items/],
    ["{ type: 'string', minimum: 1 }", /: the schema of parameter rd\.mine cannot be used: .*missing type .*minimum/],
  ] as const) {
    const { problems, selected } = await resolveWishes(context, {}, declare(schema));
    assert.match(problems[0] ?? "", /95mine\/module-setup\.ts:4: /);
    assert.match(problems[0] ?? "", reason);
    assert.deepEqual(selected.parameters, {});
  }
  assert.deepEqual(printed, []);
});
