import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { outFolder } from "../support/paths.js";
import { runAsRoot } from "../support/run.js";
import { type Bench, inTurns, medianOf } from "./attempts.js";
import type { Table } from "./figures.js";

/** One way to build an image. */
export interface Build {
  name: string;
  command: readonly string[];
  /** The file that it writes. */
  image: string;
}

export interface RunFigures {
  /** Seconds on the clock. */
  time: number;
  /** Seconds of processor time. */
  processor: number;
  /** MB of the process that had most. */
  memory: number;
  /** Processes and threads. */
  processes: number;
}

const figures: readonly (keyof RunFigures)[] = ["time", "processor", "memory", "processes"];

/** Runs every build so many times. */
export async function measureBuilds({ attempt }: Bench, builds: readonly Build[], rounds: number): Promise<Table> {
  const tasks = builds.map(({ name, command }) => ({ what: `build by ${name}`, run: () => timed(command) }));
  const runs = await inTurns(attempt, rounds, tasks);
  return {
    id: "builds",
    title: `Builds: the median of ${rounds}, in turns`,
    columns: [
      { name: "time", unit: "s", digits: 2 },
      { name: "processor", unit: "s", digits: 2 },
      { name: "memory", unit: "MB", digits: 0 },
      { name: "processes", unit: "", digits: 0 },
    ],
    rows: builds.map(({ name }, number) => ({
      name,
      values: figures.map((figure) => medianOf(runs[number], (each) => each[figure])),
    })),
    notes: ["memory: of the largest process; processes: with threads"],
  };
}

/**
 * Runs a command once, as root. It has process IDs of its own, which the kernel gives one after the other, to threads too: the next one tells how
 * many there were.
 */
export async function timed(command: readonly string[]): Promise<RunFigures> {
  const folder = join(outFolder, "bench");
  const report = join(folder, "time.txt");
  await mkdir(folder, { recursive: true });
  const script = 'time -o "$0" -f "%e %U %S %M" "$@" && sh -c \'echo $$\' >>"$0"';
  const inNamespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, report];
  await runAsRoot([...inNamespace, ...command]);
  const [time = 0, user = 0, system = 0, kibibytes = 0, nextId = 0] = (await readFile(report, "utf8"))
    .split(/\s+/)
    .map(Number);
  // The shell, time, and the shell that told its ID.
  return { time, processor: user + system, memory: (kibibytes * 1024) / 1e6, processes: nextId - 3 };
}
