import type { ProgramRequest } from "../abi/index.js";
import { Failure } from "./failure.js";
import type { LookUp, Spot } from "./file-space.js";
import { dataOf, isFolder } from "./file-tree.js";
import type { ProgramModel } from "./programs.js";
import type { World } from "./world.js";

/** A program that can be run, and where it runs. */
interface FoundProgram {
  model: ProgramModel;
  path: string;
  root: Spot | undefined;
  folder: Spot | undefined;
}

/** MAX_ARG_STRLEN of execve(2). */
const longestArgument = 128 << 10;
const mostInterpreters = 4;
/** What can be executed: ELF, a script; what is empty stands for any program. */
const isProgram = (data: string) => data === "" || data.startsWith("\x7fELF") || data.startsWith("#!");
const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** The file that execve(2) would execute: itself, or the interpreter of a script. Throws Failure. */
export function resolveExecutable(world: World, path: string, options: LookUp, depth = 0): string {
  const { inode, mount } = world.files.spot(path, options);
  if (inode.type !== "file" || !(inode.mode & 0o111) || mount.flags.has("noexec")) throw new Failure("EACCES", path);
  const data = dataOf(inode);
  if (!isProgram(data)) throw new Failure("ENOEXEC", path);
  const interpreter = /^#!\s*(\S+)/.exec(data)?.[1];
  if (interpreter === undefined) return path;
  if (depth === mostInterpreters) throw new Failure("ELOOP", path);
  return resolveExecutable(world, interpreter, options, depth + 1);
}

const usualPath = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/** As execvp(3) looks it up: an unusable file is remembered, a later one may do. Throws Failure. */
function inPath(
  world: World,
  { argv, env = [usualPath] }: ProgramRequest,
  options: LookUp,
): [path: string, runs: string] {
  const name = argv[0] ?? "";
  if (name.includes("/")) return [name, resolveExecutable(world, name, options)];
  const folders = env.find((setting) => setting.startsWith("PATH="))?.slice("PATH=".length) ?? "";
  let failure = new Failure("ENOENT", name);
  for (const folder of folders.split(":").filter(Boolean))
    try {
      const path = `${folder}/${name}`;
      return [path, resolveExecutable(world, path, options)];
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.errno !== "ENOENT" && error.errno !== "ENOTDIR") failure = error;
    }
  throw failure;
}

/** The model of the program that is asked for; undefined: it is there, and nobody has said what it does. Throws Failure. */
export function findProgram(world: World, request: ProgramRequest): FoundProgram | undefined {
  const { argv, root, cwd } = request;
  const inRoot = root === undefined ? {} : { root };
  const top = root === undefined ? undefined : world.files.spot(root);
  if (top && !isFolder(top.inode)) throw new Failure("ENOTDIR", root);
  const folder = cwd === undefined ? undefined : world.files.spot(cwd, inRoot);
  if (folder && !isFolder(folder.inode)) throw new Failure("ENOTDIR", cwd);
  if (argv.some((argument) => argument.length >= longestArgument)) throw new Failure("E2BIG", argv[0]);
  const { programs, modelled = {} } = world.description;
  const assumed = programs[baseName(argv[0] ?? "")];
  if (assumed) return { model: assumed, path: argv[0] ?? "", root: top, folder };
  const [path, runs] = inPath(world, request, { ...inRoot, ...(cwd === undefined ? {} : { from: cwd }) });
  const model = modelled[baseName(path)] ?? modelled[baseName(runs)];
  if (!model) {
    world.leaveOpen(`what the program ${argv.join(" ")} does, and how it ends`);
    return undefined;
  }
  return { model, path, root: top, folder };
}
