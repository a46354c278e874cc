import type { JobId, Milliseconds, Outcome, PipeId, ProgramRequest, ProgramResult } from "../abi/index.js";
import { failureOutcome } from "./failure.js";
import type { Mount } from "./file-space.js";
import { type Process, startProcess } from "./process.js";
import { type Content, createPipes, type Input, type Output, openInput, openOutput } from "./streams.js";
import type { World } from "./world.js";

/** How a program ends. Left out: with status 0, having said nothing. */
export type ProgramEnd = Partial<ProgramResult>;

/** What a model of a program waits for: time, in which it reads so many bytes of a file; more input, or its end; a signal that it catches. */
export type Pause = { sleep: Milliseconds; reads?: number } | "input" | "signal";

/** A program while it runs, as its model sees it. Text is bytes. */
export interface RunningProgram {
  world: World;
  /** argv[0] as it was found; the script, where an interpreter runs one. */
  path: string;
  /** What standard input has now; `ended`: nothing more comes. */
  read(): Content & { ended: boolean };
  /** Ends the program by SIGPIPE where nobody reads any more. */
  write(content: string | Content, to?: "stdout" | "stderr"): void;
  /** Bytes of the file that is standard input. */
  inputSize: number | undefined;
  /** From now on this signal ends it no more: `caught` has it. */
  trap(signal: string): void;
  caught: string[];
}

/**
 * What a program does when it is run: how it ends at once, or after a time; or step by step. Throws Failure: it cannot be started.
 */
export type ProgramModel = (
  request: ProgramRequest,
  program: RunningProgram,
) => (ProgramEnd & { lasts?: Milliseconds }) | Generator<Pause, ProgramEnd, undefined>;

/** The processes of the op `run`. */
export interface Programs {
  pipe(): PipeId;
  start(job: JobId, request: ProgramRequest): void;
  /** False: no program of that number runs. */
  signal(job: JobId, signal: string): boolean;
  position(job: JobId): number | undefined;
  /** Is something of that mount in use? */
  holds(mount: Mount): boolean;
}

export function createPrograms(world: World): Programs {
  const { schedule } = world;
  const pipes = createPipes();
  const processes = new Map<JobId, Process>();

  /** Opens the streams, finds the program, runs it; how it ends is the job's outcome. */
  function start(job: JobId, request: ProgramRequest): void {
    const opened: (Input | Output)[] = [];
    const end = (outcome: Outcome) => {
      processes.delete(job);
      for (const stream of opened.splice(0)) stream.close();
      schedule.end(job, outcome);
    };
    try {
      const input = openInput(world, pipes, request.stdin);
      opened.push(input);
      const stdout = openOutput(world, pipes, request.stdout, request.keepLimit);
      opened.push(stdout);
      const stderr = sharesFile(request) ? stdout : openOutput(world, pipes, request.stderr, request.keepLimit);
      if (stderr !== stdout) opened.push(stderr);
      const process = startProcess(world, request, { input, stdout, stderr }, end);
      if (process) processes.set(job, process);
    } catch (error) {
      const outcome = failureOutcome(error);
      const prevent = schedule.after(1, () => end(outcome));
      processes.set(job, { signal: () => prevent(), position: () => 0, spots: [] });
    }
    for (const [stream, side] of [
      [request.stdin, "read"],
      [request.stdout, "write"],
      [request.stderr, "write"],
    ] as const)
      pipes.give(stream, side);
  }

  return {
    pipe: pipes.create,
    start,
    signal(job, name) {
      const process = processes.get(job);
      process?.signal(name);
      return process !== undefined;
    },
    position: (job) => processes.get(job)?.position(),
    holds: (mount) => [...processes.values()].some(({ spots }) => spots.some((spot) => spot?.mount === mount)),
  };
}

function sharesFile({ stdout, stderr }: ProgramRequest): boolean {
  const fileOf = (stream: unknown) =>
    typeof stream === "object" && stream && "file" in stream ? stream.file : undefined;
  return fileOf(stdout) !== undefined && fileOf(stdout) === fileOf(stderr);
}
