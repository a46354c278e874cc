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

export interface BuildFigures {
  name: string;
  /** Seconds, the median of three. */
  time: number;
  /** MB of the process that had most, the median of three. */
  memory: number;
  /** Bytes. */
  size: number;
}

/** Runs every build three times, in turns, so that what else the machine does hits all of them alike. */
export async function measureBuilds(builds: readonly Build[]): Promise<BuildFigures[]> {
  const runs = builds.map(() => [] as { time: number; memory: number }[]);
  for (let round = 0; round < 3; round++) {
    for (const [number, build] of builds.entries()) {
      runs[number]?.push(await timed(build.command));
    }
  }
  return Promise.all(
    builds.map(async ({ name, image }, number) => ({
      name,
      time: median(runs[number]?.map(({ time }) => time) ?? []),
      memory: median(runs[number]?.map(({ memory }) => memory) ?? []),
      size: (await stat(image)).size,
    })),
  );
}

async function timed(command: readonly string[]): Promise<{ time: number; memory: number }> {
  const folder = join(outFolder, "bench");
  const report = join(folder, "time.txt");
  await mkdir(folder, { recursive: true });
  await runAsRoot(["time", "-o", report, "-f", "%e %M", ...command]);
  const [time = 0, kibibytes = 0] = (await readFile(report, "utf8")).split(" ").map(Number);
  return { time, memory: (kibibytes * 1024) / 1e6 };
}
