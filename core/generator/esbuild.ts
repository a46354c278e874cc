import { builtinModules, createRequire } from "node:module";
import { resolve } from "node:path";
import type { BuildFailure, BuildOptions, Message, Metafile } from "esbuild";
import { BuildError } from "./problems.js";
import { project } from "./project.js";

// An import would have Node read the whole file once more beforehand, to learn what it exports.
const { build, stop } = createRequire(import.meta.url)("esbuild") as typeof import("esbuild");

/** Ends esbuild's process, which otherwise lives as long as this one. */
export const endEsbuild = stop;

export interface Bundled {
  code: string;
  /** Source map as JSON; the paths in it are relative to firstlight's folder. */
  map: string;
  /** All imports between the files in it, but for the entry's. */
  imports: readonly SourceImport[];
}

/** An import in a source file. */
export interface SourceImport {
  /** Path of the file that holds it. */
  file: string;
  /** As it is written there: "./archive.js". */
  specifier: string;
  /** Path of the file that it leads to. */
  target: string;
}

const entryName = "entry.ts";

/** Bundles a made-up entry module for QuickJS. Throws BuildError with file and line of every mistake in the sources. */
export async function bundleForQuickJs(entry: string, options: BuildOptions = {}): Promise<Bundled> {
  try {
    const result = await build({
      stdin: { contents: entry, resolveDir: project.top, sourcefile: entryName, loader: "ts" },
      absWorkingDir: project.top,
      outfile: "bundle.js",
      bundle: true,
      write: false,
      format: "iife",
      platform: "neutral",
      target: "es2023",
      mainFields: ["module", "main"],
      nodePaths: [],
      alias: { "firstlight/hooks": project.hooks },
      // A folder's own tsconfig.json, or none, must not change what a module means.
      tsconfigRaw: {},
      // Places are told by the paths that a person knows; and a linked folder's own imports lead to its neighbours.
      preserveSymlinks: true,
      metafile: true,
      sourcemap: "external",
      sourcesContent: false,
      logLevel: "silent",
      ...options,
    });
    const file = (ending: string) => result.outputFiles?.find(({ path }) => path.endsWith(ending))?.text ?? "";
    return { code: file(".js"), map: file(".map"), imports: importsOf(result.metafile) };
  } catch (error) {
    if (isStopped(error))
      throw new BuildError(`esbuild has ended before its work was done (${error.message}): try again`);
    if (!isFailure(error)) throw error;
    throw new BuildError(...error.errors.map(describe));
  }
}

/** esbuild's process was killed, or could not be started: lib/npm/common.ts of esbuild. */
function isStopped(error: unknown): error is Error {
  return error instanceof Error && /^The service (was stopped|is no longer running)/.test(error.message);
}

function isFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && Array.isArray((error as Partial<BuildFailure>).errors);
}

function importsOf(metafile: Metafile | undefined): SourceImport[] {
  return Object.entries(metafile?.inputs ?? {}).flatMap(([file, { imports }]) =>
    imports.flatMap(({ path, original }) =>
      file !== entryName && original !== undefined
        ? [{ file: resolve(project.top, file), specifier: original, target: resolve(project.top, path) }]
        : [],
    ),
  );
}

/** esbuild's words for an import of what does not exist, and for a default export that is missing. */
const unresolved = /^Could not resolve "(node:)?([^"]*)"/;
const noDefault = /^No matching export in "([^"]+)" for import "default"/;

function describe({ location, text }: Message): string {
  const path = (name: string) => resolve(project.top, name);
  const [, missing] = noDefault.exec(text) ?? [];
  if (missing !== undefined && location?.file === entryName)
    return `${path(missing)}: there is no default export: write export default hook({ … })`;
  const [found, node, name = ""] = unresolved.exec(text) ?? [];
  const why =
    found === undefined
      ? text
      : node || builtinModules.includes(name)
        ? `${text}: modules run in QuickJS, not in Node; what there is for them, firstlight/hooks has`
        : `${text}: modules import "firstlight/hooks" and files of their own folder`;
  return location ? `${path(location.file)}:${location.line}: ${why}` : why;
}
