import { nearest } from "../abi/index.js";
import type { ModuleFolder } from "./module-folders.js";
import type { Problems, Report } from "./problems.js";
import type { RunStep } from "./setup-runner.js";

/** Which modules a person asked for. */
export interface ModuleWishes {
  /** If given, these only, with what they depend on. */
  modules: readonly string[] | undefined;
  add: readonly string[];
  /** Added even if they say that they cannot be used. */
  force: readonly string[];
  omit: readonly string[];
}

/** A module, and the names of those that it says it depends on; undefined: it could not say. */
export type ResolvedModule = ModuleFolder & { depends: readonly string[] | undefined };

/** The modules of the image, in order of their numbers. What cannot be fulfilled is a problem. */
export async function resolveModules(
  available: readonly ModuleFolder[],
  wishes: ModuleWishes,
  runStep: RunStep,
  problems: Problems,
  report: Report,
): Promise<ResolvedModule[]> {
  const byName = new Map(available.map((module) => [module.name, module]));
  const omitted = new Set(wishes.omit);
  const forced = new Set(wishes.force);
  /** Chosen modules, who asked for each, and what it depends on. */
  const chosen = new Map<string, { asker: string; depends: readonly string[] | undefined }>();

  const didYouMean = (name: string) => {
    const close = nearest(name, byName.keys());
    return close ? `did you mean ${close}?` : "mkinitrd --list-modules shows all";
  };

  /** Why a module cannot be in the image; undefined: it can. */
  async function obstacle(name: string): Promise<string | undefined> {
    const module = byName.get(name);
    if (!module) return `does not exist: ${didYouMean(name)}`;
    if (omitted.has(name)) return "is omitted: keep it, or do without what asks for it";
    if (forced.has(name)) return undefined;
    const answer = await problems.later(runStep(module, "check"));
    return typeof answer === "object" ? `cannot be used: ${answer.unavailable}` : undefined;
  }

  async function choose(name: string, asker: string): Promise<void> {
    if (chosen.has(name)) return;
    const reason = await obstacle(name);
    const module = byName.get(name);
    if (module && !reason) await include(module, asker);
    else problems.add(`${asker} asks for module ${name}, which ${reason}`);
  }

  async function include(module: ModuleFolder, asker: string): Promise<void> {
    if (chosen.has(module.name)) return;
    // Before its dependencies: two may depend on each other.
    chosen.set(module.name, { asker, depends: undefined });
    const depends = await problems.later(runStep(module, "depends"));
    chosen.set(module.name, { asker, depends });
    for (const dependency of depends ?? []) await choose(dependency, `module ${module.name}`);
  }

  for (const name of omitted)
    if (!byName.has(name)) report.warning(`there is no module ${name} to omit: ${didYouMean(name)}`);
  for (const name of [...(wishes.modules ?? []), ...wishes.add, ...forced])
    await choose(name, "the command line or configuration");
  if (!wishes.modules)
    for (const module of available) {
      if (omitted.has(module.name) || chosen.has(module.name)) continue;
      const answer = await problems.later(runStep(module, "check"));
      if (answer === "include") await include(module, "default");
      else if (typeof answer === "object") report.note(`module ${module.name} is left out: ${answer.unavailable}`);
    }
  return available.flatMap((module) => {
    const choice = chosen.get(module.name);
    if (!choice) return [];
    report.note(`module ${String(module.number).padStart(2, "0")}${module.name} (${choice.asker})`);
    return { ...module, depends: choice.depends };
  });
}
