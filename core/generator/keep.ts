import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bundled } from "./esbuild.js";
import { BuildError, reasonOf } from "./problems.js";
import type { SelectedModules } from "./select-modules.js";
import type { Entry, Tree } from "./tree.js";

/** What an image is made of. */
export interface ImageParts {
  tree: Tree;
  modules: SelectedModules["modules"];
  /** undefined: there is no boot code in it, or it could not be bundled. */
  bundled: Bundled | undefined;
}

/**
 * Writes down what an image is made of, for those who look for a mistake: every path with who brought it and where it is from, what each
 * module has asked for, and the boot code with its source map. Result: the new directory, in `parent`. Throws BuildError.
 */
export function keepParts(parent: string, { tree, modules, bundled }: ImageParts): string {
  const lines = tree.entries().map(([path, entry]) => `/${path}\t${tree.bringerOf(path) ?? "-"}\t${sourceOf(entry)}\n`);
  const asked = modules.map(({ name, folder, cmdline, requests }) => ({ name, folder, cmdline, requests }));
  const parts = {
    "files.txt": lines.join(""),
    "modules.json": `${JSON.stringify(asked, null, 2)}\n`,
    ...(bundled && { "bundle.js": bundled.code, "bundle.js.map": bundled.map }),
  };
  try {
    const folder = mkdtempSync(join(parent, "mkinitrd-"));
    for (const [name, content] of Object.entries(parts)) writeFileSync(join(folder, name), content);
    return folder;
  } catch (error) {
    throw new BuildError(
      `--keep: ${parent} cannot be written to: ${reasonOf(error)}: name another directory by --tmpdir`,
    );
  }
}

function sourceOf(entry: Entry): string {
  if (entry.type === "symlink") return `-> ${entry.target}`;
  if (entry.type !== "file") return entry.type;
  return Buffer.isBuffer(entry.content) ? "made" : entry.content.path;
}
