import { SourceMap } from "node:module";
import { compileEngine } from "../rehearsal/engine.js";
import type { SetupAnswers } from "../schema/manifest.js";
import { type Bundled, bundleForQuickJs } from "./esbuild.js";
import type { AnswerHost } from "./host-answers.js";
import type { ModuleFolder } from "./module-folders.js";
import { BuildError, createProblems } from "./problems.js";
import { project } from "./project.js";
import { type AskSetup, loadScript, openSetup, type SetupLimits } from "./setup-engine.js";

const defaultLimits: SetupLimits = { step: 5000, memoryPages: 2048 };

/**
 * Asks a module's setup for one step. Rejects with BuildError: it threw, took too long or too much memory, or answered nonsense. One question at a time.
 */
export type RunStep = <Step extends keyof SetupAnswers>(
  module: ModuleFolder,
  step: Step,
) => Promise<SetupAnswers[Step]>;

/** All module-setups. */
export interface Setups {
  run: RunStep;
  /** What they import, of those that could be bundled. */
  imports: Bundled["imports"];
}

/** Module-setups, while they are being bundled. */
export interface SetupBundles {
  modules: readonly ModuleFolder[];
  groups: Promise<readonly BundledGroup[]>;
}

/** Begins to bundle the module-setups, and to compile the engine that will run them: both work while something else is done. */
export function bundleSetups(modules: readonly ModuleFolder[]): SetupBundles {
  // Who then creates an engine is told.
  compileEngine().catch(() => undefined);
  const groups = Array.from({ length: Math.ceil(modules.length / groupSize) }, (_, index) =>
    modules.slice(index * groupSize, (index + 1) * groupSize),
  );
  const bundled = Promise.all(groups.map(bundleGroup));
  // Who no longer wants them does not wait for them, either.
  bundled.catch(() => undefined);
  return { modules, groups: bundled };
}

/**
 * Gives each module-setup a memory of its own: what one does to its globals is no other's concern. One that cannot be bundled or loaded does not keep the
 * others from being asked; the BuildError, with file and line, comes when it is asked itself.
 */
export async function loadSetups(
  { groups }: SetupBundles,
  answer: AnswerHost,
  limits: SetupLimits = defaultLimits,
): Promise<Setups> {
  /** By the module's folder. */
  const asks = new Map<string, AskSetup>();
  const bundles = await groups;
  for (const { good, bundled, failed } of bundles) {
    for (const { module, error } of failed) asks.set(module.folder, () => Promise.reject(error));
    const sources = new SourceMap(JSON.parse(bundled.map));
    const script = await loadScript(bundled.code, answer, limits);
    for (const module of good) asks.set(module.folder, openSetup({ module, script, sources }));
  }
  return {
    imports: bundles.flatMap(({ bundled }) => bundled.imports),
    run: async (module, step) => {
      const ask = asks.get(module.folder);
      if (!ask) throw new Error(`${module.folder} was not loaded`);
      return (await ask(step)) as SetupAnswers[typeof step];
    },
  };
}

/** Setups of one script. Whenever another one's turn comes, the memory that has loaded them all is looked through. */
const groupSize = 48;

interface BundledGroup {
  good: readonly ModuleFolder[];
  bundled: Bundled;
  failed: { module: ModuleFolder; error: BuildError }[];
}

/** In one go; where that fails, each alone tells which are at fault, and all that is wrong with them. */
async function bundleGroup(modules: readonly ModuleFolder[]): Promise<BundledGroup> {
  try {
    return { good: modules, bundled: await bundleForQuickJs(entryFor(modules)), failed: [] };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
  }
  const failed: BundledGroup["failed"] = [];
  for (const module of modules) {
    const problems = createProblems();
    await problems.later(bundleForQuickJs(entryFor([module])));
    try {
      problems.check();
    } catch (error) {
      failed.push({ module, error: error as BuildError });
    }
  }
  const good = modules.filter((module) => !failed.some((one) => one.module === module));
  return { good, bundled: await bundleForQuickJs(entryFor(good)), failed };
}

function entryFor(modules: readonly ModuleFolder[]): string {
  const members = modules.map(({ name, setup }) => `${JSON.stringify(name)}: () => require(${JSON.stringify(setup)})`);
  return `import { serve } from ${JSON.stringify(project.setupGuest)};\nserve({ ${members.join(", ")} });`;
}
