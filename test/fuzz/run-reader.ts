import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { outFolder, projectFolder } from "../support/paths.js";
import { inputOf } from "./inputs.js";
import type { FuzzedReader } from "./reader.js";

export interface Task {
  /** Of the reader. */
  name: string;
  seed: number;
  /** Number of the first input. */
  first: number;
  count: number;
  /** Number of the input that is being read. */
  progress: Int32Array;
}

/** Seconds for one input, of a mebibyte at most: a thousand times what the slowest needs. Only a reader that hangs has none left. */
const patience = 100;
/** MiB: many times what any reader needs. */
const memory = 1024;

/**
 * Gives a reader `count` inputs. Result: how many it took. Rejects at the first that makes it crash, hang or eat memory: with the input's
 * number and what repeats it. The input is kept in a file.
 */
export function runReader(reader: FuzzedReader, seed: number, first: number, count: number): Promise<number> {
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const task: Task = { name: reader.name, seed, first, count, progress };
  const worker = new Worker(join(projectFolder, "dist/test/fuzz/worker.main.mjs"), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: memory },
  });
  return new Promise((resolve, reject) => {
    let [last, seconds] = [-1, 0];
    const watch = setInterval(() => {
      const now = Atomics.load(progress, 0);
      [last, seconds] = [now, now === last ? seconds + 1 : 0];
      if (seconds >= patience) fail(`it hangs: ${patience} s have not been enough`);
    }, 1000);
    const fail = (why: string) => {
      clearInterval(watch);
      void worker.terminate();
      reject(new Error(report(reader, seed, Atomics.load(progress, 0), why)));
    };
    worker.on("error", (error) => fail(error.message));
    worker.on("message", (taken: number) => {
      clearInterval(watch);
      resolve(taken);
    });
  });
}

function report(reader: FuzzedReader, seed: number, number: number, why: string): string {
  const folder = join(outFolder, "fuzz");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${reader.name}-${seed}-${number}`);
  writeFileSync(file, inputOf(reader.material(), seed, number));
  return `the reader "${reader.name}" fails on input ${number} of seed ${seed}: ${why}\nThe input is in ${file}; read it again: npm run fuzz -- --input ${file} ${reader.name}`;
}
