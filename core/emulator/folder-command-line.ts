import { availableParallelism } from "node:os";
import { BuildError } from "../generator/problems.js";
import { namedKernel } from "./folder-kernel.js";
import type { FolderWishes } from "./folder-vm.js";
import { checkMemory } from "./qemu.js";

/** How many words follow each option. */
const optionWords = {
  mount: 2,
  "mount-ro": 2,
  debug: 0,
  memory: 1,
  cpus: 1,
  kernel: 1,
  "kernel-modules": 1,
  "qemu-arg": 1,
  help: 0,
} as const;

type Option = keyof typeof optionWords;

interface Given {
  name: Option;
  values: string[];
}

const isOption = (name: string): name is Option => Object.hasOwn(optionWords, name);

const seeHelp = "see chrootvm --help";

/** The options before the folder, and what follows them as it is: the command's own options are no matter of ours. */
function takeOptions(words: readonly string[]): { given: Given[]; rest: string[] } {
  const rest = [...words];
  const given: Given[] = [];
  while (rest[0]?.startsWith("-")) {
    const word = rest.shift() ?? "";
    if (word === "--") break;
    const [, name = "", value] = /^--([^=]+)(?:=(.*))?$/s.exec(word === "-h" ? "--help" : word) ?? [];
    if (!isOption(name)) throw new BuildError(`there is no option ${word}: ${seeHelp}`);
    const count = optionWords[name];
    const values = [...(value === undefined ? [] : [value])];
    while (values.length < count && rest.length) values.push(rest.shift() ?? "");
    if (values.length !== count)
      throw new BuildError(`--${name} takes ${["no value", "one value", "TAG and PATH"][count]}: ${seeHelp}`);
    given.push({ name, values });
  }
  return { given, rest };
}

/** undefined: help is asked for. Throws BuildError. */
export function parseFolderCommandLine(words: readonly string[]): FolderWishes | undefined {
  const { given, rest } = takeOptions(words);
  const all = (...names: Option[]) => given.filter(({ name }) => names.includes(name));
  const last = (name: Option) => all(name).at(-1)?.values[0];
  if (all("help").length) return undefined;
  const [root, init = "/bin/sh", ...others] = rest;
  if (!root) throw new BuildError(`name the folder ROOTFS: ${seeHelp}`);
  if (!init) throw new BuildError(`INIT is empty: ${seeHelp}`);
  const memory = last("memory") ?? "1G";
  checkMemory("--memory", memory);
  return {
    root,
    init,
    arguments: others,
    mounts: all("mount", "mount-ro").map(({ name, values: [tag = "", folder = ""] }) => ({
      tag,
      folder,
      readOnly: name === "mount-ro",
    })),
    debug: all("debug").length > 0,
    memory,
    cpus: parseCpus(last("cpus")),
    kernel: kernelOf(last("kernel"), last("kernel-modules")),
    qemuArguments: all("qemu-arg").flatMap(({ values }) => values),
  };
}

function parseCpus(text = "1"): number {
  if (!/^[1-9]\d{0,2}$/.test(text))
    throw new BuildError(`--cpus=${text}: a number of processors, as ${availableParallelism()}`);
  return Number(text);
}

function kernelOf(file: string | undefined, modules: string | undefined): FolderWishes["kernel"] {
  if (file !== undefined && modules !== undefined) return namedKernel(file, modules);
  if (file === undefined && modules === undefined) return undefined;
  throw new BuildError("--kernel FILE and --kernel-modules DIR belong together: name both, or neither");
}
