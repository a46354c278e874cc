import type { Milliseconds, Outcome, ProgramRequest } from "../abi/index.js";
import { findProgram } from "./executables.js";
import { failureOutcome } from "./failure.js";
import type { Spot } from "./file-space.js";
import type { Pause, ProgramEnd, RunningProgram } from "./programs.js";
import type { Input, Output } from "./streams.js";
import type { World } from "./world.js";

/** A program that runs. */
export interface Process {
  signal(name: string): void;
  /** In the file that is its standard input, in bytes. */
  position(): number;
  /** What of the file systems is in use by it. */
  spots: readonly (Spot | undefined)[];
}

export interface Streams {
  input: Input;
  stdout: Output;
  stderr: Output;
}

/** A program was ended by a signal. */
class Killed extends Error {
  constructor(readonly signal: string) {
    super(signal);
  }
}

const ignored = new Set(["SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"]);

/**
 * Starts a program; `end` is told once of how it has ended. undefined: nobody has said what it does, and the rehearsal ends here. Throws Failure: it
 * cannot be started.
 */
export function startProcess(
  world: World,
  request: ProgramRequest,
  streams: Streams,
  end: (outcome: Outcome) => void,
): Process | undefined {
  const found = findProgram(world, request);
  if (!found) return undefined;
  const { input, stdout, stderr } = streams;
  const trapped = new Set<string>();
  const program = programOn(world, found.path, streams, trapped);
  const reading = createReading(world.schedule.now);
  const begun = found.model(request, program);
  const course = createCourse(world, streams, program, request.timeLimit, end);
  if (Symbol.iterator in begun) course.follow(begun, input, reading);
  else {
    const { lasts = 1, ...result } = begun;
    reading.begin(input.size ?? 0, lasts);
    course.next(lasts, () => course.finishWith(result));
  }
  return {
    signal(name) {
      if (trapped.has(name) && name !== "SIGKILL") {
        program.caught.push(name);
        course.wake();
      } else if (!ignored.has(name)) course.kill(name);
    },
    position: reading.position,
    spots: [found.root, found.folder, input.spot, stdout.spot, stderr.spot],
  };
}

/** What a model is given. */
function programOn(
  world: World,
  path: string,
  { input, stdout, stderr }: Streams,
  trapped: Set<string>,
): RunningProgram {
  return {
    world,
    path,
    read: () => ({ ...input.take(), ended: input.ended() }),
    write(content, to = "stdout") {
      const whole = typeof content === "string" ? { data: content } : content;
      if (!(to === "stdout" ? stdout : stderr).write(whole)) throw new Killed("SIGPIPE");
    },
    inputSize: input.size,
    trap: (name) => trapped.add(name),
    caught: [],
  };
}

/** How far a program is in the file that it reads: steadily on while it takes its time. */
interface Reading {
  begin(bytes: number, lasts: Milliseconds): void;
  position(): number;
}

function createReading(now: () => Milliseconds): Reading {
  let stretch = { from: 0, bytes: 0, begun: 0, lasts: 1 };
  return {
    begin(bytes, lasts) {
      stretch = { from: stretch.from + stretch.bytes, bytes, begun: now(), lasts: Math.max(lasts, 1) };
    },
    position() {
      const { from, bytes, begun, lasts } = stretch;
      return Math.floor(from + bytes * Math.min(1, (now() - begun) / lasts));
    },
  };
}

/** What a program does from now on, up to its end. */
interface Course {
  /** What it does after so long, if nothing ends it before. */
  next(delay: Milliseconds, happen: () => void): void;
  follow(steps: Generator<Pause, ProgramEnd, undefined>, input: Input, reading: Reading): void;
  finishWith(how: ProgramEnd): void;
  kill(signal: string): void;
  /** A signal that it catches has come. */
  wake(): void;
}

function createCourse(
  { schedule }: World,
  { stdout, stderr }: Streams,
  program: RunningProgram,
  timeLimit: Milliseconds | undefined,
  end: (outcome: Outcome) => void,
): Course {
  let cancel = () => {};
  let onSignal: (() => void) | undefined;
  let isOver = false;
  const cancelLimit = timeLimit ? schedule.after(timeLimit, () => finish({ error: { errno: "ETIMEDOUT" } })) : () => {};

  function finish(outcome: Outcome): void {
    if (isOver) return;
    isOver = true;
    cancel();
    cancelLimit();
    end(outcome);
  }
  /** Does something of the program's, and ends it where that ends it. */
  function guarded(action: () => void): void {
    if (isOver) return;
    try {
      action();
    } catch (error) {
      if (error instanceof Killed) course.finishWith({ signal: error.signal });
      else finish(failureOutcome(error));
    }
  }

  const course: Course = {
    next(delay, happen) {
      cancel = schedule.after(delay, () => guarded(happen));
    },
    finishWith({ status = 0, signal = null, stdout: said, stderr: complained }) {
      if (said) program.write(said);
      if (complained) program.write(complained, "stderr");
      const kept = {
        ...(stdout.kept ? { stdout: stdout.kept() } : {}),
        ...(stderr.kept ? { stderr: stderr.kept() } : {}),
      };
      finish({ value: { status: signal ? null : status, signal, ...kept } });
    },
    follow(steps, input, reading) {
      const go = () => {
        const { done, value } = steps.next();
        if (done) return course.finishWith(value);
        if (value === "signal") onSignal = go;
        else if (value === "input")
          if (input.ended()) course.next(0, go);
          else input.onChange(() => course.next(0, go));
        else {
          reading.begin(value.reads ?? 0, value.sleep);
          course.next(value.sleep, go);
        }
      };
      course.next(0, go);
    },
    kill: (signal) => guarded(() => course.finishWith({ signal })),
    wake() {
      const go = onSignal;
      onSignal = undefined;
      if (go) guarded(go);
    },
  };
  return course;
}
