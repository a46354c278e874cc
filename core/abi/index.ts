export * from "./driver-index.js";
export * from "./engine.js";
export * from "./image.js";
export * from "./nearest.js";
export * from "./ops.js";
export * from "./phases.js";
export * from "./snapshot.js";
export * from "./values.js";
