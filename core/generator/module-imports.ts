import type { SourceImport } from "./esbuild.js";
import type { ModuleFolder } from "./module-folders.js";
import { moduleProblem } from "./problems.js";
import { project } from "./project.js";
import { placeOfText } from "./source-places.js";

/** A module, and the names of those that it depends on. */
export type DependingModule = Pick<ModuleFolder, "name" | "folder"> & { depends: readonly string[] };

/**
 * A module's files may import firstlight/hooks, each other, and files of a module that its `depends` names: another one may be missing, or be
 * overridden. Gives what is wrong with the imports of these modules, one text each.
 */
export function forbiddenImports(imports: readonly SourceImport[], modules: readonly DependingModule[]): string[] {
  const ownerOf = (path: string) => modules.find(({ folder }) => path.startsWith(`${folder}/`));
  return imports.flatMap(({ file, specifier, target }) => {
    const importer = ownerOf(file);
    const owner = ownerOf(target);
    if (!importer || target === project.hooks || owner === importer) return [];
    if (owner && importer.depends.includes(owner.name)) return [];
    const why = owner
      ? `that is a file of the module ${owner.name}, which depends does not name`
      : 'a module\'s files import "firstlight/hooks", each other, and those of modules that its depends names';
    return [moduleProblem(importer.name, placeOfText(file, specifier), `import of ${specifier}: ${why}`)];
  });
}
