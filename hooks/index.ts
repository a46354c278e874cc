export type { DeviceTags, ProgramRequest, ProgramResult } from "../core/abi/index.js";
export * from "./boot.js";
export * from "./errors.js";
export * from "./module-setup.js";
