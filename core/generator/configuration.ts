import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nearest } from "../abi/index.js";
import { type Configuration, configurationSchema } from "../schema/configuration.js";
import type { Option } from "../schema/option.js";
import { options } from "../schema/options.js";
import { createValidator } from "../schema/validate.js";
import { BuildError, createProblems, type Problems, reasonOf } from "./problems.js";

/** Where configuration lies if the command line does not say so (-c, --confdir). */
export const configurationPlaces = {
  file: "/etc/firstlight/dracut.conf",
  folders: ["/etc/firstlight/dracut.conf.d", "/usr/lib/firstlight/dracut.conf.d"],
};

/**
 * Reads the file, then the folders' *.conf in the version order of their names, 9-a before 10-b (of two with the same name the first folder's counts). The files
 * are parsed, never executed. `required`: the file has to be there. Throws BuildError with file and line of all mistakes.
 */
export function readConfiguration(
  file: string,
  folders: readonly string[],
  { required }: { required: boolean },
): Partial<Configuration> {
  const files = new Map<string, string>();
  for (const folder of folders)
    for (const name of namesIn(folder))
      if (name.endsWith(".conf") && !files.has(name)) files.set(name, join(folder, name));
  const later = [...files].sort(([a], [b]) => byVersion.compare(a, b)).map(([, path]) => path);
  const problems = createProblems();
  const values: Values = {};
  for (const path of [file, ...later]) {
    const text = readText(path, required && path === file);
    if (text !== undefined) parseConfiguration(path, text, values, problems);
  }
  problems.check();
  return values as Partial<Configuration>;
}

const byVersion = new Intl.Collator("en", { numeric: true });

type Values = Record<string, string | string[]>;
type Key = keyof typeof configurationSchema.properties;

function namesIn(folder: string): string[] {
  return ifThere(folder, () => readdirSync(folder)) ?? [];
}

function readText(path: string, required: boolean): string | undefined {
  const text = ifThere(path, () => readFileSync(path, "utf8"));
  if (text === undefined && required) throw new BuildError(`configuration file ${path}: no such file or directory`);
  return text;
}

/** What reading gives; undefined: there is no such file. Any other failure is a BuildError: half a configuration is a wrong one. */
function ifThere<Result>(path: string, read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new BuildError(`configuration ${path}: ${reasonOf(error)}`);
  }
}

/** key, "=" or "+=", a value in either kind of quotes or a bare word, a comment. */
const linePattern = /^([A-Za-z_]\w*)(\+?=)(?:"([^"]*)"|'([^']*)'|([^\s"'#;&|<>()`$\\]*))\s*(?:#.*)?$/;

/** Adds one file's settings to `values`. */
export function parseConfiguration(path: string, text: string, values: Values, problems: Problems): void {
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (!line || line.startsWith("#")) continue;
    const mistake = parseLine(line, values);
    if (mistake) problems.add(`${path}:${index + 1}: ${mistake}`);
  }
}

const validate = createValidator(configurationSchema);

/** Takes one line; the result is what is wrong with it. */
function parseLine(line: string, values: Values): string | undefined {
  const [, key, operator, double, single, bare] = linePattern.exec(line) ?? [];
  if (key === undefined)
    return `not understood: "${line}" (a line is key="value" or key+=" value "; nothing is executed)`;
  const value = double ?? single ?? bare ?? "";
  if (double !== undefined && /[$`\\]/.test(double))
    return `${key}: $, \` and \\ have a meaning in a shell, but this file is not executed: write the value itself`;
  if (!isKey(key)) return wrongKey(key);
  return setKey(values, key, operator === "+=", value);
}

const isKey = (key: string): key is Key => Object.hasOwn(configurationSchema.properties, key);

function wrongKey(key: string): string {
  const refused = options.find((option: Option) => option.key === key && option.refused !== undefined) as
    | Option
    | undefined;
  if (refused) return `${key}: ${refused.refused}`;
  const known = Object.keys(configurationSchema.properties);
  const close = nearest(key, known);
  return `unknown key ${key}${close ? `: did you mean ${close}?` : ` (known: ${known.join(", ")})`}`;
}

/** Sets a key, or adds to it; the result is what is wrong with the value. */
function setKey(values: Values, key: Key, adds: boolean, value: string): string | undefined {
  const isList = configurationSchema.properties[key].type === "array";
  const before = adds ? values[key] : undefined;
  const taken = isList ? [before ?? [], value.split(/\s+/).filter(Boolean)].flat() : `${before ?? ""}${value}`.trim();
  values[key] = taken;
  const [mistake] = validate({ [key]: taken });
  return mistake && `${key}="${value}": ${mistake.replace(`${key} `, "it ")}`;
}

/**
 * What the environment says besides: DRACUT_KEY, in capitals, for any key. A list is added to the files', any other value stands for theirs.
 * Throws BuildError with all mistakes.
 */
export function addEnvironment(
  configuration: Partial<Configuration>,
  environment: NodeJS.ProcessEnv,
): Partial<Configuration> {
  const problems = createProblems();
  const values: Values = { ...configuration };
  for (const key of Object.keys(configurationSchema.properties).filter(isKey)) {
    const name = `DRACUT_${key.toUpperCase()}`;
    const value = environment[name];
    if (value === undefined) continue;
    const isList = configurationSchema.properties[key].type === "array";
    const mistake = setKey(values, key, isList, value);
    if (mistake) problems.add(`environment variable ${name}: ${mistake}`);
  }
  problems.check();
  return values as Partial<Configuration>;
}

/** A configuration as text that readConfiguration takes. */
export function formatConfiguration(configuration: Partial<Configuration>): string {
  return Object.entries(configuration)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      const text = typeof value === "string" ? value : value.join(" ");
      const quote = /["$`\\]/.test(text) ? "'" : '"';
      return typeof value === "string" ? `${key}=${quote}${text}${quote}\n` : `${key}+=${quote} ${text} ${quote}\n`;
    })
    .join("");
}
