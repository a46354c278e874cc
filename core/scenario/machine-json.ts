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
  return value as MachineFile;
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = placeOf(String(error), text);
    throw new BuildError(`${path}${place}: this is no JSON: ${String((error as Error).message).split("\n", 1)[0]}`);
  }
}

/** ":LINE:COLUMN", where the engine's message tells the position, or that the text ends too early. */
function placeOf(message: string, text: string): string {
  const told = /at position (\d+)/.exec(message)?.[1];
  const position = told !== undefined ? Number(told) : /end of JSON/.test(message) ? text.length : undefined;
  if (position === undefined) return "";
  const lines = text.slice(0, position).split("\n");
  return `:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** "disks[0].partitions[1].tags: must be object, not 7". */
function describe({ path, message, found }: Mistake): string {
  const place = path.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join("");
  const where = place.replace(/^\./, "") || "the machine";
  const unknown = /additional properties \((.*)\)/.exec(message)?.[1];
  if (unknown === undefined) return `${where}: ${message}${found === undefined ? "" : `, not ${found}`}`;
  const known = keysAt(path);
  const close = nearest(unknown, known);
  const hint = close === undefined ? `known are ${known.join(", ")}` : `did you mean ${close}?`;
  return `${where}: unknown key ${unknown}: ${hint}`;
}

interface SchemaPart {
  $ref?: string;
  properties?: Record<string, SchemaPart>;
  items?: SchemaPart;
  additionalProperties?: SchemaPart | false;
}

/** The keys that an object at this place may have. */
function keysAt(path: readonly string[]): string[] {
  const whole = machineSchema as unknown as SchemaPart & { $defs: Record<string, SchemaPart> };
  const follow = (part: SchemaPart | undefined): SchemaPart | undefined => {
    const name = part?.$ref?.replace("#/$defs/", "");
    return name === undefined ? part : whole.$defs[name];
  };
  let at: SchemaPart | undefined = whole;
  for (const key of path) at = follow(at?.properties?.[key] ?? at?.items ?? (at?.additionalProperties || undefined));
  return Object.keys(at?.properties ?? {});
}
