import { accessSync, constants, readFileSync, statSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Kernel, kernelConfigPaths } from "./kernel-version.js";
import { clearLzopTime } from "./lzop-time.js";
import { BuildError, type Report } from "./problems.js";

/** What is to be done to a compressed stream, given the file and where in it the stream begins, so that same input gives same bytes. */
export type Settle = (file: FileHandle, start: number) => Promise<void>;

/** A program that compresses its standard input to its standard output. */
export interface CompressorCommand {
  program: string;
  parameters: string[];
  settle?: Settle | undefined;
}

/** How an image is compressed. */
export interface Compressor {
  name: string;
  /** Programs that do it, best first: those that use all processors. None: the image is not compressed. */
  programs: readonly string[];
  parameters: string[];
  settle?: Settle | undefined;
  /** Option without which the kernel cannot unpack the image. */
  kernelOption?: string;
}

interface Format {
  programs: readonly string[];
  /** Debian's, and most other distributions', package of the last program. */
  package: string;
  parameters: readonly string[];
  /** The parameter where none is given: the best that does not take several times as long as the one before it. */
  level: string;
  levels: RegExp;
  settle?: Settle;
  kernelOption: string;
}

/** Two at least: with one, xz writes other bytes than with many. */
const xzThreads = `-T${Math.max(2, availableParallelism())}`;

/**
 * What the kernel unpacks, in the order of preference, of which the first that it can is the default. Not pbzip2: it cuts its work into
 * streams of their own, and the kernel wants the archive in one (unpack_to_rootfs of init/initramfs.c: "junk at the end").
 */
const formats: Record<string, Format> = {
  zstd: {
    programs: ["zstd"],
    package: "zstd",
    // Left to itself it cuts the work at 16 MiB: too large for an image to keep more than two processors busy.
    parameters: ["-q", "-c", "-T0", "-B4MiB"],
    level: "-9",
    levels: /^(-([1-9]|1\d)|-2[0-2]|--ultra|--fast(=\d+)?)$/,
    kernelOption: "CONFIG_RD_ZSTD",
  },
  gzip: {
    programs: ["pigz", "gzip"],
    package: "gzip",
    parameters: ["-n", "-c"],
    level: "-6",
    levels: /^(-[1-9]|--fast|--best)$/,
    kernelOption: "CONFIG_RD_GZIP",
  },
  xz: {
    programs: ["xz"],
    package: "xz-utils",
    // The kernel checks no other sums (lib/xz/xz_dec_stream.c). Left to itself, xz cuts the work at 24 MiB and more.
    parameters: ["-c", "--check=crc32", "--block-size=8MiB", xzThreads],
    level: "-6",
    levels: /^(-[0-9]e?|-e|--extreme|-T\d+|--threads=\d+)$/,
    kernelOption: "CONFIG_RD_XZ",
  },
  lz4: {
    programs: ["lz4"],
    package: "lz4",
    // The kernel knows the legacy format only (lib/decompress_unlz4.c).
    parameters: ["-l", "-q", "-c"],
    level: "-9",
    levels: /^(-([1-9]|1[0-2])|--best|--fast(=\d+)?)$/,
    kernelOption: "CONFIG_RD_LZ4",
  },
  lzo: {
    programs: ["lzop"],
    package: "lzop",
    parameters: ["-q", "-c"],
    level: "-7",
    levels: /^(-[1-9]|--fast|--best)$/,
    settle: clearLzopTime,
    kernelOption: "CONFIG_RD_LZO",
  },
  bzip2: {
    // Not lbzip2: it fills blocks to the last byte, and one that ends in a run is then refused by the kernel (get_next_block of lib/decompress_bunzip2.c).
    programs: ["bzip2"],
    package: "bzip2",
    parameters: ["-q", "-c"],
    level: "-9",
    levels: /^(-[1-9]|--fast|--best)$/,
    kernelOption: "CONFIG_RD_BZIP2",
  },
  lzma: {
    programs: ["xz"],
    package: "xz-utils",
    parameters: ["-c", "--format=lzma"],
    level: "-6",
    levels: /^(-[0-9]e?|-e|--extreme|-T\d+|--threads=\d+)$/,
    kernelOption: "CONFIG_RD_LZMA",
  },
};

/** The compressions that are options of the command line, too. */
export const compressionNames = Object.keys(formats);

const none: Compressor = { name: "none", programs: [], parameters: [] };
const without = ["none", "cat"];

function makeCompressor(name: string, format: Format, options: readonly string[]): Compressor {
  const { programs, parameters, level, settle, kernelOption } = format;
  return { name, programs, parameters: [...parameters, ...(options.length ? options : [level])], settle, kernelOption };
}

/** "xz", "gzip -9", the name of a program ("pigz"), "none" (dracut's "cat", too). Throws BuildError: an unknown program or option. */
export function parseCompressor(text: string): Compressor {
  const [named = "", ...options] = text.trim().split(/\s+/);
  const word = named === "lbzip2" ? "bzip2" : named;
  if (without.includes(word)) return none;
  const [name, format] =
    Object.entries(formats).find(([each]) => each === word) ??
    Object.entries(formats).find(([, { programs }]) => programs.includes(word)) ??
    [];
  if (!name || !format)
    throw new BuildError(
      `unknown compression "${text}": ${compressionNames.join(", ")} or none, with a level if you like ("zstd -15")`,
    );
  const given = options.filter((option) => !format.parameters.includes(option));
  const wrong = given.find((option) => !format.levels.test(option));
  if (wrong !== undefined)
    throw new BuildError(`compression "${text}": ${wrong} is not a level of ${word} (as ${format.level} or -3 are)`);
  // Who names a program wants this one.
  const programs = word === name ? format.programs : [word];
  return makeCompressor(name, { ...format, programs }, given);
}

/** Path of a program in one of the directories of `searchPath` (PATH); undefined: it is in none. */
export function findInPath(searchPath: string, program: string): string | undefined {
  const folder = searchPath.split(":").find((each) => each && isProgram(join(each, program)));
  return folder && join(folder, program);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * The first of the compressor's programs that is in one of the directories of `searchPath` (PATH); undefined: nothing is to be
 * compressed. Throws BuildError where there is none.
 */
export function findCommand(compressor: Compressor, searchPath: string): CompressorCommand | undefined {
  const { name, programs, parameters, settle } = compressor;
  if (!programs.length) return undefined;
  const program = programs.find((each) => findInPath(searchPath, each) !== undefined);
  if (program !== undefined) return { program, parameters, settle };
  const wanted = programs.at(-1);
  const format = formats[name];
  const packageName = format?.programs.at(-1) === wanted ? format?.package : wanted;
  const others = installedNames(searchPath).map((other) => `--${other}`);
  throw new BuildError(
    `${wanted} is not installed: install the package ${packageName}, or choose another compression (${[...others, "--no-compress"].join(", ")})`,
  );
}

const installedNames = (searchPath: string) =>
  compressionNames.filter((name) =>
    formats[name]?.programs.some((program) => findInPath(searchPath, program) !== undefined),
  );

/** A kernel's configuration; undefined: nobody knows it. */
export interface KernelConfig {
  path: string;
  /** Is the option built in (=y)? */
  has(option: string): boolean;
}

export function readKernelConfig(kernel: Kernel): KernelConfig | undefined {
  for (const path of kernelConfigPaths(kernel)) {
    let lines: Set<string>;
    try {
      lines = new Set(readFileSync(path, "utf8").split("\n"));
    } catch {
      continue;
    }
    return { path, has: (option) => lines.has(`${option}=y`) };
  }
  return undefined;
}

/**
 * The compressor that was asked for or, where none was, the best one that the kernel can unpack and that is installed. Throws BuildError
 * if the kernel's configuration says that it cannot unpack such an image.
 */
export function chooseCompressor(
  asked: Compressor | undefined,
  kernel: { release: string; config: KernelConfig | undefined } | undefined,
  searchPath: string,
  report: Report,
): Compressor {
  if (!kernel?.config) {
    const compressor = asked ?? parseCompressor("zstd");
    if (kernel && compressor.kernelOption)
      report.warning(
        `there is no /boot/config-${kernel.release}: whether the kernel unpacks ${compressor.name} is not checked; if it does not boot, try --gzip`,
      );
    return compressor;
  }
  const { release, config } = kernel;
  const able = compressionNames.filter((name) => config.has(formats[name]?.kernelOption ?? ""));
  if (!asked) {
    const installed = installedNames(searchPath);
    return parseCompressor(able.find((name) => installed.includes(name)) ?? able[0] ?? "none");
  }
  if (!asked.kernelOption || config.has(asked.kernelOption)) return asked;
  throw new BuildError(
    `kernel ${release} cannot unpack ${asked.name} (${config.path} lacks ${asked.kernelOption}=y): choose another compression: ${[...able.map((name) => `--${name}`), "--no-compress"].join(", ")}`,
  );
}
