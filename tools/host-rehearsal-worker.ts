import { parentPort, workerData } from "node:worker_threads";
import { BuildError } from "../core/generator/problems.js";
import { rehearseOnHost } from "../core/scenario/host-rehearsal.js";

const { image, commandLine } = workerData;
try {
  parentPort?.postMessage(await rehearseOnHost(image, commandLine));
} catch (error) {
  // Classes do not cross to the other thread.
  throw error instanceof BuildError ? error.message : error;
}
