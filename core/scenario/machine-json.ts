import { readFileSync } from "node:fs";
import { nearest } from "../abi/index.js";
import { BuildError, reasonOf } from "../generator/problems.js";
import { type MachineFile, machineSchema } from "../schema/machine.js";
import { type Mistake, mistakesOf } from "../schema/validate.js";

/** Reads a machine file. Throws BuildError with all that is wrong with it: by line and column, or by the path of what does not fit. */
export function readMachineFile(path: string): MachineFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
  const value = parse(path, text);
  const problems = mistakesOf("machine", value).map((mistake) => `${path}: ${describe(mistake)}`);
  if (problems.length) throw new BuildError(...new Set(problems));
  const machine = value as MachineFile;
  checkNames(path, machine);
  return machine;
}

/** What no schema can say. Throws BuildError. */
function checkNames(path: string, { disks = [], programs = [] }: MachineFile): void {
  const names = [...disks, ...programs.flatMap((program) => program.disks ?? [])].map(({ name }) => name);
  const twice = names.filter((name, index) => names.indexOf(name) < index);
  if (twice.length)
    throw new BuildError(
      ...[...new Set(twice)].map((name) => `${path}: two disks are named ${name}: give each a name of its own`),
    );
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message.replace(/ (in JSON )?at position[\s\S]*| in JSON$/, "");
    throw new BuildError(`${path}:${placeOf(text)}: this is no JSON: ${reason.split("\n", 1)[0]}`);
  }
}

/** What V8 says of a text that would be right if more came. */
const tooEarly = /end of JSON|Unterminated|No number after|Exponent part/;

/** LINE:COLUMN of the first character that cannot be right, whatever follows; the engine's messages do not always tell. */
function placeOf(text: string): string {
  const mayGoOn = (part: string) => {
    try {
      JSON.parse(part);
      return true;
    } catch (error) {
      const position = /at position (\d+)/.exec(String(error))?.[1];
      return tooEarly.test(String(error)) || Number(position) >= part.length;
    }
  };
  let [right, wrong] = [0, text.length + 1];
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1;
    if (mayGoOn(text.slice(0, middle))) right = middle;
    else wrong = middle;
  }
  const lines = text.slice(0, right).split("\n");
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** "disks[0].partitions[1].tags: must be object, not 7". */
function describe({ path, message, found }: Mistake): string {
  const place = path.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join("");
  const where = place.replace(/^\./, "") || "the machine";
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
