import type { ErrorObject } from "ajv";
import { compiled } from "./compiled.js";

/** What is wrong with a part of a value. */
export interface Mistake {
  /** Keys and indices that lead to the part; empty: the value as a whole. */
  path: readonly string[];
  /** "must be string" */
  message: string;
  /** The part as JSON, at most 60 characters of it; left out: it is an object or a list. */
  found?: string;
}

/** All that is wrong with a value by the schema of that name in schemas.ts; nothing: it fits. */
export function mistakesOf(name: keyof typeof compiled, value: unknown): Mistake[] {
  const validate = compiled[name];
  return validate(value) ? [] : (validate.errors ?? []).map(describe);
}

const mostShown = 60;

function describe({ instancePath, message, params, data }: ErrorObject): Mistake {
  const extra = params.additionalProperty ?? params.allowedValues?.join(", ") ?? params.allowedValue;
  return {
    path: instancePath.split("/").slice(1).map(decodePointer),
    message: `${message}${extra === undefined ? "" : ` (${extra})`}`,
    ...(typeof data === "object" && data !== null ? {} : { found: JSON.stringify(data).slice(0, mostShown) }),
  };
}

/** A part of a JSON pointer, RFC 6901. */
function decodePointer(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}
