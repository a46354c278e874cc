import { accessSync, constants, readFileSync } from "node:fs";
import { machine } from "node:os";
import { bundlePath, initPath, modprobePath, rescuePath, shellPath } from "../abi/index.js";
import { makeBundle } from "./bundle.js";
import { checkInstalled, checkKernelCanUnpack } from "./compressor.js";
import { cpio } from "./cpio.js";
import type { Bundled } from "./esbuild.js";
import { addText, type Building, fillTree } from "./fill-tree.js";
import { createHostAnswers } from "./host-answers.js";
import { type HostDevices, readHostDevices } from "./host-devices.js";
import { createHostFiles } from "./host-files.js";
import { addDrivers } from "./image-drivers.js";
import { createInstaller, installLayout } from "./install.js";
import { driverName, type KernelTree, readKernelTree } from "./kernel-tree.js";
import { findKernel } from "./kernel-version.js";
import { findModules, moduleFolders } from "./module-folders.js";
import { locateTarget, writeImage, writeText } from "./output.js";
import { BuildError, createProblems, type Report } from "./problems.js";
import { project } from "./project.js";
import { type SelectedModules, selectModules } from "./select-modules.js";
import type { Settings } from "./settings.js";
import { createTree, type Tree } from "./tree.js";

export interface BuildOptions {
  report: Report;
  /** Aborted: the work ends, and nothing is left behind. */
  signal: AbortSignal;
  /** Path of PID 1. */
  init?: string;
  /** Path of the sequencer's entry. */
  sequencer?: string;
  /** Folders of modules; later ones override earlier ones. */
  moduleFolders?: readonly string[];
}

export interface BuiltImage {
  path: string;
  /** Bytes. */
  size: number;
  files: number;
  drivers: number;
}

/** Builds an image and puts it in its place. Throws BuildError with all that keeps it from being built; an old image then stays. */
export async function buildImage(settings: Settings, options: BuildOptions): Promise<BuiltImage> {
  const { report, signal } = options;
  const problems = createProblems();
  const kernel = settings.kernel && readKernelTree(findKernel(settings.kernel.release, settings.kernel.folder));
  const named = settings.image ?? defaultImage(kernel);
  const path = problems.during(() => locateTarget(named, settings.force)) ?? named;
  problems.during(() => checkInstalled(settings.compressor, process.env.PATH ?? ""));
  if (kernel) problems.during(() => checkKernelCanUnpack(settings.compressor, kernel));

  const host = createHostFiles();
  const tree = createTree();
  const building: Building = { host, tree, installer: createInstaller(host, tree), problems, report };
  const devices = settings.hostOnly ? readHostDevices() : undefined;
  const selected = await chooseModules(settings, options, kernel, devices, building);
  const bundling = bundle(selected, settings, kernel, options).catch(problems.gather);
  const drivers = await fill(selected, settings, kernel, devices, building);
  problems.during(() => addInit(tree, options.init ?? project.init));
  const bundled = await bundling;
  problems.check();

  addText(tree, bundlePath, bundled?.code ?? "");
  const entries = tree.entries();
  const size = await writeImage(path, cpio(entries, settings), settings.compressor, signal);
  await writeMap(path, bundled?.map ?? "", options);
  return { path, size, files: entries.length, drivers };
}

function defaultImage(kernel: KernelTree | undefined): string {
  if (kernel) return `/boot/initramfs-${kernel.release}.img`;
  throw new BuildError("--no-kernel: name the image to write, it is for no kernel in particular");
}

function chooseModules(
  settings: Settings,
  options: BuildOptions,
  kernel: KernelTree | undefined,
  devices: HostDevices | undefined,
  { host, problems, report }: Building,
): Promise<SelectedModules> {
  const facts = {
    hostOnly: settings.hostOnly,
    kernel: kernel?.release,
    machine: machine(),
    fileSystems: devices?.fileSystems ?? [],
    modaliases: devices?.modaliases ?? [],
  };
  const driverExists = (word: string) =>
    kernel !== undefined && [kernel.drivers, kernel.builtin].some((set) => set.has(driverName(word)));
  const available = findModules(options.moduleFolders ?? [project.modules, ...moduleFolders], problems);
  return selectModules(available, settings.modules, createHostAnswers(host, facts, driverExists), problems, report);
}

function bundle(
  selected: SelectedModules,
  settings: Settings,
  kernel: KernelTree | undefined,
  { sequencer }: BuildOptions,
): Promise<Bundled> {
  const { hostOnly } = settings;
  return makeBundle({ ...selected, kernel: kernel?.release ?? null, hostOnly, ...(sequencer ? { sequencer } : {}) });
}

/** Everything but PID 1 and the bundle; the result is the number of drivers. */
async function fill(
  selected: SelectedModules,
  settings: Settings,
  kernel: KernelTree | undefined,
  devices: HostDevices | undefined,
  building: Building,
): Promise<number> {
  const { host, tree, installer, problems } = building;
  installLayout(host, tree);
  // Before the modules: a file that a person names stands for theirs.
  for (const { source, destination } of settings.include) problems.during(() => installer.copy(source, destination));
  const requests = fillTree(selected, building);
  if (settings.kernelCommandLine) addText(tree, "/etc/cmdline.d/01-default.conf", `${settings.kernelCommandLine}\n`);
  addText(tree, rescuePath, `shell=${tree.has(shellPath) ? 1 : 0} action=none delay=10\n`);
  if (!kernel) return 0;
  return addDrivers(kernel, requests, settings, devices, building).catch((error: unknown) => {
    problems.gather(error);
    return 0;
  });
}

/** PID 1, which is the kernel's modprobe, too. */
function addInit(tree: Tree, path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch {
    throw new BuildError(`${path} is missing: run "npm run build"`);
  }
  addText(tree, initPath, readFileSync(path), 0o755);
  tree.add(modprobePath, { type: "symlink", target: initPath });
}

/** The source map serves to read stack traces; the image boots without. */
async function writeMap(image: string, map: string, { report, signal }: BuildOptions): Promise<void> {
  try {
    await writeText(`${image}.js.map`, map, signal);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    report.warning(error.message);
  }
}
