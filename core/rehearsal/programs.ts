import type { JobId, Milliseconds, Outcome, PipeId, ProgramRequest, ProgramResult } from "../abi/index.js";
import { findProgram } from "./executables.js";
import { failureOutcome } from "./failure.js";
import type { Mount, Spot } from "./file-space.js";
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

/** A program was ended by a signal. */
class Killed extends Error {
  constructor(readonly signal: string) {
    super(signal);
  }
}

const ignored = new Set(["SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"]);

interface Process {
  signal(name: string): void;
  position(): number;
  spots: readonly (Spot | undefined)[];
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
      const process = run(request, { input, stdout, stderr }, end);
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

  interface Streams {
    input: Input;
    stdout: Output;
    stderr: Output;
  }

  /** Throws Failure: it cannot be started. undefined: it has ended already. */
  function run(request: ProgramRequest, streams: Streams, end: (outcome: Outcome) => void): Process | undefined {
    const found = findProgram(world, request);
    // The rehearsal ends here, whatever would have come.
    if (!found) return undefined;
    const { input, stdout, stderr } = streams;
    const trapped = new Set<string>();
    let cancel = () => {};
    let isOver = false;
    let waitsForSignal = false;
    let reading = { from: 0, bytes: 0, begun: 0, lasts: 1 };

    function finish(outcome: Outcome): void {
      if (isOver) return;
      isOver = true;
      cancel();
      cancelLimit();
      end(outcome);
    }
    function finishWith({ status, signal = null, stdout: said, stderr: complained }: ProgramEnd): void {
      if (said) program.write(said);
      if (complained) program.write(complained, "stderr");
      const kept = {
        ...(stdout.kept ? { stdout: stdout.kept() } : {}),
        ...(stderr.kept ? { stderr: stderr.kept() } : {}),
      };
      finish({ value: { status: signal ? null : (status ?? 0), signal, ...kept } });
    }
    /** Does something of the program's, and ends it where that ends it. */
    function guarded(action: () => void): void {
      try {
        action();
      } catch (error) {
        if (error instanceof Killed) finishWith({ signal: error.signal });
        else finish(failureOutcome(error));
      }
    }

    const program: RunningProgram = {
      world,
      path: found.path,
      read: () => ({ ...input.take(), ended: input.ended() }),
      write(content, to = "stdout") {
        const whole = typeof content === "string" ? { data: content } : content;
        if (!(to === "stdout" ? stdout : stderr).write(whole)) throw new Killed("SIGPIPE");
      },
      inputSize: input.size,
      trap: (name) => trapped.add(name),
      caught: [],
    };

    /** Until it has to wait for something. */
    function go(steps: Generator<Pause, ProgramEnd, undefined>): void {
      if (isOver) return;
      guarded(() => {
        const { done, value } = steps.next();
        if (done) return finishWith(value);
        if (value === "signal") waitsForSignal = true;
        else if (value === "input")
          input.ended() ? schedule.after(0, () => go(steps)) : input.onChange(() => later(steps));
        else {
          const { sleep, reads = 0 } = value;
          reading = {
            from: reading.from + reading.bytes,
            bytes: reads,
            begun: schedule.now(),
            lasts: Math.max(sleep, 1),
          };
          cancel = schedule.after(sleep, () => go(steps));
        }
        resume = () => go(steps);
      });
    }
    let resume = () => {};
    const later = (steps: Generator<Pause, ProgramEnd, undefined>) => {
      cancel = schedule.after(0, () => go(steps));
    };
    const position = () => {
      const { from, bytes, begun, lasts } = reading;
      return Math.floor(from + bytes * Math.min(1, (schedule.now() - begun) / lasts));
    };

    const cancelLimit = request.timeLimit
      ? schedule.after(request.timeLimit, () => finish({ error: { errno: "ETIMEDOUT" } }))
      : () => {};
    const begun = found.model(request, program);
    if (Symbol.iterator in begun) later(begun);
    else {
      const { lasts = 1, ...result } = begun;
      reading = { from: 0, bytes: input.size ?? 0, begun: schedule.now(), lasts };
      cancel = schedule.after(lasts, () => guarded(() => finishWith(result)));
    }
    return {
      signal(name) {
        if (trapped.has(name) && name !== "SIGKILL") {
          program.caught.push(name);
          if (!waitsForSignal) return;
          waitsForSignal = false;
          resume();
        } else if (!ignored.has(name)) guarded(() => finishWith({ signal: name }));
      },
      position,
      spots: [found.root, found.folder, input.spot, stdout.spot, stderr.spot],
    };
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
