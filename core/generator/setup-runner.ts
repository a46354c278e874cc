import { SourceMap } from "node:module";
import { resolve } from "node:path";
import { createEngine, type Engine, EngineError } from "../rehearsal/engine.js";
import { type SetupAnswers, setupAnswerSchemas } from "../schema/manifest.js";
import { createValidator } from "../schema/validate.js";
import { bundleForQuickJs } from "./esbuild.js";
import type { AnswerHost } from "./host-answers.js";
import type { ModuleFolder } from "./module-folders.js";
import { BuildError } from "./problems.js";
import { project } from "./project.js";
import type { HostQuestion } from "./setup-guest.js";

/** Bounds of the engine that runs the module-setups. */
export interface SetupLimits {
  /** Processor time in milliseconds that one step of one module may take. */
  step: number;
  /** Pages of 64 KiB. */
  memoryPages: number;
}

const defaultLimits: SetupLimits = { step: 5000, memoryPages: 2048 };
const stackSize = 256 << 10;

const validators = {
  check: createValidator(setupAnswerSchemas.check),
  depends: createValidator(setupAnswerSchemas.depends),
  declare: createValidator(setupAnswerSchemas.declare),
  install: createValidator(setupAnswerSchemas.install),
};

/** Asks a module's setup for one step. Throws BuildError: it threw, took too long or too much memory, or answered nonsense. */
export type RunStep = <Step extends keyof SetupAnswers>(module: ModuleFolder, step: Step) => SetupAnswers[Step];

/** Bundles all module-setups and loads them into one engine. Throws BuildError with file and line. */
export async function loadSetups(
  modules: readonly ModuleFolder[],
  answer: AnswerHost,
  limits: SetupLimits = defaultLimits,
): Promise<RunStep> {
  const entry = [
    `import { serve } from ${JSON.stringify(project.setupGuest)};`,
    `serve({ ${modules.map(({ name, setup }) => `${JSON.stringify(name)}: () => require(${JSON.stringify(setup)})`).join(", ")} });`,
  ].join("\n");
  const { code, map } = await bundleForQuickJs(entry);
  const sources = new SourceMap(JSON.parse(map));

  let deadline = 0;
  const engine = await createEngine({
    memoryPages: limits.memoryPages,
    stackSize,
    interrupt: () => processorTime() > deadline,
    functions: {
      askHost: (question = "", argument = "") =>
        JSON.stringify(answer(question as HostQuestion | "facts", argument) ?? null),
    },
  });

  /** Runs a part of the engine's code within its time; `owner` is blamed where the stack names no module. */
  function limited<Result>(owner: string, work: (engine: Engine) => Result): Result {
    deadline = processorTime() + limits.step;
    try {
      return work(engine);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const reason = error.interrupted
        ? `it was still running after ${limits.step / 1000} s of processor time`
        : error.message;
      const place = firstPlace(error.trace, sources, modules);
      throw new BuildError(`${place ?? owner}: ${reason}`);
    }
  }

  limited("module-setup", () => engine.evaluate(code, "setups.js"));
  return (module, step) => {
    const what = `${module.setup}, ${step}`;
    const answered: unknown = JSON.parse(limited(what, () => engine.call("runStep", module.name, step)));
    const mistakes = validators[step](answered);
    if (mistakes.length) throw new BuildError(...mistakes.map((mistake) => `${what}: ${mistake}`));
    return answered as SetupAnswers[typeof step];
  };
}

/** Milliseconds of processor time of this process. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** "file:line" of the first stack frame that lies in a module's folder. */
function firstPlace(trace: string, sources: SourceMap, modules: readonly ModuleFolder[]): string | undefined {
  for (const [, line, column] of trace.matchAll(/setups\.js:(\d+):(\d+)/g)) {
    const origin = findOrigin(sources, Number(line) - 1, Number(column) - 1);
    const path = origin && resolve(project.top, origin.originalSource);
    if (path && modules.some(({ folder }) => path.startsWith(`${folder}/`)))
      return `${path}:${origin.originalLine + 1}`;
  }
  return undefined;
}

/** QuickJS may know the line only, and say column 1, before the first mapping of that line. */
function findOrigin(sources: SourceMap, line: number, column: number) {
  for (const at of [column, Number.MAX_SAFE_INTEGER]) {
    const origin = sources.findEntry(line, at);
    if ("originalSource" in origin && origin.generatedLine === line) return origin;
  }
  return undefined;
}
