import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { outFolder } from "../support/paths.js";
import { runAsRoot } from "../support/run.js";
import { median } from "./median.js";

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
}

/** Medians of three runs. */
export interface BuildFigures extends RunFigures {
  name: string;
  /** Bytes. */
  size: number;
}

/** Runs every build three times, in turns, so that what else the machine does hits all of them alike. */
export async function measureBuilds(builds: readonly Build[]): Promise<BuildFigures[]> {
  const runs = builds.map(() => [] as RunFigures[]);
  for (let round = 0; round < 3; round++) {
    for (const [number, build] of builds.entries()) {
      runs[number]?.push(await timed(build.command));
    }
  }
  const medianOf = (number: number, figure: keyof RunFigures) =>
    median(runs[number]?.map((each) => each[figure]) ?? []);
  return Promise.all(
    builds.map(async ({ name, image }, number) => ({
      name,
      time: medianOf(number, "time"),
      processor: medianOf(number, "processor"),
      memory: medianOf(number, "memory"),
      size: (await stat(image)).size,
    })),
  );
}

/** Runs a command once, as root. */
export async function timed(command: readonly string[]): Promise<RunFigures> {
  const folder = join(outFolder, "bench");
  const report = join(folder, "time.txt");
  await mkdir(folder, { recursive: true });
  await runAsRoot(["time", "-o", report, "-f", "%e %U %S %M", ...command]);
  const [time = 0, user = 0, system = 0, kibibytes = 0] = (await readFile(report, "utf8")).split(" ").map(Number);
  return { time, processor: user + system, memory: (kibibytes * 1024) / 1e6 };
}
