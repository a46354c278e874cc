import { nearest } from "../abi/index.js";
import { optionTokens } from "../generator/option-tokens.js";
import { BuildError } from "../generator/problems.js";

interface Option {
  short?: string;
  /** The name of its value in --help; in brackets: it can be left out, and stands after "=". */
  value?: string;
  help: string;
}

/** All options, with dracut's names, in the order of --help. */
const options = {
  size: { short: "s", help: "sort by size, the largest last" },
  file: { short: "f", value: "FILE", help: "show a file's content, as FILE after the image does" },
  kver: { short: "k", value: "KVER", help: "the image of this kernel release" },
  mod: { short: "m", help: "show the modules of firstlight or dracut that are in the image" },
  unpack: {
    value: "[FOLDER]",
    help: "unpack into a new or empty folder (left out: the current one), or the FILEs only",
  },
  unpackearly: { value: "[FOLDER]", help: "the same for the early segments: microcode, tables of ACPI" },
  diff: { value: "IMAGE", help: "what has been added, removed and changed since that image" },
  map: { value: "FILE", help: "draw what takes the space, by module and file: FILE.svg or FILE.html" },
  verbose: { short: "v", help: "tell what is unpacked" },
  help: { short: "h", help: "show this and end" },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof options;

export interface LsinitrdCommandLine {
  /** [IMAGE [FILE...]] */
  operands: readonly string[];
  /** Values of options, "" where they have none; of one that was repeated, in order. */
  given: ReadonlyMap<OptionName, readonly string[]>;
}

/** Takes a command line apart as getopt_long(3) does. Throws BuildError with all that is wrong with it. */
export function parseLsinitrdCommandLine(words: readonly string[]): LsinitrdCommandLine {
  const table: [string, Option][] = Object.entries(options);
  const tokens = optionTokens(
    words,
    Object.fromEntries(
      table.map(([name, { short, value }]) => [
        name,
        { type: value && !value.startsWith("[") ? "string" : "boolean", ...(short ? { short } : {}) } as const,
      ]),
    ),
  );
  const problems: string[] = [];
  const operands: string[] = [];
  const given = new Map<OptionName, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    const option = table.find(([known]) => known === name)?.[1];
    if (!option) {
      const close = nearest(name, Object.keys(options));
      problems.push(`unknown option ${rawName}${close ? `: did you mean --${close}?` : "; lsinitrd --help shows all"}`);
    } else if (!option.value && value !== undefined) problems.push(`${rawName} takes no value`);
    else if (option.value && !option.value.startsWith("[") && !value)
      problems.push(`${rawName} needs a value: ${option.value}`);
    const values = given.get(name as OptionName) ?? [];
    given.set(name as OptionName, [...values, value ?? ""]);
  }
  problems.push(...contradictions(given));
  if (problems.length) throw new BuildError(...problems);
  return { operands, given };
}

/** Of these, each is a task of its own. */
const tasks: OptionName[] = ["file", "mod", "unpack", "unpackearly", "diff", "map"];

function contradictions(given: LsinitrdCommandLine["given"]): string[] {
  const chosen = tasks.filter((name) => given.has(name) && !(name === "file" && given.has("unpack")));
  return chosen.length > 1 ? [`--${chosen.join(" and --")} cannot be done at once: give one of them`] : [];
}

/** The text of --help. */
export function lsinitrdHelp(): string {
  const lines = Object.entries(options).map(([name, option]: [string, Option]) => {
    const value = option.value?.startsWith("[") ? `[=${option.value.slice(1)}` : ` ${option.value ?? ""}`;
    return `  ${`${option.short ? `-${option.short},` : "   "} --${name}${value}`.padEnd(28)} ${option.help}`;
  });
  return [
    "usage: lsinitrd [OPTIONS] [IMAGE [FILE...]]",
    "Shows what is in an initramfs image, or the content of files in it. IMAGE left out: /boot/initramfs-KVER.img for the",
    "running kernel, or where that is missing its unified kernel image, EFI/Linux/linux-KVER-MACHINE_ID.efi of the EFI",
    "system partition. Images of any generator, of any number of cpio archives, compressed or not. Times are in UTC.",
    "",
    ...lines,
    "",
  ].join("\n");
}
