import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, parse, resolve } from "node:path";
import { nearest, type Phase, phases, sidePhases } from "../abi/index.js";
import { BuildError, moduleProblem, type Problems, reasonOf } from "./problems.js";
import { project } from "./project.js";

/** A module as it lies on the disk. */
export interface ModuleFolder {
  name: string;
  /** Modules with lower numbers install first. */
  number: number;
  folder: string;
  /** Path of module-setup. */
  setup: string;
  /** Paths of the files of the phases that it takes part in. */
  phases: Partial<Record<Phase, string>>;
  /** Folders of the modules of the same name that it stands for. */
  overrides: readonly string[];
}

/**
 * Where modules lie; one of the same name in a later folder stands for the earlier. Those of the system below `sysroot`, or those of the
 * current directory. Throws BuildError: this one has none.
 */
export function placesOfModules({ sysroot, localModules }: { sysroot: string; localModules: boolean }): string[] {
  const local = resolve("modules.d");
  if (localModules && !existsSync(local))
    throw new BuildError(`there is no directory ${local}: -l takes modules of the current directory`);
  const others = localModules
    ? [local]
    : ["usr/lib", "etc"].map((place) => join(sysroot, place, "firstlight/modules.d"));
  return [...new Set([project.modules, ...others])];
}

/** Is one of these modules the whole system? There is no switch of root then, and the image holds nothing for one. */
export const isWholeSystem = (modules: readonly Pick<ModuleFolder, "phases">[]): boolean =>
  modules.some(({ phases }) => phases.system !== undefined);

const allPhases: readonly Phase[] = [...phases, ...sidePhases];
const namePattern = /^(\d\d)([a-z][\w.+-]*)$/;

/**
 * All modules below these folders, by number and name. Of two with the same name, whatever their numbers, the one of the later folder is taken,
 * and nothing of the other; in one folder they are a problem. A folder that is missing has none; what is hidden there is no module.
 */
export function findModules(folders: readonly string[], problems: Problems): ModuleFolder[] {
  const found = new Map<string, ModuleFolder>();
  for (const folder of folders.filter(existsSync))
    for (const entry of problems.during(() => entriesOf(folder)) ?? []) {
      if (entry.name.startsWith(".") || (!entry.isDirectory() && !entry.isSymbolicLink())) continue;
      const module = problems.during(() => readModuleFolder(folder, entry.name));
      if (!module) continue;
      const other = found.get(module.name);
      if (other && dirname(other.folder) === folder)
        problems.add(`${other.folder} and ${module.folder} are two modules of one name: rename or remove one`);
      found.set(module.name, { ...module, overrides: other ? [...other.overrides, other.folder] : [] });
    }
  return [...found.values()].sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1));
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw new BuildError(`${folder} cannot be read: ${reasonOf(error)}`);
  }
}

/** "95name" is the module `name` with the number 95; undefined: it is none. */
export function parseFolderName(entry: string): Pick<ModuleFolder, "name" | "number"> | undefined {
  const [, digits, name] = namePattern.exec(entry) ?? [];
  return name === undefined ? undefined : { name, number: Number(digits) };
}

/** The module in the folder `entry` of `parent`. Throws BuildError: it is none. */
export function readModuleFolder(parent: string, entry: string): ModuleFolder {
  const folder = join(parent, entry);
  const parsed = parseFolderName(entry);
  if (!parsed)
    throw new BuildError(
      `${folder}: a module's folder has two digits and a name, like 90${entry.replace(/^\d*/, "") || "name"}: rename or remove it`,
    );
  const files = entriesOf(folder).map((file) => file.name);
  const source = (stem: string) => [`${stem}.ts`, `${stem}.js`].find((file) => files.includes(file));
  const setup = source("module-setup");
  if (!setup)
    throw new BuildError(`${folder} has no module-setup.ts: add it (see CONTRIBUTING.md), or remove the folder`);
  const parts = allPhases.flatMap((phase) => {
    const file = source(phase);
    return file === undefined ? [] : [[phase, join(folder, file)] as const];
  });
  return {
    ...parsed,
    folder,
    setup: join(folder, setup),
    phases: Object.fromEntries(parts),
    overrides: [],
  };
}

/** Files that are meant for a phase, but not called as one, would never run: what is wrong with them, one text each. Throws BuildError. */
export function strayFiles({ name: module, folder }: ModuleFolder): string[] {
  const names = entriesOf(folder).flatMap((entry) => (/\.[tj]s$/.test(entry.name) ? [entry.name] : []));
  const texts = new Map(names.map((name) => [name, readSource(join(folder, name))]));
  const isImported = (stem: string) =>
    [...texts].some(([name, text]) => parse(name).name !== stem && text.includes(`/${stem}`));
  return [...texts].flatMap(([name, text]) => {
    const stem = parse(name).name;
    if (stem === "module-setup" || allPhases.some((phase) => phase === stem) || isImported(stem)) return [];
    const close = nearest(stem, allPhases);
    if (!close && !/^export default hook\b/m.test(text)) return [];
    const remedy = close ? `did you mean ${close}?` : `the phases are ${allPhases.join(", ")}`;
    const why = `there is no phase ${stem}, and no file of the module imports this one: ${remedy}`;
    return [moduleProblem(module, join(folder, name), why)];
  });
}

function readSource(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}
