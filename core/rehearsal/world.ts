import type { JobName, JobOps } from "../abi/index.js";
import type { Console } from "./console.js";
import type { MachineDescription } from "./description.js";
import type { BlockDevices } from "./devices.js";
import type { FileSpace } from "./file-space.js";
import type { FileSystem } from "./file-tree.js";
import type { Folders } from "./folders.js";
import type { Hardware } from "./hardware.js";
import type { Programs } from "./programs.js";
import type { Schedule } from "./schedule.js";

/** The simulated machine, as its parts see it. */
export interface World {
  description: MachineDescription;
  files: FileSpace;
  schedule: Schedule;
  devices: BlockDevices;
  hardware: Hardware;
  folders: Folders;
  programs: Programs;
  console: Console;
  /** Names of the drivers in the kernel. */
  loaded: Set<string>;
  /** Milliseconds since 1970. */
  realtime(): number;
  /** Text on the console, or a record on the kernel's ring. */
  show(text: string): void;
  /** A new file system in memory. */
  newSystem(type: string): FileSystem;
  /** The description says nothing of what the boot asks for: it ends here, with this question. */
  leaveOpen(question: string): void;
}

/** A job's result when it ends, and how long it takes in milliseconds; infinity: it waits for a peer that never comes. */
export interface JobCourse {
  lasts: number;
  /** Throws Failure. */
  result(): unknown;
}

/** How jobs of this name are simulated: those whose end is known when they begin. */
export type JobModels<Names extends JobName> = {
  [Name in Names]: (world: World, request: JobOps[Name][0]) => JobCourse;
};

/** Most jobs are over at once: they only cost a process. */
export const soon = (result: () => unknown): JobCourse => ({ lasts: 1, result });
