import type { ParameterDeclaration, RootForm } from "../../hooks/module-setup.js";
import type { ModuleDeclaration, ModuleInstallation } from "../schema/manifest.js";
import { schemaMistake } from "../schema/parameters.js";
import type { AnswerHost } from "./host-answers.js";
import type { ModuleFolder } from "./module-folders.js";
import type { Problems, Report } from "./problems.js";
import { type ModuleWishes, resolveModules } from "./resolve.js";
import { loadSetups } from "./setup-runner.js";

/** The modules of an image and what they ask for. */
export interface SelectedModules {
  /** In order of their numbers. */
  modules: readonly (ModuleFolder & ModuleInstallation)[];
  /** Of the modules in the image. */
  parameters: Record<string, ParameterDeclaration>;
  /** Of all modules. */
  roots: (RootForm & { module: string; included: boolean })[];
}

/** Loads all modules' setups, resolves which are wanted, and asks those what they need. Mistakes of modules are gathered. */
export async function selectModules(
  available: readonly ModuleFolder[],
  wishes: ModuleWishes,
  answer: AnswerHost,
  problems: Problems,
  report: Report,
): Promise<SelectedModules> {
  const runStep = await loadSetups(available, answer);
  const chosen = resolveModules(available, wishes, runStep, problems, report);
  const declared = available.map((module) => {
    const declaration = problems.during(() => runStep(module, "declare")) ?? { parameters: {}, root: [] };
    return { module, declaration, included: chosen.includes(module) };
  });
  return {
    modules: chosen.flatMap((module) => {
      const installation = problems.during(() => runStep(module, "install"));
      return installation ? [{ ...module, ...installation }] : [];
    }),
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
      const other = parameters[name];
      if (other && JSON.stringify(other) !== JSON.stringify(parameter))
        problems.add(
          `${module.setup}: declares ${name} otherwise than module ${owners.get(name)} does: leave one of them out`,
        );
      const mistake = schemaMistake(parameter.schema);
      if (mistake !== undefined) {
        problems.add(`${module.setup}: the schema of parameter ${name} cannot be used: ${mistake}`);
        continue;
      }
      owners.set(name, module.name);
      parameters[name] = parameter;
    }
  return parameters;
}
