import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix, resolve } from "node:path";
import type { Configuration } from "../schema/configuration.js";
import type { OptionName } from "../schema/options.js";
import { type CommandLine, mergeCommandLine } from "./command-line.js";
import { type Compressor, parseCompressor } from "./compressor.js";
import { locateTarget } from "./output.js";
import { BuildError } from "./problems.js";
import type { ModuleWishes } from "./resolve.js";
import { checkStaticInit, configurationOfStaticInit } from "./static-init-options.js";
import type { UkiWishes } from "./uki.js";

/** What is to be built: configuration and command line, put together. */
export interface Settings {
  /** undefined: the usual place for this kernel. */
  image: string | undefined;
  force: boolean;
  /** Host-only: no image is written that holds neither drivers nor kernel parameters. */
  skipUnneeded: boolean;
  hostOnly: boolean;
  /** Host-only, and nothing for other hardware than what is there. */
  strict: boolean;
  /** Directory of the system whose files the image is made of. */
  sysroot: string;
  /** Release and directory of drivers, as far as they were named; undefined: no drivers. */
  kernel: { release: string | undefined; folder: string | undefined } | undefined;
  /** Drivers and firmware, and nothing else. */
  kernelOnly: boolean;
  /** The image is one program, of boot code only. */
  staticInit: boolean;
  /** undefined: the image is not made into one for UEFI. */
  uki: UkiWishes | undefined;
  /** Where a list of what is in the image goes; undefined: nobody asked for one. */
  listOut: string | undefined;
  modules: ModuleWishes;
  /** Modules of ./modules.d, in place of those that the system has. */
  localModules: boolean;
  drivers: DriverWishes;
  firmwareFolders: readonly string[];
  /** A destination that ends in "/" is the directory that a file goes into. */
  include: readonly { source: string; destination: string }[];
  /** Names of programs, or absolute paths. */
  install: readonly string[];
  installOptional: readonly string[];
  /** Absolute paths. */
  remove: readonly string[];
  /** For the image's /etc/fstab: paths of files, and lines. */
  fstab: { files: readonly string[]; lines: readonly string[] };
  /** Programs that check file systems; undefined: those for their types. */
  fsck: readonly string[] | undefined;
  /** undefined: by what the kernel can unpack. */
  compressor: Compressor | undefined;
  earlyMicrocode: boolean;
  /** Directory of files that are not the image's. */
  temporaryFolder: string;
  /** Undefined: no wish was told, so that what cannot be done is no error. */
  strip: boolean | undefined;
  /** For the image's /etc/cmdline.d. */
  kernelCommandLine: string;
  /** The host's root is looked up in its fstab. */
  useFstab: boolean;
  /** Host-only: block devices that the image has drivers for, besides those of / and /usr. */
  addDevices: readonly string[];
  /** What this machine's root needs goes into /etc/cmdline.d, too. */
  storeHostParameters: boolean;
  /** This machine's boot is rehearsed before the image gets its name. */
  rehearse: boolean;
  /** As crypt(5) writes it; undefined: the rescue shell asks for none. */
  emergencyPasswordHash: string | undefined;
  /** No file of the image is younger; undefined: no limit. Seconds since 1970. */
  sourceDate: number | undefined;
  /** Time of what the generator makes; undefined: always the same. Seconds since 1970. */
  made: number | undefined;
  /** The options that --rebuild repeats. */
  recorded: readonly string[];
}

/** Which drivers a person asked for. */
export interface DriverWishes {
  /** These, and none that modules ask for. */
  only: readonly string[] | undefined;
  add: readonly string[];
  /** Loaded before all others. */
  force: readonly string[];
  omit: readonly string[];
  /** File systems of the root, and no others. */
  fileSystems: readonly string[] | undefined;
}

/** A static init is installed as programs are: below DESTDIR, where that is set. */
function staged(path: string, staticInit: boolean, { DESTDIR }: NodeJS.ProcessEnv): string {
  return staticInit && DESTDIR ? join(DESTDIR, path) : path;
}

/** The command line adds to the configuration's lists, and what it says otherwise counts more. Throws BuildError. */
export function makeSettings(
  commandLine: CommandLine,
  files: Partial<Configuration>,
  environment: NodeJS.ProcessEnv,
): Settings {
  const { operands, last, value, pairs } = commandLine;
  const staticInit = last("static-init") !== undefined;
  if (staticInit) checkStaticInit(commandLine);
  const configuration = mergeCommandLine(commandLine, staticInit ? configurationOfStaticInit(files) : files);
  const isSet = (key: "no_kernel" | "kernel_only" | "noimageifnotneeded" | "use_fstab" | "hostonly_cmdline" | "uefi") =>
    configuration[key] === "yes";
  const hostOnly = configuration.hostonly !== "no";
  checkContradictions(commandLine, hostOnly);
  if (isSet("no_kernel") && isSet("kernel_only"))
    throw new BuildError(
      "--no-kernel (no_kernel) and --kernel-only (kernel_only) together leave nothing: leave one of them out",
    );
  const uefi = isSet("uefi");
  checkUefi(commandLine, uefi, isSet("no_kernel") || isSet("kernel_only"));
  const named = operands[0] ?? value("rebuild");
  const image = named === undefined ? undefined : outputPath(staged(named, staticInit, environment), "the image");
  return {
    image,
    force: last("force", "regenerate-all") !== undefined || (last("rebuild") !== undefined && !operands.length),
    skipUnneeded: hostOnly && isSet("noimageifnotneeded") && !uefi,
    hostOnly,
    strict: configuration.hostonly_mode === "strict",
    sysroot: sysrootOf(commandLine),
    // Scripts name a kernel for every image, as dracut lets them: it is of no account here.
    kernel: isSet("no_kernel")
      ? undefined
      : {
          release: releaseOf(commandLine),
          folder: configuration.drivers_dir,
        },
    kernelOnly: isSet("kernel_only"),
    staticInit,
    uki: uefi
      ? {
          stub: configuration.uefi_stub,
          kernelImage: configuration.kernel_image,
          splash: configuration.uefi_splash_image,
        }
      : undefined,
    listOut: listPath(commandLine, image),
    modules: {
      modules: configuration.dracutmodules,
      add: configuration.add_dracutmodules ?? [],
      force: configuration.force_add_dracutmodules ?? [],
      omit: configuration.omit_dracutmodules ?? [],
    },
    localModules: last("local") !== undefined,
    drivers: {
      only: configuration.drivers,
      add: configuration.add_drivers ?? [],
      force: configuration.force_drivers ?? [],
      omit: configuration.omit_drivers ?? [],
      fileSystems: configuration.filesystems,
    },
    firmwareFolders: (configuration.fw_dir ?? []).flatMap((word) => word.split(":").filter(Boolean)),
    include: pairs.map(({ source, destination }) => ({ source, destination: posix.join("/", destination) })),
    install: configuration.install_items ?? [],
    installOptional: configuration.install_optional_items ?? [],
    remove: (configuration.remove_items ?? []).map(removable),
    fstab: {
      files: configuration.add_fstab ?? [],
      lines: (configuration.fstab_lines ?? "").split(";").filter((line) => line.trim()),
    },
    fsck: configuration.nofscks === "yes" ? [] : configuration.fscks,
    compressor: configuration.compress === undefined ? undefined : parseCompressor(configuration.compress),
    earlyMicrocode: configuration.early_microcode !== "no",
    temporaryFolder:
      configuration.tmpdir === undefined ? tmpdir() : existingFolder("--tmpdir (tmpdir)", configuration.tmpdir),
    strip: configuration.do_strip === undefined ? undefined : configuration.do_strip === "yes",
    kernelCommandLine: configuration.kernel_cmdline ?? "",
    useFstab: isSet("use_fstab"),
    addDevices: configuration.add_device ?? [],
    storeHostParameters: hostOnly && isSet("hostonly_cmdline"),
    rehearse: hostOnly && configuration.rehearse !== "no",
    emergencyPasswordHash: configuration.emergency_password_hash,
    ...chooseTimes(configuration.reproducible !== "no", environment),
    recorded: commandLine.recorded,
  };
}

/** Directory of the system that the image's files are taken from. Throws BuildError: there is none. */
export function sysrootOf({ value }: CommandLine): string {
  return existingFolder("--sysroot", resolve(value("sysroot") ?? "/"));
}

function existingFolder(option: string, folder: string): string {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
  throw new BuildError(`${option}: there is no directory ${folder}`);
}

/** The kernel that the command line names, by --kver or by the word after the image; undefined: none. */
function releaseOf({ operands, value }: CommandLine): string | undefined {
  const [, word] = operands;
  if (word === "") throw new BuildError('"" is no kernel release: name one, or leave the word out');
  return word ?? value("kver");
}

/** What one command line cannot mean together; in a configuration the same is what holds for other images. */
function checkContradictions({ last, value, operands }: CommandLine, hostOnly: boolean): void {
  const exclusive: [OptionName, OptionName[]][] = [
    ["no-kernel", ["add-drivers", "force-drivers", "drivers", "filesystems", "regenerate-all"]],
    ["kernel-only", ["include", "install", "install-optional", "kernel-cmdline", "hostonly-cmdline"]],
    ["regenerate-all", ["rebuild", "kver", "kmoddir", "kernel-image", "list-out"]],
  ];
  const problems = exclusive.flatMap(([one, others]) =>
    others
      .filter((other) => last(one) && last(other))
      .map((other) => `--${one} and --${other} contradict each other: leave one of them out`),
  );
  const [release, word] = [value("kver"), operands[1]];
  if (release !== undefined && word !== undefined && release !== word)
    problems.push(`--kver ${release} and the word "${word}" after the image name two kernels: leave one of them out`);
  if (last("regenerate-all") && operands.length)
    problems.push("--regenerate-all writes all images at their usual places: leave IMAGE and KVER out");
  const wanted = last("hostonly-cmdline", "no-hostonly-cmdline");
  for (const option of [
    wanted === "hostonly-cmdline" ? wanted : undefined,
    last("print-cmdline"),
    last("fstab"),
    last("add-device"),
  ])
    if (option && !hostOnly) problems.push(`--${option} is about this machine, and -N builds for any: leave one out`);
  if (problems.length) throw new BuildError(...problems);
}

function checkUefi({ last }: CommandLine, uefi: boolean, isHalf: boolean): void {
  const part = last("uefi-stub", "kernel-image", "uefi-splash-image");
  if (part && !uefi && !last("no-uefi"))
    throw new BuildError(`--${part} is a part of a unified kernel image: say --uefi, too, or leave it out`);
  if (uefi && isHalf)
    throw new BuildError(
      "--uefi (uefi) makes an image that is complete, and --no-kernel (no_kernel) and --kernel-only (kernel_only) one half: say --no-uefi, or leave those out",
    );
}

function removable(path: string): string {
  const place = posix.join("/", path);
  if (place === "/") throw new BuildError(`--remove (remove_items): without "${path}" nothing is left of the image`);
  return place;
}

function outputPath(word: string, what: string): string {
  if (word === "" || word.endsWith("/")) throw new BuildError(`"${word}" is no name of a file: name one for ${what}`);
  return resolve(word);
}

function listPath({ value }: CommandLine, image: string | undefined): string | undefined {
  const list = value("list-out");
  if (list === undefined) return undefined;
  const path = locateTarget(outputPath(list, "the list"), true);
  if (path === image) throw new BuildError(`--list-out ${list} is the image's own name: name another file`);
  if (/[\s$]/.test(path))
    throw new BuildError(
      `--list-out "${list}": the kernel's tool cannot read names with blanks or $: name another file`,
    );
  return path;
}

function chooseTimes(reproducible: boolean, environment: NodeJS.ProcessEnv): Pick<Settings, "sourceDate" | "made"> {
  const sourceDate = readSourceDate(environment.SOURCE_DATE_EPOCH);
  if (!reproducible) return { sourceDate: undefined, made: Math.floor(Date.now() / 1000) };
  return { sourceDate, made: undefined };
}

/** https://reproducible-builds.org/specs/source-date-epoch/ */
function readSourceDate(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  // Eight hexadecimal digits hold the time in a cpio header.
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffffffff)
    throw new BuildError(`SOURCE_DATE_EPOCH="${text}" is not a number of seconds since 1970`);
  return Number(text);
}
