import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BuildError } from "./problems.js";
import { project } from "./project.js";
import { nameOf, unnamedFile } from "./temporary.js";

/** Most characters that the compiler may say. */
const mostOutput = 64 << 20;

/**
 * Type-checks source files, and all that they import, as strictly as our own modules, wherever they lie: with firstlight/hooks, and without Node's
 * and the browser's types. Gives all that is wrong, "file:line: text" each. Throws BuildError: there is no compiler.
 */
export async function typeCheck(files: readonly string[]): Promise<string[]> {
  const compiler = findCompiler();
  const configuration = await unnamedFile(tmpdir(), "TMPDIR");
  try {
    await configuration.writeFile(JSON.stringify(configurationFor(files)));
    return parseMessages(await run(compiler, ["-p", nameOf(configuration), "--pretty", "false"]));
  } finally {
    await configuration.close();
  }
}

function findCompiler(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  } catch {
    throw new BuildError(`TypeScript's compiler is missing: run "npm ci" in ${project.top}`);
  }
}

/** Modules are resolved as esbuild does it; what is not used is no mistake while one is at work. */
function configurationFor(files: readonly string[]): object {
  return {
    extends: join(project.top, "tsconfig.json"),
    compilerOptions: {
      module: "preserve",
      moduleResolution: "bundler",
      allowImportingTsExtensions: true,
      allowJs: true,
      types: [],
      noUnusedLocals: false,
      noUnusedParameters: false,
      paths: { "firstlight/hooks": [project.hooks] },
    },
    files,
    include: [],
  };
}

/** What it says; its paths are relative to the top of the file system. Throws BuildError: it could not do its work. */
function run(compiler: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: "/", maxBuffer: mostOutput };
    execFile(process.execPath, [compiler, ...words], options, (error, stdout, stderr) => {
      // 1 and 2: it has found mistakes.
      if (!error || error.code === 1 || error.code === 2) resolve(stdout);
      else reject(new BuildError(`TypeScript's compiler has failed: ${stderr.trim() || error.message}`));
    });
  });
}

/** What the compiler advises where something of Node or a browser is missing: for modules it is wrong. */
const advice = /\. (Do you need to|Try) .*/;

/** "file(line,column): error TS1234: text", and indented lines that say more. */
function parseMessages(output: string): string[] {
  const messages: string[] = [];
  for (const line of output.split("\n").filter(Boolean)) {
    const [, file, row, code, text] = /^(.+)\((\d+),\d+\): error (TS\d+): (.*)$/.exec(line) ?? [];
    if (file !== undefined)
      messages.push(`/${file}:${row}: ${text?.replace(advice, ": modules run in QuickJS, which has none")} (${code})`);
    else messages.push(/^\s/.test(line) ? `${messages.pop() ?? ""} ${line.trim()}` : line);
  }
  return messages;
}
