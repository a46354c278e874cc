import { SourceMap } from "node:module";
import { createEngine, type Engine, EngineError, processorTime } from "../rehearsal/engine.js";
import { type SetupAnswers, setupAnswerSchemas } from "../schema/manifest.js";
import { createValidator } from "../schema/validate.js";
import { bundleForQuickJs } from "./esbuild.js";
import type { AnswerHost } from "./host-answers.js";
import type { ModuleFolder } from "./module-folders.js";
import { BuildError } from "./problems.js";
import { project } from "./project.js";
import type { HostQuestion } from "./setup-guest.js";
import { firstPlace } from "./source-places.js";

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
