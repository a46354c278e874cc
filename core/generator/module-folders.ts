import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Phase, phases, sidePhases } from "../abi/index.js";
import { BuildError, type Problems, reasonOf } from "./problems.js";
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

const namePattern = /^(\d\d)([a-z][\w.+-]*)$/;

/** All modules below these folders, by number and name. A folder that is missing has none. */
export function findModules(folders: readonly string[], problems: Problems): ModuleFolder[] {
  const found = new Map<string, ModuleFolder>();
  for (const folder of folders.filter(existsSync))
    for (const entry of problems.during(() => entriesOf(folder)) ?? []) {
      if (!entry.isDirectory() && !entry.isSymbolicLink()) continue;
      const module = problems.during(() => readFolder(folder, entry.name));
      if (module) found.set(module.name, module);
    }
  return [...found.values()].sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1));
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw new BuildError(`${folder} cannot be read: ${reasonOf(error)}`);
  }
}

function readFolder(parent: string, entry: string): ModuleFolder {
  const folder = join(parent, entry);
  const [, digits, name] = namePattern.exec(entry) ?? [];
  if (digits === undefined || name === undefined)
    throw new BuildError(
      `${folder}: a module's folder has two digits and a name, like 90${entry.replace(/^\d*/, "") || "name"}: rename or remove it`,
    );
  const files = entriesOf(folder).map((file) => file.name);
  const source = (stem: string) => [`${stem}.ts`, `${stem}.js`].find((file) => files.includes(file));
  const setup = source("module-setup");
  if (!setup)
    throw new BuildError(`${folder} has no module-setup.ts: add it (see CONTRIBUTING.md), or remove the folder`);
  const parts = [...phases, ...sidePhases].flatMap((phase) => {
    const file = source(phase);
    return file === undefined ? [] : [[phase, join(folder, file)] as const];
  });
  return { name, number: Number(digits), folder, setup: join(folder, setup), phases: Object.fromEntries(parts) };
}
