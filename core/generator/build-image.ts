import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { machine } from "node:os";
import { join } from "node:path";
import { bundlePath, driverIndexPath, initPath, modprobePath, modulesPath, snapshotPath } from "../abi/index.js";
import { type BootCode, makeBootCode } from "./boot-code.js";
import { makeDriverIndex } from "./driver-index.js";
import { placeUki } from "./esp.js";
import { addText, type Building, driverRequests, fillTree, installItems, measured } from "./fill-tree.js";
import { createHostAnswers } from "./host-answers.js";
import { type HostDevices, readHostDevices, readOtherHost } from "./host-devices.js";
import { createHostFiles } from "./host-files.js";
import { readFstab, readMounts } from "./host-mounts.js";
import { readResume } from "./host-resume.js";
import { rootDoubt } from "./host-root.js";
import { addDrivers } from "./image-drivers.js";
import { chooseFormat, packImage } from "./image-file.js";
import { type ImageFstab, makeFstab } from "./image-fstab.js";
import { createInstaller, installLayout } from "./install.js";
import type { ImageParts } from "./keep.js";
import { driverName, type KernelTree, readKernelTree } from "./kernel-tree.js";
import { findKernel, kernelConfig } from "./kernel-version.js";
import { lackingLayers } from "./lacking-layers.js";
import type { Uki } from "./make-uki.js";
import { findModules, isWholeSystem, placesOfModules } from "./module-folders.js";
import { makeModuleRecord } from "./module-record.js";
import { locateTarget, writeText } from "./output.js";
import { checkOwnParameters, kernelCommandLinePath, ownParameters } from "./own-parameters.js";
import { BuildError, createProblems, type Report, reworded } from "./problems.js";
import { project } from "./project.js";
import { recordOptions } from "./recorded-options.js";
import { addRescue } from "./rescue.js";
import { type ChosenModules, type SelectedModules, selectModules } from "./select-modules.js";
import type { Settings } from "./settings.js";
import { bundleSetups, type SetupBundles } from "./setup-runner.js";
import { fillStaticInit, parametersOfStaticInit, writeStaticInit } from "./static-init-image.js";
import { createTree, type Tree } from "./tree.js";
import { findUkiParts, ukiCommandLine } from "./uki.js";
import { unmountedAbove } from "./unmounted.js";

export interface BuildOptions {
  report: Report;
  /** Aborted: the work ends, and nothing is left behind. */
  signal: AbortSignal;
  /** Called with what the image is to be made of, also where it then cannot be built. */
  keep?: ((parts: ImageParts) => void) | undefined;
  /** Has this machine boot what is being written. Rejects with BuildError: it would not, and the old image is to stay. */
  rehearse?: (boot: ImageToBoot) => Promise<void>;
  /** Path of PID 1. */
  init?: string;
  /** Folders of modules; later ones override earlier ones. */
  moduleFolders?: readonly string[];
}

/** What a boot of this machine would begin with. */
export interface ImageToBoot {
  /** Where the image will be. */
  path: string;
  entries: ReturnType<Tree["entries"]>;
  /** What the image's own files of kernel parameters say. */
  ownParameters: readonly string[];
  /** That of a unified kernel image, which the kernel gets in place of a boot loader's; "": there is none. */
  commandLine: string;
}

export interface BuiltImage {
  path: string;
  /** Bytes. */
  size: number;
  files: number;
  drivers: number;
  /** Bytes that each part of it takes, uncompressed: modules by their names, the boot code, the drivers. */
  sizes: ReadonlyMap<string, number>;
}

/** One build: what was asked for, what is known of kernel and host, and what has come of it so far. */
interface Build extends Building {
  settings: Settings;
  options: BuildOptions;
  /** Of all modules that there are. */
  setups: SetupBundles;
  /** undefined: no drivers. */
  kernel: KernelTree | undefined;
  /** undefined: a generic image. */
  devices: HostDevices | undefined;
  /** undefined: the image has none. */
  fstab: ImageFstab | undefined;
}

/**
 * Builds an image and puts it in its place; undefined: none is needed. Throws BuildError with all that keeps it from being built; an old
 * image then stays.
 */
export async function buildImage(settings: Settings, options: BuildOptions): Promise<BuiltImage | undefined> {
  const build = beginBuild(settings, options);
  const { tree, problems, kernel, host, sizes } = build;
  const path = problems.during(() => placeImage(settings.image ?? defaultImage(build), settings, options.report));
  const format = problems.during(() => chooseFormat(settings, kernel, options.report)) ?? uncompressed;

  // esbuild is a process of its own, and works while modules are asked and the tree is filled.
  let bootCode: Promise<BootCode | undefined> = Promise.resolve(undefined);
  const selected = await chooseModules(build, (chosen) => {
    if (!settings.kernelOnly) bootCode = problems.later(codeFor(chosen, build));
    // Whoever waits for it hears of it; where nobody does any more, something else is wrong.
    bootCode.catch(() => undefined);
  });
  const uki = problems.during(() => findUki(selected, build));
  warnOfLayers(selected, build);
  if (settings.storeHostParameters) warnOfRootName(build);
  const [bundled, drivers] = await Promise.all([
    bootCode,
    settings.kernelOnly ? fillDrivers(selected, build) : fill(selected, build),
  ]);
  if (!settings.kernelOnly)
    problems.during(() => measured(build, "boot code", () => addBootCode(build, selected, bundled)));
  if (bundled) await checkOwnParameters(bundled.code, ownParameters(tree), problems, options.report);
  options.keep?.({ tree, modules: selected.modules, bundled });
  problems.check();
  if (path === undefined) throw new Error("a place that was not found is a problem");
  if (settings.skipUnneeded && drivers === 0 && !ownParameters(tree).length) return undefined;

  recordOptions(tree, [...settings.recorded, ...(kernel ? [`--kver=${kernel.release}`] : [])]);
  if (!settings.kernelOnly) recordModules(tree, selected);
  const size = settings.staticInit
    ? await writeStaticInit(path, readInit(build), tree, settings, options.signal)
    : await packImage(path, tree, format, settings, { ...options, host, uki, approval: rehearse(path, build, uki) });
  if (bundled) await writeMap(path, bundled.map, options.report);
  return { path, size, files: tree.entries().length, drivers, sizes };
}

const codeFor = (chosen: ChosenModules, { kernel, settings }: Build): Promise<BootCode> =>
  makeBootCode(chosen, kernel?.release, settings.hostOnly, parametersOfStaticInit(settings));

/** undefined: there is nothing to rehearse, or nobody who does. It runs while the image is written. */
function rehearse(path: string, { settings, options, tree }: Build, uki: Uki | undefined): Promise<void> | undefined {
  if (!settings.rehearse || settings.kernelOnly || settings.sysroot !== "/") return undefined;
  const approval = options.rehearse?.({
    path,
    entries: tree.entries(),
    ownParameters: ownParameters(tree).map(({ text }) => text),
    commandLine: uki?.commandLine ?? "",
  });
  // Where the image cannot be written, nobody asks any more.
  approval?.catch(() => undefined);
  return approval;
}

/** Nothing is written in it: that none was found is a problem. */
const uncompressed = { command: undefined, earlyMicrocode: false };

/** Path of the file to write. A warning where the boot loader would not find it there. */
function placeImage(named: string, { sysroot, force }: Settings, report: Report): string {
  const path = locateTarget(named, force);
  const point = unmountedAbove(path, sysroot, readFstab(sysroot), readMounts("/"));
  if (point !== undefined)
    report.warning(
      `${point} is in ${join(sysroot, "etc/fstab")}, but not mounted: the boot loader will not find ${path}; mount ${point}, and build the image again`,
    );
  return path;
}

/** The kernel parameters that this machine's root needs, of all modules that the image would have. Throws BuildError. */
export async function hostParameters(settings: Settings, options: BuildOptions): Promise<string[]> {
  const build = beginBuild(settings, options);
  const { modules } = await chooseModules(build);
  build.problems.check();
  warnOfRootName(build);
  return modules.flatMap(({ cmdline }) => cmdline);
}

function warnOfRootName({ devices, report }: Build): void {
  const doubt = rootDoubt(devices?.root);
  if (doubt !== undefined) report.warning(doubt);
}

function beginBuild(settings: Settings, options: BuildOptions): Build {
  const problems = createProblems();
  const setups = bundleSetups(findModules(options.moduleFolders ?? placesOfModules(settings), problems));
  const host = createHostFiles(settings.sysroot);
  const tree = createTree();
  return {
    settings,
    options,
    host,
    tree,
    installer: createInstaller(host, tree),
    problems,
    setups,
    report: options.report,
    sizes: new Map(),
    kernel: settings.kernel && readKernelTree(findKernel(settings.kernel.release, settings.kernel.folder, host)),
    devices: readDevices(settings, options.report),
    fstab: makeFstab(settings),
  };
}

function readDevices(settings: Settings, report: Report): HostDevices | undefined {
  if (!settings.hostOnly) return undefined;
  const { sysroot, addDevices } = settings;
  const devices = sysroot === "/" ? readHostDevices("/", settings) : readOtherHost(sysroot, addDevices);
  for (const sentence of devices.unseen) report.warning(sentence);
  return devices;
}

function defaultImage({ settings, kernel, host }: Build): string {
  if (kernel && settings.uki) return placeUki(kernel.release, host);
  if (kernel) return join(settings.sysroot, `boot/initramfs-${kernel.release}.img`);
  throw new BuildError("--no-kernel: name the image to write, it is for no kernel in particular");
}

/** What makes the image one for UEFI; undefined: it is none. The kernel, too, gets what /etc/cmdline.d has of the host and of a person. */
function findUki({ modules }: SelectedModules, { settings, kernel, host, problems, report }: Build): Uki | undefined {
  if (!settings.uki || !kernel) return undefined;
  const hostParameters = settings.storeHostParameters ? modules.flatMap(({ cmdline }) => cmdline) : [];
  const commandLine = problems.during(() => ukiCommandLine(hostParameters, settings.kernelCommandLine));
  if (commandLine === "")
    report.warning(
      "--uefi: the image has no kernel command line, so whatever starts it has to say where the root is: if it does not, say --kernel-cmdline, or --hostonly-cmdline",
    );
  return {
    ...findUkiParts(settings.uki, kernel, host, report),
    commandLine: commandLine ?? "",
    temporaryFolder: settings.temporaryFolder,
  };
}

function chooseModules(
  { settings, setups, kernel, devices, fstab, host, problems, report }: Build,
  known?: (chosen: ChosenModules) => void,
): Promise<SelectedModules> {
  const { hardware } = devices ?? {};
  const resume = settings.hostOnly && settings.sysroot === "/" ? readResume("/") : undefined;
  const facts = {
    hostOnly: hardware !== undefined,
    ...(hardware && { hostOnlyMode: settings.strict ? ("strict" as const) : ("sloppy" as const) }),
    kernel: kernel?.release,
    machine: machine(),
    staticInit: settings.staticInit,
    fileSystems: withOthers(settings.drivers.fileSystems ?? devices?.fileSystems ?? [], fstab?.types ?? []),
    layers: hardware ? (devices?.layers ?? []) : [],
    modaliases: hardware?.modaliases ?? [],
    ...(devices?.root && { root: devices.root }),
    ...(settings.fsck && { fsck: settings.fsck }),
    ...(resume && { resume }),
  };
  const { modules } = settings;
  const wishes = fstab ? { ...modules, add: [...modules.add, fstabModule] } : modules;
  const driverExists = (word: string) =>
    kernel !== undefined && [kernel.drivers, kernel.builtin].some((set) => set.has(driverName(word)));
  const answer = createHostAnswers(host, facts, driverExists, () => kernel && kernelConfig(kernel, host));
  return selectModules(setups, wishes, answer, problems, report, known);
}

/** It mounts what the image's own fstab says. */
const fstabModule = "usr-mount";

/** None stands for all: then nothing has to be added. */
const withOthers = (types: readonly string[], others: readonly string[]) =>
  types.length ? [...new Set([...types, ...others])] : [];

/** No error: what the root is, root= says in the boot, and one from tmpfs-root needs nothing that the host's own lies on. */
function warnOfLayers({ modules }: SelectedModules, { devices, report }: Build): void {
  const isInImage = (module: string) => modules.some(({ name }) => name === module);
  for (const warning of lackingLayers(devices?.layers ?? [], isInImage)) report.warning(warning);
}

/** Everything but PID 1 and the bundle; the result is the number of drivers. */
async function fill(selected: SelectedModules, build: Build): Promise<number> {
  const { host, tree, installer, problems, settings, report } = build;
  if (settings.staticInit) {
    fillStaticInit(selected, settings, build);
    return 0;
  }
  installLayout(host, tree);
  // Before the modules: a file that a person names stands for theirs. It is of this system, whatever --sysroot is.
  const copier = createInstaller(createHostFiles(), tree);
  measured(build, "--include", () => {
    for (const { source, destination } of settings.include)
      problems.during(() =>
        reworded(
          (problem) => `--include ${source}: ${problem}`,
          () => copier.copy(source, destination),
        ),
      );
  });
  if (build.fstab) addText(tree, "/etc/fstab", build.fstab.text);
  fillTree(selected, settings.storeHostParameters, build);
  measured(build, "--install", () => {
    installItems(settings.install, false, build);
    installItems(settings.installOptional, true, build);
  });
  problems.during(installer.nameServices);
  if (settings.kernelCommandLine) addText(tree, kernelCommandLinePath, `${settings.kernelCommandLine}\n`);
  for (const path of settings.remove)
    if (!tree.remove(path))
      report.warning(`--remove: ${path} is not in the image anyway (for drivers: --omit-drivers)`);
  const expectShell = selected.modules.some(({ name }) => name === "busybox");
  problems.during(() => addRescue(tree, settings, { expectShell, isSystem: isWholeSystem(selected.modules), report }));
  return fillDrivers(selected, build);
}

async function fillDrivers(selected: SelectedModules, build: Build): Promise<number> {
  const { tree, problems, settings, kernel, devices, sizes } = build;
  // Nobody would ask for one.
  if (isWholeSystem(selected.modules)) return 0;
  if (!kernel) {
    // PID 1 always looks there: such a kernel has every driver built in.
    addText(tree, driverIndexPath, makeDriverIndex([], []));
    return 0;
  }
  const { force } = settings.drivers;
  if (force.length) addText(tree, "/etc/cmdline.d/20-force_drivers.conf", `rd.driver.pre=${force.join(",")}\n`);
  const before = tree.size();
  const count = await problems.later(addDrivers(kernel, driverRequests(selected), settings, devices, build));
  sizes.set("drivers and firmware", tree.size() - before);
  return count ?? 0;
}

function addBootCode(build: Build, { modules }: SelectedModules, bundled: BootCode | undefined): void {
  const { tree, settings } = build;
  // A static init is put around its files at the end.
  if (settings.staticInit) readInit(build);
  else {
    addText(tree, initPath, readInit(build), 0o755);
    // It answers from the image's index of drivers; a whole system has its own modprobe, or none.
    if (!isWholeSystem(modules)) tree.add(modprobePath, { type: "symlink", target: initPath });
  }
  addText(tree, bundlePath, bundled?.code ?? "");
  addText(tree, snapshotPath, bundled?.snapshot ?? "");
}

/** For lsinitrd: what else is there must be in the tree. */
function recordModules(tree: Tree, { modules }: SelectedModules): void {
  const bringers = tree.entries().map(([path]) => tree.bringerOf(path));
  addText(tree, modulesPath, makeModuleRecord({ modules: modules.map(({ name }) => name), bringers }));
}

/** PID 1, which is the kernel's modprobe, too. */
function readInit({ options: { init = project.init } }: Build): Buffer {
  try {
    return readFileSync(init);
  } catch {
    throw new BuildError(`${init} is missing: run "npm run build"`);
  }
}

/** The source map serves to read stack traces; the image boots without. */
async function writeMap(image: string, map: string, report: Report): Promise<void> {
  const path = `${image}.js.map`;
  try {
    await writeText(path, map);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    // The one of another bundle would lead to wrong lines. What cannot be removed, a directory, is none.
    await rm(path, { force: true }).catch(() => undefined);
    report.warning(error.message);
  }
}
