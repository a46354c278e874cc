import { Ajv, type ErrorObject } from "ajv";

/** Formats that the schemas of this folder use. */
const formats = {
  regex: (pattern: string) => {
    try {
      return Boolean(new RegExp(pattern, "u"));
    } catch {
      return false;
    }
  },
};

/** Compiles a schema to a function that says what is wrong with a value, one text each; none: it fits. */
export function createValidator(schema: object): (value: unknown) => string[] {
  const validate = new Ajv({
    allErrors: true,
    discriminator: true,
    formats,
    strict: true,
    allowUnionTypes: true,
  }).compile(schema);
  return (value) => (validate(value) ? [] : (validate.errors ?? []).map(describe));
}

/** "requests/3/path must match pattern …" */
function describe({ instancePath, message, params }: ErrorObject): string {
  const extra = params.additionalProperty ?? params.allowedValues?.join(", ") ?? params.allowedValue;
  return `${instancePath.slice(1) || "the value"} ${message}${extra === undefined ? "" : ` (${extra})`}`;
}
