/** Gives a reader its inputs, one after the other, in a thread that can be ended. */
import { parentPort, workerData } from "node:worker_threads";
import { inputOf } from "./inputs.js";
import { findReader } from "./readers.js";
import type { Task } from "./run-reader.js";

const { name, seed, first, count, progress } = workerData as Task;
const reader = findReader(name);
const material = reader.material();
let taken = 0;
for (let number = first; number < first + count; number++) {
  Atomics.store(progress, 0, number);
  try {
    if (await reader.read(inputOf(material, seed, number))) taken++;
  } catch (error) {
    throw new Error(error instanceof Error ? error.stack : String(error));
  }
}
parentPort?.postMessage(taken);
