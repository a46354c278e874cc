import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";

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

/** Without the schema of schemas, which costs more to compile than all of ours: that ours are right, a test checks. */
const ajv = new Ajv({
  allErrors: true,
  discriminator: true,
  formats,
  allowUnionTypes: true,
  meta: false,
  validateSchema: false,
});

/** A function that says what is wrong with a value, one text each; none: it fits. The schema is compiled when it is first called. */
export function createValidator(schema: object): (value: unknown) => string[] {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= ajv.compile(schema);
    return validate(value) ? [] : (validate.errors ?? []).map(describe);
  };
}

/** "requests/3/path must match pattern …" */
function describe({ instancePath, message, params }: ErrorObject): string {
  const extra = params.additionalProperty ?? params.allowedValues?.join(", ") ?? params.allowedValue;
  return `${instancePath.slice(1) || "the value"} ${message}${extra === undefined ? "" : ` (${extra})`}`;
}
