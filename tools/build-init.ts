export { buildInit } from "../core/init/build.js";
