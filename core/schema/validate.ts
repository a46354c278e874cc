import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";

/** Formats that the schemas of this folder use, named as they are told of: "must match format …". */
const formats = {
  "absolute path": (path: string) => path.startsWith("/"),
  "absolute path without ..": (path: string) => path.startsWith("/") && !path.split("/").includes(".."),
  "regular expression": (pattern: string) => {
    try {
      return Boolean(new RegExp(pattern, "u"));
    } catch {
      return false;
    }
  },
};

/** Without the schema of schemas, which costs more to compile than all of ours: that ours are right, a test checks. */
const ajv = new Ajv({
  allErrors: true,
  verbose: true,
  discriminator: true,
  formats,
  allowUnionTypes: true,
  meta: false,
  validateSchema: false,
});

/** What is wrong with a part of a value. */
export interface Mistake {
  /** Keys and indices that lead to the part; empty: the value as a whole. */
  path: readonly string[];
  /** "must be string" */
  message: string;
  /** The part as JSON, at most 60 characters of it; left out: it is an object or a list. */
  found?: string;
}

/** A function that says all that is wrong with a value; nothing: it fits. The schema is compiled when it is first called. */
export function createValidator(schema: object): (value: unknown) => Mistake[] {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= ajv.compile(schema);
    return validate(value) ? [] : (validate.errors ?? []).map(describe);
  };
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
