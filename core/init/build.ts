import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { engineHash, ownFilesAddress, ownFilesSection } from "../abi/index.js";
import { abiHeader } from "./abi-header.js";
import { glueHeader, withFixedMemory } from "./glue.js";

const enginePackage = "@jitl/quickjs-ng-wasmfile-release-sync";

const require = createRequire(import.meta.url);
const execute = promisify(execFile);

/** A boot takes as many instructions with -Os as with -O2, and the image is 2 % smaller. No tables for unwinding: there are no exceptions. */
const smallFlags = ["-Os", "-fno-pie", "-fno-asynchronous-unwind-tables"];
/**
 * Where the engine's linear memory lies: as a constant it saves looking the address up at every load and store. Behind the program's heap, which the
 * kernel begins at most 1 GiB behind the last segment (arch_randomize_brk), and where AddressSanitizer leaves room.
 */
const engineMemory = "-DENGINE_MEMORY=0x60000000ul";
/** -ffp-contract=off: numbers come out the same as in the WebAssembly that the rehearsal runs, on every machine. */
const engineFlags = [...smallFlags, "-ffp-contract=off", "-w", engineMemory];
const ownFlags = [engineMemory, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"];

/** A segment of its own, and the file's last: the generator puts an archive there (core/generator/static-init.ts). */
const lastSegment = `-Wl,--section-start=${ownFilesSection}=0x${ownFilesAddress.toString(16)}`;

interface Flavour {
  compile: string[];
  link: string[];
}

/** Drops what the C library has for exceptions, a 30th of the program. ld looks for it in the folder of -L. */
const unwindingScript = "no-unwinding.ld";

/** "asan" is for tests: it stops at the first bad access of PID 1's own C (the engine is as in the other). */
const flavours = {
  init: { compile: smallFlags, link: ["-static", "-s", "-Wl,--gc-sections", `-Wl,-T,${unwindingScript}`, lastSegment] },
  "init-asan": {
    compile: [
      "-O1",
      "-g",
      "-fno-pie",
      "-fno-omit-frame-pointer",
      "-fsanitize=address,undefined",
      "-fno-sanitize-recover=all",
    ],
    link: ["-no-pie", "-fsanitize=address,undefined", "-static-libasan", "-static-libubsan"],
  },
} satisfies Record<string, Flavour>;

export interface InitBuild {
  /** Folder with core/ and node_modules/; results go to dist/ and out/ there. Left out: the current folder. */
  top?: string;
  /** The engine's WebAssembly. Left out: the package's. */
  wasm?: string;
}

/** Where things are on this machine. */
interface Tools {
  wasm2c: string;
  /** Folder of wasm-rt-impl.c. */
  runtime: string;
  /** Folder of wasm-rt.h. */
  include: string;
  /** Output of --version of both compilers. */
  versions: string;
}

/**
 * Builds PID 1, dist/init/init, and dist/init/init-asan for the tests, each with the linker's map beside it, which tells the addresses of functions.
 * What has not changed since the last time is taken from out/cache/init.
 * Throws an Error that names what is missing or wrong.
 */
export async function buildInit(options: InitBuild = {}): Promise<void> {
  const top = options.top ?? process.cwd();
  const cache = join(top, "out/cache/init");
  const tools = await findTools();
  const engine = await buildEngine(tools, cache, options.wasm ?? require.resolve(`${enginePackage}/wasm`));
  const generated = join(cache, "include");
  await mkdir(generated, { recursive: true });
  const code = await readFile(
    join(dirname(require.resolve(`${enginePackage}/package.json`)), "dist/emscripten-module.cjs"),
    "utf8",
  );
  await writeIfChanged(join(generated, "abi.h"), abiHeader());
  await writeIfChanged(join(generated, "glue.h"), glueHeader(await readFile(join(engine, "module.h"), "utf8"), code));
  for (const [name, flavour] of Object.entries(flavours))
    await buildFlavour({ top, cache, engine, generated, tools, name, flavour });
}

function hashOf(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 32);
}

async function writeIfChanged(path: string, text: string): Promise<void> {
  if (existsSync(path) && (await readFile(path, "utf8")) === text) return;
  await writeFile(`${path}.partial`, text);
  await rename(`${path}.partial`, path);
}

/** Runs a compiler; its complaints become the error. */
async function run(program: string, args: string[]): Promise<string> {
  try {
    return (await execute(program, args, { maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${basename(program)} failed: ${stderr || message}`);
  }
}

function inPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function findTools(): Promise<Tools> {
  const missing: string[] = [];
  const wasm2c = inPath("wasm2c");
  const gcc = inPath("gcc");
  const prefix = wasm2c ? dirname(dirname(realpathSync(wasm2c))) : "/usr";
  const runtime = ["src/wasm2c", "share/wabt/wasm2c"]
    .map((folder) => join(prefix, folder))
    .find((folder) => existsSync(join(folder, "wasm-rt-impl.c")));
  if (!wasm2c || !runtime) missing.push("wabt (wasm2c and its runtime)");
  if (!gcc) missing.push("gcc", "libc6-dev");
  else if (!(await run("gcc", ["-print-file-name=libblkid.a"])).startsWith("/"))
    missing.push("libblkid-dev (libblkid.a)");
  if (!wasm2c || !runtime || missing.length > 0)
    throw new Error(`PID 1 cannot be built: install these Debian packages: ${missing.join(", ")}`);
  const versions =
    (await run(wasm2c, ["--version"])) + (await run("gcc", ["--version"])) + (await run("gcc", ["-dumpmachine"]));
  return { wasm2c, runtime, include: join(prefix, "include"), versions };
}

/** The engine as an object file, with wasm2c's header and runtime, in a folder of the cache. */
async function buildEngine(tools: Tools, cache: string, wasm: string): Promise<string> {
  const bytes = await readFile(wasm);
  const hash = createHash("sha256").update(bytes).digest("hex");
  if (hash !== engineHash)
    throw new Error(
      `${wasm} is not the engine that PID 1 was written for (sha256 ${hash}, expected ${engineHash}): ` +
        `run npm ci, or adapt core/init to the new release of ${enginePackage}`,
    );
  const sources = ["wasm-rt-impl.c", "wasm-rt-mem-impl.c", "wasm-rt-exceptions-impl.c"].filter((name) =>
    existsSync(join(tools.runtime, name)),
  );
  const texts = readdirSync(tools.runtime)
    .sort()
    .map((name) => readFileSync(join(tools.runtime, name)));
  const folder = join(cache, `engine-${hashOf(bytes, tools.versions, engineFlags.join(" "), ...texts)}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const module = join(partial, "module.c");
  await run(tools.wasm2c, ["-n", "engine", wasm, "-o", module]);
  await writeFile(module, withFixedMemory(await readFile(module, "utf8")));
  const compile = (source: string) =>
    run("gcc", [
      ...engineFlags,
      `-I${tools.runtime}`,
      `-I${tools.include}`,
      "-c",
      source,
      "-o",
      join(partial, basename(source).replace(/c$/, "o")),
    ]);
  await Promise.all([compile(module), ...sources.map((name) => compile(join(tools.runtime, name)))]);
  await rm(module);
  await rename(partial, folder);
  return folder;
}

interface FlavourBuild {
  top: string;
  cache: string;
  engine: string;
  generated: string;
  tools: Tools;
  name: string;
  flavour: Flavour;
}

async function buildFlavour({ top, cache, engine, generated, tools, name, flavour }: FlavourBuild): Promise<void> {
  const sources = join(top, "core/init");
  const includes = [
    `-I${sources}`,
    `-I${generated}`,
    `-isystem${engine}`,
    `-isystem${tools.runtime}`,
    `-isystem${tools.include}`,
  ];
  const flags = [...ownFlags, ...flavour.compile, ...includes];
  const files = readdirSync(sources).sort();
  const headers = [sources, generated].flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .filter((file) => file.endsWith(".h"))
      .map((file) => readFileSync(join(folder, file))),
  );
  const common = hashOf(basename(engine), flags.join(" "), ...headers);
  const folder = join(cache, name);
  await mkdir(folder, { recursive: true });
  const objects = await compileAll(
    files.filter((file) => file.endsWith(".c")).map((file) => join(sources, file)),
    (source) => join(folder, `${basename(source, ".c")}-${hashOf(common, readFileSync(source))}.o`),
    flags,
  );
  const engineObjects = readdirSync(engine)
    .sort()
    .filter((file) => file.endsWith(".o"))
    .map((file) => join(engine, file));
  const script = readFileSync(join(sources, unwindingScript));
  const program = join(folder, `program-${hashOf(flavour.link.join(" "), script, ...objects, basename(engine))}`);
  const map = `${program}.map`;
  if (!existsSync(program) || !existsSync(map)) {
    const partial = `${program}.partial`;
    const libraries = ["-lblkid", "-lm", `-Wl,-Map=${map}`];
    await run("gcc", [`-L${sources}`, ...flavour.link, ...objects, ...engineObjects, ...libraries, "-o", partial]);
    await rename(partial, program);
  }
  await removeOthers(folder, [...objects, program, map]);
  await install(program, join(top, "dist/init", name));
  await install(map, join(top, "dist/init", `${name}.map`));
}

/** Compiles what is not there yet, as many at a time as the machine has processors. */
async function compileAll(sources: string[], target: (source: string) => string, flags: string[]): Promise<string[]> {
  const waiting = sources.filter((source) => !existsSync(target(source)));
  const worker = async () => {
    for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
      const partial = `${target(source)}.partial`;
      await run("gcc", [...flags, "-c", source, "-o", partial]);
      await rename(partial, target(source));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return sources.map(target);
}

async function removeOthers(folder: string, keep: string[]): Promise<void> {
  const names = new Set(keep.map((path) => basename(path)));
  for (const name of readdirSync(folder)) if (!names.has(name)) await rm(join(folder, name));
}

/** Whoever runs the old file keeps it. */
async function install(from: string, to: string): Promise<void> {
  if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) return;
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, `${to}.partial`);
  await rename(`${to}.partial`, to);
}
