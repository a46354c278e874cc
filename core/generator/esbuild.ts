import { type BuildFailure, type BuildOptions, build, type Message } from "esbuild";
import { BuildError } from "./problems.js";
import { project } from "./project.js";

export interface Bundled {
  code: string;
  /** Source map as JSON; the paths in it are relative to firstlight's folder. */
  map: string;
}

/** Bundles a made-up entry module for QuickJS. Throws BuildError with file and line of every mistake in the sources. */
export async function bundleForQuickJs(entry: string, options: BuildOptions = {}): Promise<Bundled> {
  try {
    const result = await build({
      stdin: { contents: entry, resolveDir: project.top, sourcefile: "entry.ts", loader: "ts" },
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
      sourcemap: "external",
      sourcesContent: false,
      logLevel: "silent",
      ...options,
    });
    const file = (ending: string) => result.outputFiles?.find(({ path }) => path.endsWith(ending))?.text ?? "";
    return { code: file(".js"), map: file(".map") };
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

function describe({ location, text }: Message): string {
  return location ? `${location.file}:${location.line}: ${text}` : text;
}
