import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Phase, phases, sidePhases } from "../abi/index.js";
import type { Problems } from "./problems.js";

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

/** Where else modules lie, after firstlight's own; a module of the same name in a later one stands for the earlier. */
export const moduleFolders = ["/usr/lib/firstlight/modules.d", "/etc/firstlight/modules.d"];

const namePattern = /^(\d\d)([a-z][\w.+-]*)$/;

/** All modules below these folders, by number and name. A folder that is missing has none. */
export function findModules(folders: readonly string[], problems: Problems): ModuleFolder[] {
  const found = new Map<string, ModuleFolder>();
  for (const folder of folders)
    for (const entry of entriesOf(folder)) {
      if (!entry.isDirectory() && !entry.isSymbolicLink()) continue;
      const module = readFolder(folder, entry.name, problems);
      if (module) found.set(module.name, module);
    }
  return [...found.values()].sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1));
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function readFolder(parent: string, entry: string, problems: Problems): ModuleFolder | undefined {
  const folder = join(parent, entry);
  const [, digits, name] = namePattern.exec(entry) ?? [];
  if (digits === undefined || name === undefined) {
    problems.add(
      `${folder}: a module's folder has two digits and a name, like 90${entry.replace(/^\d*/, "") || "name"}: rename or remove it`,
    );
    return undefined;
  }
  const files = entriesOf(folder).map((file) => file.name);
  const source = (stem: string) => [`${stem}.ts`, `${stem}.js`].find((file) => files.includes(file));
  const setup = source("module-setup");
  if (!setup) {
    problems.add(`${folder} has no module-setup.ts: add it (see CONTRIBUTING.md), or remove the folder`);
    return undefined;
  }
  const parts = [...phases, ...sidePhases].flatMap((phase) => {
    const file = source(phase);
    return file === undefined ? [] : [[phase, join(folder, file)] as const];
  });
  return { name, number: Number(digits), folder, setup: join(folder, setup), phases: Object.fromEntries(parts) };
}
