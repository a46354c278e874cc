// Builds everything into dist/: the TypeScript programs and tests with esbuild, then PID 1 (core/init) with gcc.
// Plain JavaScript, because it is what turns TypeScript into JavaScript here.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { compiledSchemas } from "./compile-schemas.mjs";

const top = fileURLToPath(new URL("..", import.meta.url));
process.chdir(top);

/** All .ts files below a folder that end so. */
function sources(folder, ending) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith(ending))
    .sort();
}

for (const folder of ["tools", "test", "chunks"]) rmSync(join("dist", folder), { recursive: true, force: true });
/** One file of a program each loads faster than many. */
const options = {
  outdir: "dist",
  outbase: ".",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  // It has to lie where its program is.
  external: ["esbuild", "typescript"],
  plugins: [compiledSchemas],
  alias: { "firstlight/hooks": join(top, "hooks/index.ts") },
  sourcemap: true,
  sourcesContent: false,
  logLevel: "warning",
};
await Promise.all([
  build({ ...options, entryPoints: sources("tools", ".ts") }),
  build({
    ...options,
    entryPoints: [...sources("test", ".test.ts"), ...sources("test", ".main.ts")],
    chunkNames: "chunks/[name]-[hash]",
    splitting: true,
  }),
]);

const { buildInit } = await import(pathToFileURL(join(top, "dist/tools/build-init.mjs")));
await buildInit();
