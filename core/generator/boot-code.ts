import type { BootPlan } from "../sequencer/plan.js";
import { makeBundle } from "./bundle.js";
import type { Bundled } from "./esbuild.js";
import { forbiddenImports } from "./module-imports.js";
import { BuildError, createProblems } from "./problems.js";
import type { ChosenModules } from "./select-modules.js";
import { makeSnapshot } from "./snapshot.js";

/** What PID 1 runs, and the engine that has loaded it. */
export type BootCode = Bundled & { snapshot: Buffer };

/**
 * Bundle and snapshot of the modules' hooks. Throws BuildError: where they cannot be made, each module is tried by itself, so that all that is
 * wrong is told. `kernel`: release; undefined: the image is for no kernel in particular. `ownParameters`: of a static init.
 */
export async function makeBootCode(
  chosen: ChosenModules,
  kernel: string | undefined,
  hostOnly: boolean,
  ownParameters?: BootPlan["ownParameters"],
): Promise<BootCode> {
  const make = async (modules: ChosenModules["modules"]): Promise<BootCode> => {
    const bundled = await makeBundle({ ...chosen, modules, kernel: kernel ?? null, hostOnly, ownParameters });
    const forbidden = forbiddenImports(bundled.imports, chosen.modules);
    if (forbidden.length) throw new BuildError(...forbidden);
    return { ...bundled, snapshot: await makeSnapshot(bundled, modules) };
  };
  try {
    return await make(chosen.modules);
  } catch (error) {
    const problems = createProblems();
    for (const module of chosen.modules) await problems.later(make([module]));
    problems.check();
    throw error;
  }
}
