import { setImmediate } from "node:timers/promises";
import type { ParameterDeclaration, RootForm } from "../../hooks/module-setup.js";
import type { ModuleDeclaration, ModuleInstallation } from "../schema/manifest.js";
import { schemaMistake } from "../schema/parameters.js";
import type { AnswerHost } from "./host-answers.js";
import { type ModuleFolder, strayFiles } from "./module-folders.js";
import { forbiddenImports } from "./module-imports.js";
import { createProblems, moduleProblem, type Problems, type Report } from "./problems.js";
import { type ModuleWishes, type ResolvedModule, resolveModules } from "./resolve.js";
import { loadSetups, type RunStep, type SetupBundles } from "./setup-runner.js";
import { placeOfKey } from "./source-places.js";

/** The modules of an image, as far as its boot code depends on them. */
export interface ChosenModules {
  /** In order of their numbers, without those that could not say what they depend on. */
  modules: readonly (ModuleFolder & { depends: readonly string[] })[];
  /** Of the modules in the image. */
  parameters: Record<string, ParameterDeclaration>;
  /** Of all modules. */
  roots: (RootForm & { module: string; included: boolean })[];
}

/** The same, and what they ask for. */
export interface SelectedModules extends ChosenModules {
  modules: readonly (ChosenModules["modules"][number] & ModuleInstallation)[];
}

/**
 * Loads all modules' setups, resolves which are wanted, and asks those what they need. Mistakes of modules are gathered. `known` is called before they are
 * asked what the image is to hold, which takes longest: what does not depend on that can begin.
 */
export async function selectModules(
  setups: SetupBundles,
  wishes: ModuleWishes,
  answer: AnswerHost,
  problems: Problems,
  report: Report,
  known: (chosen: ChosenModules) => void = () => {},
): Promise<SelectedModules> {
  const { run: runStep, imports } = await loadSetups(setups, answer);
  const declare = declarer(runStep);
  const resolved = await resolveModules(setups.modules, wishes, declare.whenChecked, problems, report);
  const declarations = await declared(setups, wishes, resolved, declare.ask, problems);
  known({ modules: resolved.filter(isKnown), ...declarations });
  const modules: SelectedModules["modules"][number][] = [];
  for (const module of resolved) {
    // What `known` has begun gets its answers between two modules: asking one occupies this thread.
    await setImmediate();
    for (const problem of problems.during(() => strayFiles(module)) ?? []) problems.add(problem);
    const installation = await problems.later(runStep(module, "install"));
    for (const mistake of installation?.mistakes ?? []) problems.add(mistake);
    if (installation && isKnown(module)) modules.push({ ...module, ...installation });
  }
  for (const problem of forbiddenImports(imports, modules)) problems.add(problem);
  return { ...declarations, modules };
}

const isKnown = (module: ResolvedModule): module is ChosenModules["modules"][number] => module.depends !== undefined;

type Declare = (module: ModuleFolder) => Promise<ModuleDeclaration>;

/** A setup's turn is dear: what it declares is asked as soon as it has been checked. What is wrong with it is told to who asks. */
function declarer(runStep: RunStep): { ask: Declare; whenChecked: RunStep } {
  const asked = new Map<ModuleFolder, Promise<ModuleDeclaration>>();
  const ask: Declare = (module) => {
    const answer = asked.get(module) ?? runStep(module, "declare");
    asked.set(module, answer);
    return answer;
  };
  const whenChecked: RunStep = async (module, step) => {
    const answer = await runStep(module, step);
    if (step === "check") await ask(module).catch(() => undefined);
    return answer;
  };
  return { ask, whenChecked };
}

/** Of all modules, whether they are in the image or not. */
async function declared(
  { modules: available }: SetupBundles,
  wishes: ModuleWishes,
  chosen: readonly ModuleFolder[],
  declare: Declare,
  problems: Problems,
): Promise<Pick<ChosenModules, "parameters" | "roots">> {
  const names = new Set(chosen.map(({ name }) => name));
  const all: { module: ModuleFolder; declaration: ModuleDeclaration; included: boolean }[] = [];
  for (const module of available) {
    // A module may be omitted because it is faulty.
    const sink = wishes.omit.includes(module.name) ? createProblems() : problems;
    const declaration = (await sink.later(declare(module))) ?? { parameters: {}, root: [] };
    all.push({ module, declaration, included: names.has(module.name) });
  }
  return {
    parameters: mergeParameters(
      all.filter(({ included }) => included),
      problems,
    ),
    roots: all.flatMap(({ module, declaration, included }) =>
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
