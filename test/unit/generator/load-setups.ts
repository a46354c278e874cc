import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { createHostAnswers } from "../../../core/generator/host-answers.js";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { findModules } from "../../../core/generator/module-folders.js";
import { BuildError, createProblems } from "../../../core/generator/problems.js";
import type { SetupLimits } from "../../../core/generator/setup-engine.js";
import type { HostFacts } from "../../../core/generator/setup-guest.js";
import { bundleSetups, loadSetups } from "../../../core/generator/setup-runner.js";
import type { SetupAnswers } from "../../../core/schema/manifest.js";
import { scratchFolder } from "./scratch.js";

export const facts: HostFacts = {
  hostOnly: false,
  staticInit: false,
  kernel: "6.1",
  machine: "x86_64",
  fileSystems: [],
  layers: [],
  modaliases: [],
};

/** A module's source: its setup's body between the import and the export. */
export const source = (body: string) =>
  `import { moduleSetup } from "firstlight/hooks";\n\nexport default moduleSetup({\n${body}\n});\n`;

/** Modules by folder name, and the way to ask them: rejects with what is wrong with the answer. */
export async function load(context: TestContext, setups: Record<string, string>, limits?: SetupLimits, root = "/") {
  const files = Object.entries(setups).map(([name, text]) => [`${name}/module-setup.ts`, text]);
  const folder = scratchFolder(context, Object.fromEntries(files));
  const problems = createProblems();
  const modules = findModules([folder], problems);
  problems.check();
  const answer = createHostAnswers(createHostFiles(root), facts, (name) => name === "ext4");
  const { run: runStep } = await loadSetups(bundleSetups(modules), answer, limits);
  const ask = async <Step extends keyof SetupAnswers>(name: string, step: Step) => {
    const module = modules.find((candidate) => candidate.name === name);
    assert.ok(module);
    const answered = await runStep(module, step);
    if (typeof answered === "object" && "mistakes" in answered && answered.mistakes.length)
      throw new BuildError(...answered.mistakes);
    return answered;
  };
  return { folder, ask };
}
