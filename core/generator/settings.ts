import { posix, resolve } from "node:path";
import type { Configuration } from "../schema/configuration.js";
import type { CommandLine } from "./command-line.js";
import { type Compressor, parseCompressor } from "./compressor.js";
import { BuildError } from "./problems.js";
import type { ModuleWishes } from "./resolve.js";

/** What is to be built: configuration and command line, put together. */
export interface Settings {
  /** Left out: /boot/initramfs-KVER.img. */
  image: string | undefined;
  force: boolean;
  hostOnly: boolean;
  /** Release and directory of drivers, as far as they were named; undefined: no drivers. */
  kernel: { release: string | undefined; folder: string | undefined } | undefined;
  modules: ModuleWishes;
  addDrivers: readonly string[];
  omitDrivers: readonly string[];
  firmwareFolders: readonly string[];
  /** A destination that ends in "/" is the directory that a file goes into. */
  include: readonly { source: string; destination: string }[];
  compressor: Compressor;
  /** For the image's /etc/cmdline.d. */
  kernelCommandLine: string;
  /** As crypt(5) writes it; undefined: the rescue shell asks for none. */
  emergencyPasswordHash: string | undefined;
  /** SOURCE_DATE_EPOCH: no file of the image is younger. Seconds since 1970. */
  sourceDate: number | undefined;
}

/** The command line adds to the configuration's lists, and what it says otherwise counts more. Throws BuildError. */
export function makeSettings(
  commandLine: CommandLine,
  configuration: Partial<Configuration>,
  environment: NodeJS.ProcessEnv,
): Settings {
  const { operands, last, value, values, words, pairs } = commandLine;
  const both = (
    key: "add_dracutmodules" | "omit_dracutmodules" | "add_drivers" | "omit_drivers",
    name: Parameters<typeof words>[0],
  ) => [...(configuration[key] ?? []), ...words(name)];
  const mode = last("hostonly", "no-hostonly");
  const [added, omitted] = [words("add"), words("omit")];
  const folder = value("kmoddir") ?? configuration.drivers_dir;
  if (last("no-kernel") && last("add-drivers"))
    throw new BuildError("--no-kernel and --add-drivers contradict each other: leave one of them out");
  return {
    image: operands[0] === undefined ? undefined : imagePath(operands[0]),
    force: last("force") !== undefined,
    hostOnly: mode ? mode === "hostonly" : configuration.hostonly !== "no",
    kernel: last("no-kernel") ? undefined : { release: value("kver") ?? operands[1], folder },
    modules: {
      modules: last("modules") ? words("modules") : configuration.dracutmodules,
      // A module that the configuration adds can be left out for once by -o, and the other way round.
      add: both("add_dracutmodules", "add").filter((name) => added.includes(name) || !omitted.includes(name)),
      omit: both("omit_dracutmodules", "omit").filter((name) => omitted.includes(name) || !added.includes(name)),
    },
    addDrivers: both("add_drivers", "add-drivers"),
    omitDrivers: both("omit_drivers", "omit-drivers"),
    firmwareFolders: (last("fwdir") ? words("fwdir") : (configuration.fw_dir ?? [])).flatMap(splitFolders),
    include: pairs.map(({ source, destination }) => ({
      source: resolve(source),
      destination: posix.join("/", destination),
    })),
    compressor: parseCompressor(chosenCompression(commandLine) ?? configuration.compress ?? "zstd"),
    kernelCommandLine: [configuration.kernel_cmdline ?? [], ...values("kernel-cmdline")].flat().join(" "),
    emergencyPasswordHash: checkHash(configuration.emergency_password_hash),
    sourceDate: readSourceDate(environment.SOURCE_DATE_EPOCH),
  };
}

function imagePath(word: string): string {
  if (word === "" || word.endsWith("/")) throw new BuildError(`"${word}" is no name of a file: name one for the image`);
  return resolve(word);
}

/** Of the kinds that busybox knows. Not shown where it is wrong: it may be the password itself. */
function checkHash(hash: string | undefined): string | undefined {
  if (hash === undefined || /^\$[56]\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{43,}$/.test(hash)) return hash;
  throw new BuildError(
    "emergency_password_hash is no hash of a password ($6$… or $5$…, in single quotes): make one with openssl passwd -6",
  );
}

/** "DIR:DIR", as dracut takes them. */
const splitFolders = (word: string) =>
  word
    .split(":")
    .filter(Boolean)
    .map((folder) => resolve(folder));

/** https://reproducible-builds.org/specs/source-date-epoch/ */
function readSourceDate(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  // Eight hexadecimal digits hold the time in a cpio header.
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffffffff)
    throw new BuildError(`SOURCE_DATE_EPOCH="${text}" is not a number of seconds since 1970`);
  return Number(text);
}

function chosenCompression({ last, value }: CommandLine): string | undefined {
  const option = last("zstd", "gzip", "no-compress", "compress");
  if (option === "compress") return value("compress");
  return option === "no-compress" ? "none" : option;
}
