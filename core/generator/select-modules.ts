import type { ParameterDeclaration, RootForm } from "../../hooks/module-setup.js";
import type { ModuleDeclaration, ModuleInstallation } from "../schema/manifest.js";
import { schemaMistake } from "../schema/parameters.js";
import type { AnswerHost } from "./host-answers.js";
import { type ModuleFolder, strayFiles } from "./module-folders.js";
import { forbiddenImports } from "./module-imports.js";
import { createProblems, moduleProblem, type Problems, type Report } from "./problems.js";
import { type ModuleWishes, resolveModules } from "./resolve.js";
import { loadSetups, type SetupBundles } from "./setup-runner.js";
import { placeOfKey } from "./source-places.js";

/** The modules of an image and what they ask for. */
export interface SelectedModules {
  /** In order of their numbers. */
  modules: readonly (ModuleFolder & ModuleInstallation & { depends: readonly string[] })[];
  /** Of the modules in the image. */
  parameters: Record<string, ParameterDeclaration>;
  /** Of all modules. */
  roots: (RootForm & { module: string; included: boolean })[];
}

/** Loads all modules' setups, resolves which are wanted, and asks those what they need. Mistakes of modules are gathered. */
export async function selectModules(
  setups: SetupBundles,
  wishes: ModuleWishes,
  answer: AnswerHost,
  problems: Problems,
  report: Report,
): Promise<SelectedModules> {
  const { modules: available } = setups;
  const { run: runStep, imports } = await loadSetups(setups, answer);
  const chosen = await resolveModules(available, wishes, runStep, problems, report);
  const declared: { module: ModuleFolder; declaration: ModuleDeclaration; included: boolean }[] = [];
  for (const module of available) {
    // A module may be omitted because it is faulty.
    const sink = wishes.omit.includes(module.name) ? createProblems() : problems;
    const declaration = (await sink.later(runStep(module, "declare"))) ?? { parameters: {}, root: [] };
    declared.push({ module, declaration, included: chosen.includes(module) });
  }
  const modules: SelectedModules["modules"][number][] = [];
  for (const module of chosen) {
    for (const problem of problems.during(() => strayFiles(module)) ?? []) problems.add(problem);
    const installation = await problems.later(runStep(module, "install"));
    for (const mistake of installation?.mistakes ?? []) problems.add(mistake);
    const depends = await problems.later(runStep(module, "depends"));
    if (installation && depends) modules.push({ ...module, ...installation, depends });
  }
  for (const problem of forbiddenImports(imports, modules)) problems.add(problem);
  return {
    modules,
    parameters: mergeParameters(
      declared.filter(({ included }) => included),
      problems,
    ),
    roots: declared.flatMap(({ module, declaration, included }) =>
      declaration.root.map((form) => ({ ...form, module: module.name, included })),
    ),
  };
}

/** Two modules may declare the same parameter only if they mean the same. */
function mergeParameters(
  declared: readonly { module: ModuleFolder; declaration: ModuleDeclaration }[],
  problems: Problems,
): Record<string, ParameterDeclaration> {
  const owners = new Map<string, string>();
  const parameters: Record<string, ParameterDeclaration> = {};
  for (const { module, declaration } of declared)
    for (const [name, parameter] of Object.entries(declaration.parameters)) {
      const complain = (why: string) => problems.add(moduleProblem(module.name, placeOfKey(module.setup, name), why));
      const other = parameters[name];
      if (other && JSON.stringify(other) !== JSON.stringify(parameter))
        complain(`it declares ${name} otherwise than module ${owners.get(name)} does`);
      const mistake = schemaMistake(parameter.schema);
      if (mistake !== undefined) {
        complain(`the schema of parameter ${name} cannot be used: ${mistake}`);
        continue;
      }
      owners.set(name, module.name);
      parameters[name] = parameter;
    }
  return parameters;
}
