import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Kernel, kernelConfigPaths } from "./kernel-version.js";
import { BuildError } from "./problems.js";

/** How an image is compressed. `program` undefined: not at all. */
export interface Compressor {
  name: string;
  program?: string;
  parameters: string[];
  /** Debian's, and most other distributions', package of the program. */
  package?: string;
  /** Option without which the kernel cannot unpack the image. */
  kernelOption?: string;
}

const known: Record<string, Required<Omit<Compressor, "name">> & { level: string; levels: RegExp }> = {
  zstd: {
    program: "zstd",
    parameters: ["-q", "-c", "-T0"],
    level: "-9",
    levels: /^(-([1-9]|1\d)|-2[0-2]|--ultra|--fast(=\d+)?)$/,
    package: "zstd",
    kernelOption: "CONFIG_RD_ZSTD",
  },
  gzip: {
    program: "gzip",
    parameters: ["-n", "-c"],
    level: "-6",
    levels: /^(-[1-9]|--fast|--best)$/,
    package: "gzip",
    kernelOption: "CONFIG_RD_GZIP",
  },
};

/** "zstd", "gzip -9", "none" (dracut's "cat", too). Throws BuildError: an unknown program or option. */
export function parseCompressor(text: string): Compressor {
  const [name = "", ...options] = text.trim().split(/\s+/);
  if (name === "none" || name === "cat") return { name: "none", parameters: [] };
  const found = Object.hasOwn(known, name) ? known[name] : undefined;
  if (!found)
    throw new BuildError(`unknown compression "${text}": zstd, gzip or none, with a level if you like ("zstd -15")`);
  const ours = found.parameters;
  const given = options.filter((option) => !ours.includes(option));
  const wrong = given.find((option) => !found.levels.test(option));
  if (wrong !== undefined)
    throw new BuildError(`compression "${text}": ${wrong} is not a level of ${name} (as -15 or -3 are)`);
  const level = given.length ? given : [found.level];
  return {
    name,
    program: found.program,
    parameters: [...ours, ...level],
    package: found.package,
    kernelOption: found.kernelOption,
  };
}

/** Throws BuildError if the compressor's program is in none of the directories of `searchPath` (PATH). */
export function checkInstalled(compressor: Compressor, searchPath: string): void {
  const { program } = compressor;
  if (program === undefined || searchPath.split(":").some((folder) => folder && existsSync(join(folder, program))))
    return;
  throw new BuildError(
    `${program} is not installed: install the package ${compressor.package}, or choose another compression (--zstd, --gzip, --no-compress)`,
  );
}

/** Throws BuildError if the kernel's configuration can be found and says that it cannot unpack such an image. */
export function checkKernelCanUnpack(compressor: Compressor, kernel: Kernel): void {
  if (!compressor.kernelOption) return;
  for (const path of kernelConfigPaths(kernel)) {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch {
      continue;
    }
    if (isSet(text, compressor.kernelOption)) return;
    throw new BuildError(
      `kernel ${kernel.release} cannot unpack ${compressor.name} (${path} lacks ${compressor.kernelOption}=y): choose another compression: ${supported(text)}`,
    );
  }
}

const isSet = (configuration: string, option: string) => configuration.split("\n").includes(`${option}=y`);

function supported(configuration: string): string {
  const others = Object.entries(known).filter(([, { kernelOption }]) => isSet(configuration, kernelOption));
  return [...others.map(([name]) => `--${name}`), "--no-compress"].join(", ");
}
