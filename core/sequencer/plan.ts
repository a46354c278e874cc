import type { Hook, ParameterDeclaration, Phase } from "../../hooks/index.js";

/** What the generator knows of the boot, handed to `start` by the bundle's entry. */
export interface BootPlan {
  /** In order of their numbers. */
  modules: { name: string; hooks: Partial<Record<Phase, Hook>> }[];
  /** By parameter name. `validate` is the schema, compiled by ajv. */
  parameters: Record<string, PlannedParameter>;
  /** All modules known at build time, in the image or not. */
  roots: { module: string; form: string; parameter?: string; matches: string; type?: string; included: boolean }[];
  /** `bundle`: its id, of 16 hexadecimal digits. */
  build: { version: string; bundle: string; kernel: string | null; hostOnly: boolean };
  /** Files of kernel parameters that are looked for nowhere else, in the order in which they count; undefined: they are in the initramfs. */
  ownParameters?: readonly { path: string; text: string }[] | undefined;
}

export interface PlannedParameter {
  type: ParameterDeclaration["schema"]["type"];
  form: string;
  repeated?: boolean;
  validate(value: unknown): boolean;
}
