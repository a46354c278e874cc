export * from "./driver-index.js";
export * from "./image.js";
export * from "./nearest.js";
export * from "./ops.js";
export * from "./phases.js";
export * from "./values.js";
