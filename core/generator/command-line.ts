import { parseArgs } from "node:util";
import { nearest } from "../abi/index.js";
import { BuildError } from "./problems.js";

interface Option {
  long: string;
  short?: string;
  /** The name of its value in --help; left out: it takes none. */
  value?: string;
  help: string;
}

/** All options, with dracut's names, in the order of --help. */
const options = [
  { long: "force", short: "f", help: "overwrite an existing image" },
  { long: "kver", value: "KVER", help: "kernel release (left out: the running kernel)" },
  { long: "kmoddir", short: "k", value: "DIR", help: "directory of that kernel's drivers" },
  { long: "no-kernel", help: "no drivers: for kernels that have all they need built in" },
  { long: "hostonly", short: "H", help: "what this machine needs (default)" },
  { long: "no-hostonly", short: "N", help: "what any machine may need" },
  { long: "add", short: "a", value: "LIST", help: "add modules" },
  { long: "omit", short: "o", value: "LIST", help: "leave modules out" },
  { long: "modules", short: "m", value: "LIST", help: "these modules only, and what they depend on" },
  { long: "list-modules", help: "show all modules and end" },
  { long: "add-drivers", value: "LIST", help: "add drivers (kernel modules)" },
  { long: "omit-drivers", value: "LIST", help: "leave drivers out" },
  { long: "fwdir", value: "DIR", help: "directories of firmware (left out: /lib/firmware)" },
  { long: "include", short: "i", value: "SRC DST", help: "copy a file or a directory as it is" },
  { long: "kernel-cmdline", value: "TEXT", help: "kernel parameters to put into the image" },
  { long: "zstd", help: "compress with zstd (default)" },
  { long: "gzip", help: "compress with gzip" },
  { long: "no-compress", help: "do not compress" },
  { long: "compress", value: "CMD", help: 'compress with, for example, "zstd -15"' },
  { long: "conf", short: "c", value: "FILE", help: "configuration file" },
  { long: "confdir", value: "DIR", help: "directory of configuration files" },
  { long: "verbose", short: "v", help: "tell what is put into the image, and why" },
  { long: "quiet", short: "q", help: "tell errors only" },
  { long: "version", help: "show the version and end" },
  { long: "help", short: "h", help: "show this and end" },
] as const satisfies readonly Option[];

export type OptionName = (typeof options)[number]["long"];

/** A command line, taken apart. */
export interface CommandLine {
  /** Words that belong to no option: [IMAGE [KVER]]. */
  operands: readonly string[];
  /** Which of these options was given last; undefined: none. */
  last(...names: OptionName[]): OptionName | undefined;
  /** Value of the last time an option was given. */
  value(name: OptionName): string | undefined;
  /** All values of an option. */
  values(name: OptionName): string[];
  /** The words of all values of an option, which are separated by blanks. */
  words(name: OptionName): string[];
  /** Of --include. */
  pairs: readonly { source: string; destination: string }[];
}

/** Takes a command line apart as getopt_long(3) does. Throws BuildError with all that is wrong with it. */
export function parseCommandLine(commandLine: readonly string[]): CommandLine {
  const { tokens } = parseArgs({
    args: [...commandLine],
    options: Object.fromEntries(options.map(describeForNode)),
    strict: false,
    tokens: true,
  });
  const problems: string[] = [];
  const given: { name: string; value: string }[] = [];
  const operands: string[] = [];
  const pairs: CommandLine["pairs"][number][] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index];
    if (token?.kind === "positional") operands.push(token.value);
    if (token?.kind !== "option") continue;
    const { name, value = "" } = token;
    const problem = judge(token.rawName, name, token.value);
    if (problem) problems.push(problem);
    given.push({ name, value });
    if (problem || name !== "include") continue;
    // parseArgs knows of one value for an option: the second one is the word that follows.
    const next = tokens[++index];
    if (next?.kind === "positional") pairs.push({ source: value, destination: next.value });
    else problems.push(`${token.rawName} needs two values: SRC DST`);
  }
  for (const word of operands.slice(2))
    problems.push(`"${word}" is one word too many: after the options come [IMAGE [KVER]]`);
  if (problems.length) throw new BuildError(...problems);
  const values = (name: OptionName) => given.flatMap((entry) => (entry.name === name ? [entry.value] : []));
  return {
    operands,
    last: (...names) =>
      names.find((name) => name === given.findLast((entry) => names.some((n) => n === entry.name))?.name),
    value: (name) => values(name).at(-1),
    values,
    words: (name) => values(name).flatMap((value) => value.split(/\s+/).filter(Boolean)),
    pairs,
  };
}

function describeForNode({ long, ...option }: Option) {
  const type = option.value === undefined ? ("boolean" as const) : ("string" as const);
  return [long, { type, ...(option.short ? { short: option.short } : {}) }] as const;
}

/** What is wrong with one option as it was given. */
function judge(written: string, name: string, value: string | undefined): string | undefined {
  const option: Option | undefined = options.find(({ long }) => long === name);
  if (!option) {
    const close = nearest(
      name,
      options.map(({ long }) => long),
    );
    return `unknown option ${written}${close ? `: did you mean --${close}?` : "; mkinitrd --help shows all"}`;
  }
  if (option.value && value === undefined) return `${written} needs a value: ${option.value}`;
  if (!option.value && value !== undefined) return `${written} takes no value`;
  return undefined;
}

/** The text of --help. */
export function helpText(): string {
  const lines = options.map((option: Option) => {
    const names = `${option.short ? `-${option.short},` : "   "} --${option.long} ${option.value ?? ""}`;
    return `  ${names.padEnd(30)} ${option.help}`;
  });
  return [
    "usage: mkinitrd [OPTIONS] [IMAGE [KVER]]",
    "Writes an initramfs image; left out: /boot/initramfs-KVER.img for the running kernel.",
    "Short options can be joined; words of a LIST are separated by blanks, or the option is repeated.",
    "",
    ...lines,
    "",
  ].join("\n");
}
