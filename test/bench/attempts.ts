import type { Kernel } from "../support/kernels.js";
import { median } from "./median.js";

/** Runs a task to its result. undefined: it has failed, which is told; what else is measured goes on. `what`: of the benchmark, for the message. */
export type Attempt = <Result>(what: string, task: () => Promise<Result>) => Promise<Result | undefined>;

/** What all parts of the benchmark are given. */
export interface Bench {
  kernel: Kernel;
  /** The folder of the Debian with the other generators; undefined: nothing of theirs is measured. */
  others: string | undefined;
  attempt: Attempt;
}

/** Attempts that fail are told at once, a line each in `failures`. */
export function attempts(tell: (failure: string) => void): { attempt: Attempt; failures: string[] } {
  const failures: string[] = [];
  const attempt: Attempt = async (what, task) => {
    try {
      return await task();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      tell(`${what}: ${why}`);
      failures.push(`${what}: ${why.split("\n", 1)}`);
      return undefined;
    }
  };
  return { attempt, failures };
}

interface Task<Result> {
  /** For the message of its failure. */
  what: string;
  run(): Promise<Result>;
}

/**
 * Runs every task so many times, in turns, so that what else the machine does hits all of them alike. By task: its results; undefined: one run has failed,
 * and it was the last one.
 */
export async function inTurns<Result>(
  attempt: Attempt,
  rounds: number,
  tasks: readonly Task<Result>[],
): Promise<(Result[] | undefined)[]> {
  const results = tasks.map((): Result[] | undefined => []);
  for (let round = 0; round < rounds; round++)
    for (const [number, { what, run }] of tasks.entries()) {
      const earlier = results[number];
      if (!earlier) continue;
      const result = await attempt(what, run);
      results[number] = result === undefined ? undefined : [...earlier, result];
    }
  return results;
}

/** The median of one figure; null: what it belongs to was not measured. */
export const medianOf = <Result>(results: readonly Result[] | undefined, figure: (result: Result) => number) =>
  results ? median(results.map(figure)) : null;

/** The least of one figure; null: what it belongs to was not measured. */
export const leastOf = <Result>(results: readonly Result[] | undefined, figure: (result: Result) => number) =>
  results ? Math.min(...results.map(figure)) : null;
