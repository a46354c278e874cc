import assert from "node:assert/strict";
import { makeBundle } from "../../core/generator/bundle.js";
import { findModules } from "../../core/generator/module-folders.js";
import { createProblems } from "../../core/generator/problems.js";
import { project } from "../../core/generator/project.js";
import { selectModules } from "../../core/generator/select-modules.js";
import { bundleSetups } from "../../core/generator/setup-runner.js";

/** The bundle of a generic image with our default modules and those named, built on a host that has every program and file. */
export async function bundleWith(modules: { add: readonly string[]; folders?: readonly string[] }): Promise<string> {
  const problems = createProblems();
  const facts = { hostOnly: false, kernel: "6.1.0", machine: "x86_64", fileSystems: [], layers: [], modaliases: [] };
  const selected = await selectModules(
    bundleSetups(findModules([project.modules, ...(modules.folders ?? [])], problems)),
    { modules: undefined, add: modules.add, force: [], omit: [] },
    (question, argument) => (question === "facts" ? facts : question === "findProgram" ? `/usr/bin/${argument}` : null),
    problems,
    { warning: (text) => assert.fail(text), note: () => {} },
  );
  problems.check();
  return (await makeBundle({ ...selected, kernel: "6.1.0", hostOnly: false })).code;
}
