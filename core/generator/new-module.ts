import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { findModules, parseFolderName, placesOfModules } from "./module-folders.js";
import { BuildError, createProblems, reasonOf } from "./problems.js";
import { project } from "./project.js";

/** For a name without a number: in the middle. */
const usualNumber = 50;
/** What the template's module is called, in its sources. */
const templateName = /\bexample\b/g;

/**
 * Writes a module's folder from the template, below `parent`, which is made if need be; gives its path. `name` may have a number before it: "95name".
 * Throws BuildError: the name cannot be used, there is such a module, or the folder cannot be written; nothing is left then.
 */
export function newModule(name: string, parent: string): string {
  const entry = /^\d/.test(name) ? name : `${usualNumber}${name}`;
  const parsed = parseFolderName(entry);
  if (!parsed)
    throw new BuildError(
      `${name} cannot be a module's name: it is a small letter, and then letters, digits, and _ . + -; before it may stand a number of two digits, as in 95name`,
    );
  const folder = join(resolve(parent), entry);
  const places = [...placesOfModules({ sysroot: "/", localModules: false }), resolve(parent)];
  const same = findModules([...new Set(places)], createProblems()).find((module) => module.name === parsed.name);
  if (same)
    throw new BuildError(
      `there is a module ${parsed.name} already, ${same.folder}: choose another name, or copy that folder to override it`,
    );
  if (existsSync(folder)) throw new BuildError(`${folder} is there already: choose another name, or remove it`);
  writeFolder(folder, resolve(parent), parsed.name);
  return folder;
}

/** Beside its place, and then in one step into it. */
function writeFolder(folder: string, parent: string, name: string): void {
  let draft: string | undefined;
  try {
    mkdirSync(parent, { recursive: true });
    draft = mkdtempSync(join(parent, ".new-"));
    const written = join(draft, "module");
    mkdirSync(written);
    for (const file of readdirSync(project.template)) {
      const text = readFileSync(join(project.template, file), "utf8");
      writeFileSync(join(written, file), text.replaceAll(templateName, name));
    }
    renameSync(written, folder);
  } catch (error) {
    throw new BuildError(
      `${folder} cannot be written: ${reasonOf(error)}: choose a folder that you may write with --dir, or do it as root`,
    );
  } finally {
    if (draft !== undefined) rmSync(draft, { recursive: true, force: true });
  }
}
