import type { CheckAnswer, ParameterDeclaration, RootForm } from "../../hooks/module-setup.js";

/** What a module asks the image to hold, in the order in which it asked. */
export type ImageRequest =
  | { kind: "program"; names: string[]; optional?: string }
  | { kind: "file"; source: string; destination?: string; mode?: number; optional?: string }
  | { kind: "library"; soname: string; optional?: string }
  | { kind: "text"; path: string; content: string; mode?: number }
  | { kind: "directory"; path: string; mode?: number }
  | { kind: "symlink"; path: string; target: string }
  | { kind: "node"; path: string; type: "char" | "block"; major: number; minor: number; mode: number }
  | {
      kind: "drivers";
      selectors: string[];
      always?: boolean;
      anyMachine?: boolean;
      except?: readonly string[];
      required?: boolean;
    }
  | { kind: "warning"; text: string };

/** What a module declares, whether it is part of the image or not. */
export interface ModuleDeclaration {
  parameters: Record<string, ParameterDeclaration>;
  root: RootForm[];
}

/** What a module's install side has asked for. */
export interface ModuleInstallation {
  cmdline: string[];
  requests: ImageRequest[];
  /** For each request the "file:line" that made it. */
  places: string[];
  /** What was wrong with what else it asked for: one line each, with place and remedy. */
  mistakes: string[];
}

/** The answers of a module's setup, by step; each is checked against the schema of that name. "install" has stacks for places then, and no mistakes. */
export interface SetupAnswers {
  check: CheckAnswer;
  depends: string[];
  declare: ModuleDeclaration;
  install: ModuleInstallation;
}

const text = { type: "string" } as const;
const name = { type: "string", minLength: 1 } as const;
/** Below the image's top, never above it. */
const imagePath = { type: "string", format: "absolute path without .." } as const;
const mode = { type: "integer", minimum: 0, maximum: 0o7777 } as const;
const number = { type: "integer", minimum: 0, maximum: 0xffffffff } as const;

const request = (kind: string, required: Record<string, unknown>, optional: Record<string, unknown> = {}) => ({
  type: "object",
  properties: { kind: { const: kind }, ...required, ...optional },
  required: ["kind", ...Object.keys(required)],
  additionalProperties: false,
});

const parameterSchema = {
  type: "object",
  properties: {
    type: { enum: ["string", "integer", "boolean"] },
    pattern: { type: "string", format: "regular expression" },
    enum: { type: "array", items: { type: ["string", "number"] }, minItems: 1, uniqueItems: true },
    minimum: { type: "number" },
    maximum: { type: "number" },
    minLength: { type: "integer", minimum: 0 },
  },
  required: ["type"],
  additionalProperties: false,
};

/** JSON schemas of SetupAnswers. */
export const setupAnswerSchemas: { readonly [Step in keyof SetupAnswers]: object } = {
  check: {
    anyOf: [
      { enum: ["include", "on-request"] },
      { type: "object", properties: { unavailable: text }, required: ["unavailable"], additionalProperties: false },
    ],
  },
  depends: { type: "array", items: name },
  declare: {
    type: "object",
    properties: {
      parameters: {
        type: "object",
        additionalProperties: {
          type: "object",
          properties: { schema: parameterSchema, form: name, repeated: { type: "boolean" } },
          required: ["schema", "form"],
          additionalProperties: false,
        },
      },
      root: {
        type: "array",
        items: {
          type: "object",
          properties: {
            form: name,
            parameter: name,
            matches: { type: "string", format: "regular expression" },
            type: name,
          },
          required: ["form", "matches"],
          additionalProperties: false,
        },
      },
    },
    required: ["parameters", "root"],
    additionalProperties: false,
  },
  install: {
    type: "object",
    properties: {
      cmdline: { type: "array", items: name },
      traces: { type: "array", items: text },
      requests: {
        type: "array",
        items: {
          type: "object",
          properties: { kind: text },
          required: ["kind"],
          discriminator: { propertyName: "kind" },
          oneOf: [
            request("program", { names: { type: "array", items: name, minItems: 1 } }, { optional: text }),
            request(
              "file",
              { source: { type: "string", format: "absolute path" } },
              { destination: imagePath, mode, optional: text },
            ),
            request("library", { soname: name }, { optional: text }),
            request("text", { path: imagePath, content: text }, { mode }),
            request("directory", { path: imagePath }, { mode }),
            request("symlink", { path: imagePath, target: name }),
            request("node", { path: imagePath, type: { enum: ["char", "block"] }, major: number, minor: number, mode }),
            request(
              "drivers",
              { selectors: { type: "array", items: name } },
              {
                always: { type: "boolean" },
                anyMachine: { type: "boolean" },
                except: { type: "array", items: name },
                required: { type: "boolean" },
              },
            ),
            request("warning", { text: name }),
          ],
        },
      },
    },
    required: ["cmdline", "requests", "traces"],
    additionalProperties: false,
  },
};
