import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { initPath } from "../abi/index.js";
import { decompress, isCompressed } from "./decompress.js";
import { selectDrivers } from "./driver-selection.js";
import { ElfError, readElf } from "./elf.js";
import { addText } from "./fill-tree.js";
import { driverName, type KernelTree, readKernelTree } from "./kernel-tree.js";
import { BuildError, createProblems, type Problems, type Report, reasonOf } from "./problems.js";
import { createTree, type Tree } from "./tree.js";

/** What a virtual machine's initramfs is made of. */
export interface VirtInitrd {
  /** Path of a static program, which loads the drivers in /usr/lib/modules by itself, in the order of their names. */
  init: string;
  /** Directory of one kernel's drivers, with modules.dep. */
  modulesFolder: string;
  /** Names of drivers, besides those of virtiofs. */
  drivers: readonly string[];
}

/** The root comes by the first. The second is what the first's device is reached by, and no dependency of it; machines may have others. */
const [always, usual] = ["virtiofs", "virtio_pci"];

/** The files of the initramfs. Throws BuildError with all that is wrong. */
export async function virtInitrd({ init, modulesFolder, drivers }: VirtInitrd, report: Report): Promise<Tree> {
  const problems = createProblems();
  const tree = createTree();
  if (drivers.includes("")) problems.add("--module needs the name of a driver: name one, or leave it out");
  const program = problems.during(() => readProgram(init));
  const kernel = problems.during(() => readKernel(modulesFolder));
  const names = kernel ? orderOf(kernel, drivers.filter(Boolean), problems, report) : [];
  problems.check();
  addText(tree, initPath, program ?? "", 0o755);
  const contents = await contentsOf(names.map((name) => join(modulesFolder, kernel?.drivers.get(name)?.path ?? "")));
  // The order of names is the order of loading.
  const width = Math.max(3, String(names.length).length);
  for (const [index, name] of names.entries())
    addText(tree, `/usr/lib/modules/${String(index).padStart(width, "0")}-${name}.ko`, contents[index] ?? "");
  return tree;
}

function readProgram(path: string): Buffer {
  let program: Buffer;
  let interpreter: string | undefined;
  try {
    program = readFileSync(path);
    const elf = readElf(program);
    if (!elf) throw new ElfError("is no ELF program");
    interpreter = elf.interpreter;
  } catch (error) {
    throw new BuildError(
      `${path} ${error instanceof ElfError ? error.message : `cannot be read: ${reasonOf(error)}`}: INIT is a static program, as mkinitrd --static-init writes it`,
    );
  }
  if (interpreter === undefined) return program;
  throw new BuildError(
    `${path} needs ${interpreter}, and nothing but drivers is beside it in the initramfs: link it statically`,
  );
}

function readKernel(folder: string): KernelTree {
  const release = basename(resolve(folder));
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new BuildError(`there is no directory ${folder}: MODULES_DIR is that of one kernel, as /lib/modules/6.1.0`);
  if (!hasDependencies(folder)) {
    const below = readdirSync(folder).find((name) => hasDependencies(join(folder, name)));
    throw new BuildError(
      `${folder} has no modules.dep: ${
        below === undefined
          ? `run "depmod ${release}", or name the directory of one kernel, as /lib/modules/6.1.0`
          : `name the directory of one kernel, as ${join(folder, below)}`
      }`,
    );
  }
  return readKernelTree({ release, folder }, ["modules.dep"]);
}

const hasDependencies = (folder: string) => existsSync(join(folder, "modules.dep"));

/** Drivers with all that they need, in the order in which they are to be inserted. None for what is built in. */
function orderOf(kernel: KernelTree, named: readonly string[], problems: Problems, report: Report): string[] {
  const isThere = kernel.drivers.has(usual) || kernel.builtin.has(usual);
  if (!isThere)
    report.warning(`the kernel has no driver ${usual}: only machines without PCI will see what virtiofsd serves`);
  const requests = [
    { asker: "the initramfs", selectors: [always, ...(isThere ? [usual] : [])], required: true },
    { asker: "--module", selectors: named, required: true },
  ];
  const settings = {
    ...{ blacklist: new Set<string>(), options: new Map(), aliases: [], commands: new Map() },
    ...{ softDependencies: new Map(), weakDependencies: new Map() },
  };
  const { indexed } = selectDrivers(kernel, requests, { omit: [], settings, host: undefined }, problems);
  const chains = new Map(indexed.map(({ name, chain }) => [name, chain]));
  const wanted = [always, usual, ...named.map(driverName), ...chains.keys()];
  return [...new Set(wanted.flatMap((name) => chains.get(name) ?? []))];
}

/** Of drivers' files, unpacked. Throws BuildError. */
async function contentsOf(paths: readonly string[]): Promise<Buffer[]> {
  const problems = createProblems();
  const remedy = "reinstall the kernel's package";
  for (const path of paths)
    if (!statSync(path, { throwIfNoEntry: false })?.isFile())
      problems.add(`${path} is named by modules.dep, but is not there: ${remedy}`);
  problems.check();
  const packed = paths.filter(isCompressed);
  const unpacked = new Map((await decompress(packed)).map((content, index) => [packed[index], content]));
  const contents = paths.map((path) => unpacked.get(path) ?? readFileSync(path));
  for (const [index, content] of contents.entries())
    problems.during(() => {
      if (!isElf(content)) throw new BuildError(`${paths[index]} is no driver, but something else: ${remedy}`);
    });
  problems.check();
  return contents;
}

function isElf(content: Buffer): boolean {
  try {
    return readElf(content) !== undefined;
  } catch {
    return false;
  }
}
