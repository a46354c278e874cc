/** What tools/compile-schemas.mjs makes of schemas.ts when firstlight is built: ajv would take longer for it than all that it checks. */
import type { ErrorObject } from "ajv";
import type { schemas } from "./schemas.js";

/** Does a value fit? If not, `errors` says why not. */
export interface CompiledSchema {
  (value: unknown): boolean;
  errors?: ErrorObject[] | null;
}

export const compiled: Readonly<Record<keyof typeof schemas, CompiledSchema>>;
