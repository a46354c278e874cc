import { resolve } from "node:path";
import type { Configuration } from "../schema/configuration.js";
import type { Option } from "../schema/option.js";
import { findOption, type ListKey, nearestOption, type OptionName, options } from "../schema/options.js";
import { optionTokens } from "./option-tokens.js";
import { BuildError } from "./problems.js";

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
  /** The options that say what is in the image, as words that mean the same in any directory. */
  recorded: readonly string[];
}

interface Given {
  name: string;
  value: string;
  /** The second value of --include. */
  second?: string;
}

/** Takes a command line apart as getopt_long(3) does. Throws BuildError with all that is wrong with it. */
export function parseCommandLine(commandLine: readonly string[]): CommandLine {
  const tokens = optionTokens(commandLine, optionsForNode);
  const problems: string[] = [];
  const given: Given[] = [];
  const operands: string[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index];
    if (token?.kind === "positional") operands.push(token.value);
    if (token?.kind !== "option") continue;
    const { name, value = "" } = token;
    const problem = judge(token.rawName, name, token.value);
    if (problem) problems.push(problem);
    if (problem || name !== "include") {
      given.push({ name, value });
      continue;
    }
    // parseArgs knows of one value for an option: the second one is the word that follows.
    const next = tokens[++index];
    if (next?.kind === "positional" && next.value) given.push({ name, value, second: next.value });
    else problems.push(`${token.rawName} needs two values: SRC DST`);
  }
  for (const word of operands.slice(2))
    problems.push(`"${word}" is one word too many: after the options come [IMAGE [KVER]]`);
  if (problems.length) throw new BuildError(...new Set(problems));
  const values = (name: OptionName) => given.flatMap((entry) => (entry.name === name ? [entry.value] : []));
  return {
    operands,
    last: (...names) =>
      names.find((name) => name === given.findLast((entry) => names.some((n) => n === entry.name))?.name),
    value: (name) => values(name).at(-1),
    values,
    words: (name) => values(name).flatMap(splitWords),
    pairs: given.flatMap(({ value, second }) =>
      second === undefined ? [] : [{ source: resolve(value), destination: second }],
    ),
    recorded: given.flatMap(record),
  };
}

const splitWords = (text: string) => text.split(/\s+/).filter(Boolean);

const optionsForNode = Object.fromEntries(
  options.map(({ long, ...option }: Option) => {
    const type = option.value === undefined ? ("boolean" as const) : ("string" as const);
    return [long, { type, ...(option.short ? { short: option.short } : {}) }];
  }),
);

/** What is wrong with one option as it was given. */
function judge(written: string, name: string, value: string | undefined): string | undefined {
  const option = findOption(name);
  if (!option) {
    const close = nearestOption(name);
    return `unknown option ${written}${close ? `: did you mean ${close}?` : "; mkinitrd --help shows all"}`;
  }
  if (option.refused) return `${written}: ${option.refused}`;
  if (option.value && !value?.trim() && !takesNothing(option, value))
    return `${written} needs a value: ${option.value}`;
  if (!option.value && value !== undefined) return `${written} takes no value`;
  if (option.choices && !option.choices.includes(value ?? ""))
    return `${written} "${value}": it is one of ${option.choices.join(", ")}`;
  return undefined;
}

/** Where scripts give what a variable holds, to add nothing is no mistake. */
const takesNothing = ({ long, list, replaces }: Option, value: string | undefined) =>
  value !== undefined && (long === "kernel-cmdline" || (list && !replaces));

/** "DIR:DIR", as dracut takes directories of firmware. */
const resolveFolders = (text: string) =>
  splitWords(text)
    .flatMap((word) => word.split(":"))
    .filter(Boolean)
    .map((folder) => resolve(folder));

/** A value with its paths as they are from any directory. */
function absolute(option: Option, value: string): string {
  if (!option.path) return value;
  return option.list ? resolveFolders(value).join(" ") : resolve(value);
}

function record({ name, value, second }: Given): string[] {
  const option = findOption(name);
  if (!option?.recorded) return [];
  if (second !== undefined) return [`--${name}`, resolve(value), second];
  return option.value === undefined ? [`--${name}`] : [`--${name}=${absolute(option, value)}`];
}

/** The configuration that holds: the command line adds to the lists, and what it says otherwise counts more. */
export function mergeCommandLine(
  commandLine: CommandLine,
  configuration: Partial<Configuration>,
): Partial<Configuration> {
  const merged: Partial<Record<string, string | string[]>> = { ...configuration };
  for (const key of new Set(options.flatMap((option: Option) => option.key ?? []))) {
    const own = options.filter((option: Option) => option.key === key);
    const name = commandLine.last(...own.map(({ long }) => long));
    const option = name && findOption(name);
    if (!option) continue;
    const values = commandLine.values(name).map((value) => absolute(option, value));
    const before = option.replaces ? [] : (merged[key] ?? []);
    if (option.list) merged[key] = [before, values.flatMap(splitWords)].flat();
    else if (option.joins) merged[key] = [before, values].flat().join(option.joins).trim();
    else merged[key] = option.sets ?? values.at(-1) ?? "";
  }
  // A module that the configuration adds can be left out for once by -o, and the other way round.
  settle(merged, "add_dracutmodules", commandLine.words("add"), commandLine.words("omit"));
  settle(merged, "omit_dracutmodules", commandLine.words("omit"), commandLine.words("add"));
  return merged as Partial<Configuration>;
}

/** Takes out of a list what the command line says the opposite of. */
function settle(
  merged: Partial<Record<string, string | string[]>>,
  key: ListKey,
  given: readonly string[],
  opposite: readonly string[],
): void {
  const list = merged[key];
  if (Array.isArray(list)) merged[key] = list.filter((word) => given.includes(word) || !opposite.includes(word));
}
