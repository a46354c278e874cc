import type { Parameters } from "firstlight/hooks";

/** An array that rd.md.uuid= names. */
export interface NamedArray {
  /** In the form of uuidKey. */
  uuid: string;
  /** Path in /dev that it is to have. */
  name?: string;
  /** The boot goes on without it. */
  optional: boolean;
}

/** Arrays that another module lists. */
export interface ArrayPlan {
  arrays: readonly NamedArray[];
  /** Where they are listed, for the report. */
  source: string;
  /** Called for a required array once it has been started. */
  came(uuid: string): void;
}

let planned: ArrayPlan | undefined;

/** From a cmdline hook: what is assembled where the command line names none. */
export function planArrays(plan: ArrayPlan): void {
  planned = plan;
}

/** Which arrays are assembled. configured: those that mdadm.conf lists. */
export type Selection =
  | { kind: "none" }
  | { kind: "named"; arrays: readonly NamedArray[]; plan?: ArrayPlan }
  | { kind: "configured" }
  | { kind: "all" };

/** A UUID with colons, dashes, or neither, in groups of any length, with a name and a mark behind it. */
export const namedArrayPattern = "^(?:[0-9A-Fa-f][:\\-]*){31}[0-9A-Fa-f](?::/dev/md(?:\\d+|[/_].+?))?(?::optional)?$";

/** A UUID in one form, however it is written: 32 digits. */
export const uuidKey = (uuid: string): string => uuid.replace(/[^0-9A-Fa-f]/g, "").toLowerCase();

/** As mdadm writes it: four groups. */
export const mdadmUuid = (key: string): string => key.match(/.{1,8}/g)?.join(":") ?? "";

/** `value`: as namedArrayPattern has it. */
function readNamedArray(value: string): NamedArray {
  const [, uuid = "", name, optional] = /^([^/]*?)(?::(\/dev\/.+?))?(:optional)?$/.exec(value) ?? [];
  return { uuid: uuidKey(uuid), ...(name === undefined ? {} : { name }), optional: optional !== undefined };
}

/** `configured`: mdadm.conf counts, and lists arrays. Of several rd.md.uuid= for one array the last one counts. */
export function readSelection(parameters: Parameters, configured: boolean): Selection {
  if (!parameters.flag("rd.md", true)) return { kind: "none" };
  const named = new Map(
    parameters
      .all("rd.md.uuid")
      .map(readNamedArray)
      .map((array) => [array.uuid, array]),
  );
  if (named.size) return { kind: "named", arrays: [...named.values()] };
  if (planned) return { kind: "named", arrays: planned.arrays, plan: planned };
  if (configured) return { kind: "configured" };
  return { kind: parameters.flag("rd.auto", true) ? "all" : "none" };
}
