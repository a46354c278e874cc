import { configurationSchema } from "./configuration.js";
import { machineSchema } from "./machine.js";
import { setupAnswerSchemas } from "./manifest.js";

/** All schemas of this folder, by the names of the functions that become of them: see compiled.d.ts. */
export const schemas = { configuration: configurationSchema, machine: machineSchema, ...setupAnswerSchemas };
