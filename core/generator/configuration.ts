import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nearest } from "../abi/index.js";
import { type Configuration, configurationSchema, type KeySchema, keysOfDracutOnly } from "../schema/configuration.js";
import type { Option } from "../schema/option.js";
import { options } from "../schema/options.js";
import { mistakesOf } from "../schema/validate.js";
import { parseCompressor } from "./compressor.js";
import { BuildError, createProblems, type Problems, reasonOf } from "./problems.js";

/** Where configuration lies if the command line does not say so (-c, --confdir). */
export const configurationPlaces = {
  file: "/etc/firstlight/dracut.conf",
  folders: ["/etc/firstlight/dracut.conf.d", "/usr/lib/firstlight/dracut.conf.d"],
};

/** Where configuration is read from; what a person has named has to be there. */
export interface ConfigurationPlaces {
  file: string;
  folders: readonly string[];
  fileRequired?: boolean;
  foldersRequired?: boolean;
  /** Told of lines that have no effect. */
  warn?: (text: string) => void;
}

/**
 * Reads the file, then the folders' *.conf in the version order of their names, 9-a before 10-b (of two with the same name the first
 * folder's counts). The files are parsed, never executed. Throws BuildError with file and line of all mistakes.
 */
export function readConfiguration({
  file,
  folders,
  fileRequired = false,
  foldersRequired = false,
  warn = () => undefined,
}: ConfigurationPlaces): Partial<Configuration> {
  const problems = createProblems();
  const files = new Map<string, string>();
  for (const folder of folders)
    for (const name of problems.during(() => ifThere(folder, foldersRequired, () => readdirSync(folder))) ?? [])
      if (name.endsWith(".conf") && !files.has(name)) files.set(name, join(folder, name));
  const later = [...files].sort(([a], [b]) => byVersion.compare(a, b)).map(([, path]) => path);
  const values: Values = {};
  for (const path of [file, ...later]) {
    const isRequired = fileRequired && path === file;
    const text = problems.during(() => ifThere(path, isRequired, () => readFileSync(path, "utf8")));
    if (text !== undefined) parseConfiguration(path, text, values, { problems, warn });
  }
  problems.check();
  return values as Partial<Configuration>;
}

const byVersion = new Intl.Collator("en", { numeric: true });

type Values = Record<string, string | string[]>;
type Key = keyof typeof configurationSchema.properties;

/** What reading gives; undefined: there is no such file. Any other failure is a BuildError: half a configuration is a wrong one. */
function ifThere<Result>(path: string, required: boolean, read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && !required) return undefined;
    throw new BuildError(`configuration ${path}: ${reasonOf(error)}`);
  }
}

/** key, "=" or "+=", a value in either kind of quotes or a bare word, a comment. */
const linePattern = /^([A-Za-z_]\w*)(\+?=)(?:"([^"]*)"|'([^']*)'|([^\s"'#;&|<>()`$\\]*))\s*(?:#.*)?$/;

/** Adds one file's settings to `values`. */
export function parseConfiguration(
  path: string,
  text: string,
  values: Values,
  { problems, warn }: { problems: Problems; warn(text: string): void },
): void {
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (!line || line.startsWith("#")) continue;
    const place = `${path}:${index + 1}`;
    const mistake = parseLine(line, values, (remark) => warn(`${place}: ${remark}`));
    if (mistake) problems.add(`${place}: ${mistake}`);
  }
}

/** Takes one line; the result is what is wrong with it. */
function parseLine(line: string, values: Values, warn: (remark: string) => void): string | undefined {
  const [, key, operator, double, single, bare] = linePattern.exec(line) ?? [];
  if (key === undefined)
    return `not understood: "${line}" (a line is key="value" or key+=" value "; nothing is executed)`;
  const value = double ?? single ?? bare ?? "";
  if (double !== undefined && /[$`\\]/.test(double))
    return `${key}: $, \` and \\ have a meaning in a shell, but this file is not executed: write the value itself`;
  if (keysOfDracutOnly.includes(key) && !isKey(key)) return void warn(`${key} is dracut's, and sets nothing here`);
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

/** What no schema can say of a value: these throw a BuildError. */
const checks: Partial<Record<Key, (value: string) => unknown>> = {
  compress: parseCompressor,
  emergency_password_hash: checkHash,
};

/** Of the kinds that busybox knows. Not shown where it is wrong: it may be the password itself. */
function checkHash(hash: string): void {
  if (!/^\$[56]\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{43,}$/.test(hash))
    throw new BuildError(
      "this is no hash of a password ($6$… or $5$…, in single quotes): make one with openssl passwd -6",
    );
}

const joiners = new Map(options.flatMap(({ key, joins }: Option) => (key && joins ? [[key, joins]] : [])));

/**
 * Sets a key, or adds to it; the result is what is wrong with the value. As in a shell, an empty value takes back what was set before: what
 * is the default then counts again.
 */
function setKey(values: Values, key: Key, adds: boolean, value: string): string | undefined {
  const schema: KeySchema = configurationSchema.properties[key];
  const before = adds ? values[key] : undefined;
  const taken = schema.items
    ? [before ?? [], value.split(/\s+/).filter(Boolean)].flat()
    : [before ?? [], value.trim()]
        .flat()
        .join(joiners.get(key) ?? "")
        .trim();
  delete values[key];
  if (!taken.length && !schema.enum && !schema.minLength) return undefined;
  if (mistakesOf("configuration", { [key]: taken }).length)
    return `${key}="${value}": it has to be ${(schema.items ?? schema).description}`;
  values[key] = taken;
  try {
    if (typeof taken === "string") checks[key]?.(taken);
    return undefined;
  } catch (error) {
    return `${key}: ${reasonOf(error)}`;
  }
}

const environmentPrefix = "DRACUT_";

/**
 * What the environment says besides: DRACUT_KEY, in capitals, for any key. A list is added to the files', any other value stands for theirs.
 * `warn` is told of names that set nothing: no errors, since dracut has variables of its own. Throws BuildError with all mistakes.
 */
export function addEnvironment(
  configuration: Partial<Configuration>,
  environment: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): Partial<Configuration> {
  const problems = createProblems();
  const values: Values = { ...configuration };
  for (const [name, value = ""] of Object.entries(environment)) {
    if (!name.startsWith(environmentPrefix)) continue;
    const key = name.slice(environmentPrefix.length).toLowerCase();
    const place = `environment variable ${name}`;
    if (!isKey(key) || name !== variableOf(key)) {
      warn(`${place} sets nothing: ${isKey(key) ? `write ${variableOf(key)}` : wrongKey(key)}`);
      continue;
    }
    const isList = configurationSchema.properties[key].type === "array";
    const mistake = setKey(values, key, isList, value);
    if (mistake) problems.add(`${place}: ${mistake}`);
  }
  problems.check();
  return values as Partial<Configuration>;
}

const variableOf = (key: Key) => `${environmentPrefix}${key.toUpperCase()}`;

/** A configuration as text that readConfiguration takes. Throws BuildError: a value of the command line fits no line. */
export function formatConfiguration(configuration: Partial<Configuration>): string {
  return Object.entries(configuration)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      const text = typeof value === "string" ? value : value.join(" ");
      const quote = /["$`\\]/.test(text) ? "'" : '"';
      if (text.includes("\n") || (quote === "'" && text.includes(quote)))
        throw new BuildError(
          `${key} cannot be written into a configuration, which knows no line with both kinds of quotes: ${text}`,
        );
      return typeof value === "string" ? `${key}=${quote}${text}${quote}\n` : `${key}+=${quote} ${text} ${quote}\n`;
    })
    .join("");
}
