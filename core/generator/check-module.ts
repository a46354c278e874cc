import { statSync } from "node:fs";
import { machine } from "node:os";
import { basename, dirname, resolve } from "node:path";
import { makeBootCode } from "./boot-code.js";
import { createHostAnswers } from "./host-answers.js";
import { createHostFiles } from "./host-files.js";
import { findModules, type ModuleFolder, placesOfModules, readModuleFolder } from "./module-folders.js";
import { BuildError, createProblems, type Problems } from "./problems.js";
import { selectModules } from "./select-modules.js";
import type { HostFacts } from "./setup-guest.js";
import { bundleSetups, loadSetups } from "./setup-runner.js";
import { typeCheck } from "./type-check.js";

/** Two images that have little in common: a setup is asked what it wants in each. */
const images: readonly (HostFacts & { driversExist: boolean })[] = [
  {
    hostOnly: false,
    staticInit: false,
    kernel: undefined,
    machine: machine(),
    fileSystems: [],
    layers: [],
    modaliases: [],
    driversExist: false,
  },
  {
    hostOnly: true,
    hostOnlyMode: "sloppy",
    staticInit: false,
    kernel: "6.1.0",
    machine: machine(),
    fileSystems: ["ext4"],
    layers: [
      { device: "dm-1", points: ["/"], kind: "lvm", group: "vg", volume: "root" },
      { device: "dm-0", points: ["/"], kind: "luks", uuid: "5f1c1fb0-8a0e-4a43-9b0c-6f2d6a7b8c9d", name: "opened" },
      { device: "md127", points: ["/"], kind: "raid", uuid: "0d55b9a8:5b6e4e0c:9d3c0b7a:1c2d3e4f" },
    ],
    modaliases: ["virtio:d00000002v00001AF4"],
    root: { device: "UUID=00361d4f-646b-478c-9947-73b9bec8531e", type: "ext4" },
    driversExist: true,
  },
];

/**
 * Checks a module's folder, wherever it lies, without building an image: the types of its sources, what its setup answers for two kinds of images,
 * and its hooks, loaded as they will be in the image. Modules that it depends on may lie beside it. Throws BuildError with all that is wrong.
 */
export async function checkModule(path: string): Promise<void> {
  const folder = resolve(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new BuildError(`there is no folder ${folder}`);
  const problems = createProblems();
  const module = readModuleFolder(dirname(folder), basename(folder));
  for (const mistake of await typeCheck([module.setup, ...Object.values(module.phases)])) problems.add(mistake);
  for (const { driversExist, ...facts } of images) {
    const answer = createHostAnswers(createHostFiles(), facts, () => driversExist);
    const { run } = await loadSetups(bundleSetups([module]), answer);
    await problems.later(run(module, "check"));
    const { others, needed } = await otherModules(module, answer);
    await checkSelected([module.name, ...needed], [module, ...others], answer, facts, problems);
  }
  problems.check();
}

/** Resolves the module as if somebody had asked for it, and for those that it needs, whatever is installed here, and loads their hooks. */
async function checkSelected(
  names: readonly string[],
  available: readonly ModuleFolder[],
  answer: ReturnType<typeof createHostAnswers>,
  { kernel, hostOnly }: HostFacts,
  problems: Problems,
): Promise<void> {
  const report = { warning: () => {}, note: () => {} };
  const wishes = { modules: [], add: [], force: names, omit: [] };
  const selected = await selectModules(bundleSetups(available), wishes, answer, problems, report);
  await problems.later(makeBootCode(selected, kernel, hostOnly));
}

/** Those that mkinitrd finds, and those beside it that are needed; the names of all that are. What is wrong with them is told when they are asked again. */
async function otherModules(
  module: ModuleFolder,
  answer: ReturnType<typeof createHostAnswers>,
): Promise<{ others: ModuleFolder[]; needed: string[] }> {
  const unheard = createProblems();
  const siblings = dirname(module.folder);
  const places = [...placesOfModules({ sysroot: "/", localModules: false }), siblings];
  const others = findModules([...new Set(places)], unheard).filter(({ name }) => name !== module.name);
  const { run } = await loadSetups(bundleSetups([module, ...others]), answer);
  const needed = new Set([module]);
  for (const one of needed)
    for (const name of (await unheard.later(run(one, "depends"))) ?? []) {
      const other = others.find((candidate) => candidate.name === name);
      if (other) needed.add(other);
    }
  return {
    others: others.filter((other) => needed.has(other) || dirname(other.folder) !== siblings),
    needed: others.filter((other) => needed.has(other)).map(({ name }) => name),
  };
}
