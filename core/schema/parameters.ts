import { Ajv } from "ajv";
import standaloneCode from "ajv/dist/standalone/index.js";
import type { ParameterDeclaration, ParameterSchema } from "../../hooks/module-setup.js";

/** The checks of kernel parameters as JavaScript source. */
export interface ParameterValidators {
  /** An ES module that exports one function for each different schema. */
  code: string;
  /** The function's name in that module, by parameter. */
  names: ReadonlyMap<string, string>;
}

/** The schemas come as answers of module-setups, checked against a schema that is stricter than the schema of schemas (manifest.ts). */
const checked = { meta: false, validateSchema: false } as const;

const strictAjv = new Ajv({ ...checked, strictTypes: true, logger: false });

/** What is wrong with a parameter's schema in itself, which ajv refuses; undefined: nothing. */
export function schemaMistake(schema: ParameterSchema): string | undefined {
  try {
    strictAjv.compile(schema);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Compiles the schemas of kernel parameters to code that needs no ajv. */
export function parameterValidators(parameters: Readonly<Record<string, ParameterDeclaration>>): ParameterValidators {
  const ajv = new Ajv({ ...checked, code: { source: true, esm: true }, messages: false });
  const exports = new Map<string, string>();
  const names = new Map<string, string>();
  for (const [parameter, { schema }] of Object.entries(parameters)) {
    const text = JSON.stringify(schema);
    const name = exports.get(text) ?? `check${exports.size}`;
    if (!exports.has(text)) ajv.addSchema(schema satisfies ParameterSchema, name);
    exports.set(text, name);
    names.set(parameter, name);
  }
  const all = Object.fromEntries([...exports.values()].map((name) => [name, name]));
  return { code: standaloneCode.default(ajv, all), names };
}
