import type { InstantOps, JobId, JobName, JobOps } from "../abi/index.js";
import { deviceJobs } from "./devices.js";
import { endJobs } from "./end-ops.js";
import { Failure, outcomeOf } from "./failure.js";
import { mountJobs } from "./mounts.js";
import { stopJobs } from "./stop-jobs.js";
import { treeJobs } from "./tree-jobs.js";
import type { JobCourse, World } from "./world.js";

/** Jobs whose end is known when they begin. */
const models = { ...treeJobs, ...mountJobs, ...deviceJobs, ...endJobs, ...stopJobs } as unknown as Readonly<
  Record<string, (world: World, request: unknown) => JobCourse>
>;

/** The jobs of a machine. */
export interface Jobs {
  /** Throws Failure. */
  start(name: JobName, request: unknown): { job: JobId };
  /** The op. Throws Failure ESRCH. */
  signal(request: InstantOps["signal"][0]): void;
}

export function createJobs(world: World): Jobs {
  const { schedule, programs, console } = world;
  /** Jobs that are neither programs nor prompts: how to keep them from ending by themselves. */
  const courses = new Map<JobId, () => void>();

  function startCourse(job: JobId, name: JobName, request: unknown): void {
    const course = models[name]?.(world, request);
    if (!course) throw new Failure("ENOSYS", name);
    const end = () => {
      courses.delete(job);
      schedule.end(job, outcomeOf(course.result));
    };
    courses.set(job, Number.isFinite(course.lasts) ? schedule.after(course.lasts, end) : () => {});
  }

  return {
    start(name, request) {
      const job = schedule.newJob();
      if (name === "run") programs.start(job, request as JobOps["run"][0]);
      else if (name === "prompt") console.ask(job, request as JobOps["prompt"][0]);
      else startCourse(job, name, request);
      return { job };
    },
    signal({ job, signal }) {
      if (programs.signal(job, signal) || console.signal(job, signal)) return;
      const prevent = courses.get(job);
      if (!prevent) throw new Failure("ESRCH");
      prevent();
      courses.delete(job);
      schedule.end(job, { error: { errno: "ECHILD", detail: signal } });
    },
  };
}
