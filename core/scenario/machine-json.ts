import { dirname } from "node:path";
import { nearest } from "../abi/index.js";
import { BuildError } from "../generator/problems.js";
import { type MachineFile, machineSchema } from "../schema/machine.js";
import { type Mistake, mistakesOf } from "../schema/validate.js";
import { contradictionsOf } from "./machine-checks.js";
import { readBounded } from "./read-bounded.js";

/** What files hold can be left out of it: "from" names them. */
const largestFile = 16 << 20;

/** Reads a machine file. Throws BuildError with all that is wrong with it: by line and column, or by the path of what does not fit. */
export function readMachineFile(path: string): MachineFile {
  return parseMachine(readBounded(path, largestFile, "a machine file").toString(), path);
}

/** The machine that a file's text describes; `path`: of the file, for messages and for what it names. Throws BuildError as readMachineFile. */
export function parseMachine(text: string, path: string): MachineFile {
  const value = parse(path, text);
  const twice = keyTwice(text);
  if (twice)
    throw new BuildError(`${path}:${lineAndColumn(text, twice.at)}: a second ${twice.key}: give each key once`);
  const refuse = (problems: readonly string[]) => {
    if (problems.length) throw new BuildError(...new Set(problems.map((problem) => `${path}: ${problem}`)));
  };
  refuse(mistakesOf("machine", value).map(describe));
  const machine = value as MachineFile;
  refuse(contradictionsOf(machine, dirname(path)).map((each) => `${placeIn(each.path)}: ${each.message}`));
  return machine;
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message.replace(/ (in JSON )?at position[\s\S]*| in JSON$/, "");
    throw new BuildError(`${path}:${placeOf(text, error)}: this is no JSON: ${reason.split("\n", 1)[0]}`);
  }
}

/** What V8 says of a text that would be right if more came. */
const tooEarly = /end of JSON|Unterminated|No number after|Exponent part/;

/** Where V8 says that a text is wrong; undefined: it quotes the text instead. */
function positionIn(error: unknown): number | undefined {
  const position = / at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(String(error))?.[1];
  return position === undefined ? undefined : Number(position);
}

/** LINE:COLUMN of the first character that cannot be right, whatever follows; `error` is what V8 says of the text. */
function placeOf(text: string, error: unknown): string {
  const position = positionIn(error);
  if (position !== undefined) return lineAndColumn(text, position);
  const mayGoOn = (part: string) => {
    try {
      JSON.parse(part);
      return true;
    } catch (error) {
      return tooEarly.test(String(error)) || Number(positionIn(error)) >= part.length;
    }
  };
  let [right, wrong] = [0, text.length + 1];
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1;
    if (mayGoOn(text.slice(0, middle))) right = middle;
    else wrong = middle;
  }
  return lineAndColumn(text, right);
}

function lineAndColumn(text: string, at: number): string {
  const lines = text.slice(0, at).split("\n");
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** The first key of right JSON that its object has already: JSON.parse forgets what was there before. */
function keyTwice(text: string): { key: string; at: number } | undefined {
  /** Of each object around; undefined: a list. */
  const around: (Set<string> | undefined)[] = [];
  let mayBeKey = false;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    if (token === "{" || token === "[") around.push(token === "{" ? new Set() : undefined);
    else if (token === "}" || token === "]") around.pop();
    const keys = around.at(-1);
    if (mayBeKey && keys && token.startsWith('"')) {
      const key = JSON.parse(token) as string;
      if (keys.has(key)) return { key: token, at: index };
      keys.add(key);
    }
    mayBeKey = token === "{" || token === ",";
  }
  return undefined;
}

/** "disks[0].files["etc/fstab"].mode"; empty: the machine. */
function placeIn(path: readonly string[]): string {
  const steps = path.map((part) =>
    /^\d+$/.test(part) ? `[${part}]` : /^\w+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`,
  );
  return steps.join("").replace(/^\./, "") || "the machine";
}

/** "disks[0].partitions[1].tags: must be object, not 7". */
function describe({ path, message, found }: Mistake): string {
  const where = placeIn(path);
  const { properties = {}, description } = schemaAt(path);
  const unknown = /additional properties \((.*)\)/.exec(message)?.[1];
  const wanted = description === undefined ? message : `has to be ${description}`;
  if (unknown === undefined) return `${where}: ${wanted}${found === undefined ? "" : `, not ${found}`}`;
  const known = Object.keys(properties);
  const close = nearest(unknown, known);
  const hint = close === undefined ? `known are ${known.join(", ")}` : `did you mean ${close}?`;
  return `${where}: unknown key ${unknown}: ${hint}`;
}

interface SchemaPart {
  $ref?: string;
  description?: string;
  properties?: Record<string, SchemaPart>;
  items?: SchemaPart;
  additionalProperties?: SchemaPart | false;
}

/** What may be at this place. */
function schemaAt(path: readonly string[]): SchemaPart {
  const whole = machineSchema as unknown as SchemaPart & { $defs: Record<string, SchemaPart> };
  let at: SchemaPart = whole;
  for (const key of path) {
    const next = at.properties?.[key] ?? at.items ?? (at.additionalProperties || {});
    at = next.$ref === undefined ? next : (whole.$defs[next.$ref.replace("#/$defs/", "")] ?? {});
  }
  return at;
}
