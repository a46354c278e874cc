import type { SourceMap } from "node:module";
import { createEngine, type Engine, EngineError, processorTime } from "../rehearsal/engine.js";
import type { ModuleInstallation, SetupAnswers } from "../schema/manifest.js";
import { type Mistake, mistakesOf } from "../schema/validate.js";
import { shareEngine, type Turns } from "./engine-turns.js";
import type { AnswerHost } from "./host-answers.js";
import type { ModuleFolder } from "./module-folders.js";
import { BuildError, moduleProblem } from "./problems.js";
import type { HostQuestion, TracedInstallation } from "./setup-guest.js";
import { firstPlace, placeOfKey } from "./source-places.js";

/** Bounds of the engine that runs a module-setup. */
export interface SetupLimits {
  /** Processor time in milliseconds that one step may take. */
  step: number;
  /** Pages of 64 KiB. */
  memoryPages: number;
}

const stackSize = 256 << 10;

/** Asks the setup for one step, see SetupAnswers. Rejects with BuildError. Not before the answer to what was asked before. */
export type AskSetup = (step: keyof SetupAnswers) => Promise<unknown>;

/** A script with setups, in an engine. */
export interface LoadedScript {
  /** For one more setup. */
  turns(): Turns;
  limits: SetupLimits;
  /** Has the engine end what runs now when it has taken as long as a step may. */
  limit(): void;
}

/** A module, and the script that holds its setup among others. */
export interface BundledSetup {
  module: ModuleFolder;
  script: LoadedScript;
  sources: SourceMap;
}

/** Loads the script with all setups, none of which has run yet. */
export async function loadScript(code: string, answer: AnswerHost, limits: SetupLimits): Promise<LoadedScript> {
  let deadline = Number.POSITIVE_INFINITY;
  const create = () =>
    createEngine({
      memoryPages: limits.memoryPages,
      stackSize,
      interrupt: () => processorTime() > deadline,
      functions: {
        askHost: (question = "", argument = "") =>
          JSON.stringify(answer(question as HostQuestion | "facts", argument) ?? null),
      },
    });
  return {
    turns: await shareEngine(create, (engine) => engine.evaluate(code, "setups.js")),
    limits,
    limit: () => {
      deadline = processorTime() + limits.step;
    },
  };
}

/** Gives a module's setup a memory of its own. What is wrong with it comes when it is asked. */
export function openSetup(setup: BundledSetup): AskSetup {
  const turns = setup.script.turns();
  /** After this nothing more can be asked. */
  let ended: BuildError | undefined;
  return async (step) => {
    if (ended) throw ended;
    return turns.take((engine) => {
      try {
        return askStep(step, setup, engine);
      } catch (error) {
        if (!(error instanceof SetupEnded)) throw error;
        turns.abandon();
        ended = error.failure;
        throw ended;
      }
    });
  };
}

/** A setup was ended, or has had all memory: what of that is still held, nobody knows. */
class SetupEnded extends Error {
  constructor(readonly failure: BuildError) {
    super();
  }
}

/** Throws BuildError, SetupEnded. */
function askStep(step: keyof SetupAnswers, setup: BundledSetup, engine: Engine): unknown {
  const places = createPlaces(setup, engine);
  const answered = runStep(step, setup, engine, places);
  const mistakes = mistakesOf(step, answered);
  const problems = [...new Set(mistakes.map((mistake) => describeMistake(step, mistake, answered, setup, places)))];
  // Requests stand for themselves: what is missing for the good ones is to be told in the same run.
  const isTaken = step === "install" && mistakes.every(({ path }) => faultyPart(path) !== undefined);
  if (problems.length && !isTaken) throw new BuildError(...problems);
  if (step !== "install") return answered;
  const faulty = new Set(mistakes.map(({ path }) => faultyPart(path)));
  return { ...withPlaces(answered as TracedInstallation, faulty, setup, places), mistakes: problems };
}

/** Within its time. Throws BuildError, SetupEnded. */
function runStep(step: keyof SetupAnswers, { module, script }: BundledSetup, engine: Engine, places: Places): unknown {
  script.limit();
  try {
    return JSON.parse(engine.call("runStep", module.name, step));
  } catch (error) {
    // It has replaced what the engine's own code uses.
    if (error instanceof SyntaxError)
      throw new BuildError(moduleProblem(module.name, module.setup, `${step} gives no JSON`));
    if (!(error instanceof EngineError)) throw error;
    const { message, trace, interrupted, broken } = error;
    const reason = interrupted
      ? `it was still running after ${script.limits.step / 1000} s of processor time`
      : broken
        ? "it nests calls or values too deeply"
        : message;
    script.limit();
    const place = places.of(trace) ?? (broken ? undefined : places.ofBlamed()) ?? module.setup;
    const failure = new BuildError(moduleProblem(module.name, place, reason));
    throw interrupted || broken || /out of memory/.test(message) ? new SetupEnded(failure) : failure;
  }
}

/** Where in a module's sources something lies, "file:line"; undefined: that cannot be told. */
interface Places {
  /** The first frame of a stack that is the module's. */
  of(trace: string): string | undefined;
  /** Where the function begins that ran last, or the member is that was looked at. */
  ofBlamed(): string | undefined;
}

function createPlaces({ module, sources }: BundledSetup, engine: Engine): Places {
  const of = (trace: string) => firstPlace(trace, sources, [module]);
  function blamed(): string {
    try {
      return engine.call("blamedPlace");
    } catch (error) {
      if (error instanceof EngineError) return "";
      throw error;
    }
  }
  return {
    of,
    ofBlamed() {
      const what = blamed();
      if (/^\d+:\d+$/.test(what)) return of(`.js:${what}`);
      return what ? placeOfKey(module.setup, what) : undefined;
    },
  };
}

/** What of an answer of the step "install" can be left out because of a mistake there: a request, by its index, or "cmdline". */
function faultyPart([part, index]: Mistake["path"]): number | "cmdline" | undefined {
  if (part === "cmdline") return part;
  return part === "requests" && index !== undefined ? Number(index) : undefined;
}

/** The answer without its faulty parts. */
function withPlaces(
  { cmdline, requests, traces }: TracedInstallation,
  faulty: ReadonlySet<ReturnType<typeof faultyPart>>,
  { module }: BundledSetup,
  { of }: Places,
): Omit<ModuleInstallation, "mistakes"> {
  const isGood = (_: unknown, index: number) => !faulty.has(index);
  const places = traces.filter(isGood).map((trace) => of(trace) ?? module.setup);
  return { cmdline: faulty.has("cmdline") ? [] : cmdline, requests: requests.filter(isGood), places };
}

/** One thing that is wrong with an answer, with the place of what made it. */
function describeMistake(
  step: keyof SetupAnswers,
  { path, message, found }: Mistake,
  answer: unknown,
  { module }: BundledSetup,
  places: Places,
): string {
  const tell = (place: string | undefined, what: string) =>
    moduleProblem(module.name, place ?? module.setup, found === undefined ? what : `${what}, not ${found}`);
  const [first = "", second = "", ...rest] = path;
  if (step === "check")
    return tell(places.ofBlamed(), 'check has to give "include", "on-request" or { unavailable: "why" }');
  if (step === "depends") return tell(places.ofBlamed(), `${["depends", ...path].join("/")} ${message}`);
  if (step === "declare")
    return tell(placeOfKey(module.setup, first === "parameters" ? second : first), `${path.join("/")} ${message}`);
  if (first !== "requests") return tell(places.ofBlamed(), `${path.join("/")} ${message}`);
  const { requests, traces } = answer as Partial<TracedInstallation>;
  const [request, trace] = [requests?.[Number(second)], traces?.[Number(second)]];
  return tell(places.of(String(trace)), `${[`image.${request?.kind}`, ...rest].join("/")} ${message}`);
}
