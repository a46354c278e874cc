/** Runs in QuickJS, bundled with all module-setups: gives each the Host and the Image, and hands back what it answers as JSON. */
import type { CheckAnswer, Host, Image, ModuleSetup } from "../../hooks/module-setup.js";
import { nearest } from "../abi/nearest.js";
import type { ImageRequest, ModuleDeclaration } from "../schema/manifest.js";

/** What a Host answers from fixed values. */
export type HostFacts = Pick<
  Host,
  | "hostOnly"
  | "hostOnlyMode"
  | "staticInit"
  | "kernel"
  | "machine"
  | "fileSystems"
  | "layers"
  | "modaliases"
  | "root"
  | "fsck"
  | "resume"
>;
/** What a Host has to ask Node for. */
export type HostQuestion = Exclude<keyof Host, keyof HostFacts>;

/** What the step "install" answers. */
export interface TracedInstallation {
  cmdline: string[];
  requests: ImageRequest[];
  /** For each request the stack at which it was made. */
  traces: string[];
}

/** The one function that Node gives: the question's name and its argument, to JSON. */
declare const askHost: (question: HostQuestion | "facts", argument: string) => string;

/** null stands for undefined, which JSON does not have. */
function ask<Answer>(question: HostQuestion | "facts", argument: string): Answer {
  if (typeof argument !== "string")
    throw new TypeError(`host.${question}: a string is expected, not ${typeof argument}`);
  return JSON.parse(askHost(question, argument)) ?? undefined;
}

function createHost(): Host {
  const facts = ask<HostFacts>("facts", "");
  return {
    ...facts,
    kernel: facts.kernel ?? undefined,
    findProgram: (name) => ask("findProgram", name),
    exists: (path) => ask("exists", path),
    readFile: (path) => ask("readFile", path),
    list: (path) => ask("list", path),
    driverExists: (name) => ask("driverExists", name),
    kernelConfig: () => ask("kernelConfig", ""),
  };
}

function createImage({ requests, traces }: TracedInstallation): Image {
  /** Copied at once: what cannot become JSON is then told with the line that asks for it. */
  const add = (request: ImageRequest) => {
    requests.push(JSON.parse(JSON.stringify(request)));
    traces.push(new Error().stack ?? "");
  };
  const modeOf = (mode: number | undefined) => (mode === undefined ? {} : { mode });
  return {
    program: (name, options) =>
      add({ kind: "program", names: typeof name === "string" ? [name] : [...name], ...options }),
    file: (source, options) => add({ kind: "file", source, ...options }),
    library: (soname, options) => add({ kind: "library", soname, ...options }),
    text: (path, content, mode) => add({ kind: "text", path, content, ...modeOf(mode) }),
    directory: (path, mode) => add({ kind: "directory", path, ...modeOf(mode) }),
    symlink: (path, target) => add({ kind: "symlink", path, target }),
    node: (path, type, major, minor, mode) => add({ kind: "node", path, type, major, minor, mode }),
    drivers: (selectors, options) => add({ kind: "drivers", selectors: [...selectors], ...options }),
    warning: (text) => add({ kind: "warning", text }),
  };
}

/** What a ModuleSetup may hold, and as which type. */
const members: Readonly<Record<keyof ModuleSetup, "function" | "object">> = {
  check: "function",
  depends: "function",
  parameters: "object",
  root: "object",
  cmdline: "function",
  install: "function",
  installkernel: "function",
};

/** The function that runs, or the name of the member that is looked at: blamed where a stack does not tell. */
let blamed: unknown;

/** The default export of a module-setup; anything but a ModuleSetup is a mistake. */
function checkSetup(setup: unknown): ModuleSetup {
  if (typeof setup !== "object" || setup === null)
    throw new TypeError("there is no default export: write export default moduleSetup({ … })");
  for (const [name, value] of Object.entries(setup)) {
    blamed = name;
    const expected = members[name as keyof ModuleSetup];
    if (expected === undefined) {
      const close = nearest(name, Object.keys(members));
      throw new TypeError(`a module-setup has no ${name}: ${close ? `did you mean ${close}?` : "leave it out"}`);
    }
    if (value !== undefined && typeof value !== expected)
      throw new TypeError(`${name} has to be ${expected === "function" ? "a function" : "an object"}`);
  }
  return setup;
}

/** Calls a function of a setup if it is there. */
function call<Name extends "check" | "depends" | "cmdline" | "install" | "installkernel">(
  setup: ModuleSetup,
  name: Name,
  ...args: Parameters<NonNullable<ModuleSetup[Name]>>
): ReturnType<NonNullable<ModuleSetup[Name]>> | undefined {
  blamed = setup[name];
  const work = setup[name] as ((...args: unknown[]) => ReturnType<NonNullable<ModuleSetup[Name]>>) | undefined;
  const answer: unknown = work?.apply(setup, args);
  if (typeof (answer as Partial<Promise<unknown>> | null | undefined)?.then === "function")
    throw new TypeError(`${name} gives a promise, and nobody waits for it: write it without async`);
  return answer as ReturnType<NonNullable<ModuleSetup[Name]>>;
}

function install(setup: ModuleSetup, host: Host): TracedInstallation {
  const installation: TracedInstallation = { cmdline: [], requests: [], traces: [] };
  const image = createImage(installation);
  call(setup, "install", image, host);
  if (host.kernel !== undefined) call(setup, "installkernel", image, host);
  const cmdline = host.hostOnly || host.root ? call(setup, "cmdline", host) : undefined;
  return { ...installation, cmdline: (cmdline ?? []) as string[] };
}

const steps: Record<string, (setup: ModuleSetup, host: Host) => unknown> = {
  check: (setup, host): CheckAnswer => call(setup, "check", host) ?? "include",
  depends: (setup, host) => call(setup, "depends", host) ?? [],
  declare: (setup): ModuleDeclaration => ({ parameters: setup.parameters ?? {}, root: [...(setup.root ?? [])] }),
  install,
};

/** A module's namespace object, once something asks for it: a mistake at its top then is its own, not that of all. */
type LazyModule = () => { default?: unknown };

/**
 * Takes the modules and leaves two functions behind for Node. `runStep`: the JSON of one setup's answer to one step. `blamedPlace`: where the
 * function begins that was running last, "LINE:COLUMN" of the bundle, or the name of the member that was looked at; empty: there is none.
 */
export function serve(modules: Readonly<Record<string, LazyModule>>): void {
  const host = createHost();
  const runStep = (module: string, step: string): string => {
    blamed = undefined;
    const setup = checkSetup(modules[module]?.().default);
    blamed = undefined;
    return JSON.stringify(steps[step]?.(setup, host)) ?? "null";
  };
  const blamedPlace = (): string => {
    // QuickJS's own properties of functions.
    const { lineNumber, columnNumber } = Object(blamed) as { lineNumber?: unknown; columnNumber?: unknown };
    return typeof blamed === "function" ? `${lineNumber}:${columnNumber}` : String(blamed ?? "");
  };
  for (const [name, value] of Object.entries({ runStep, blamedPlace }))
    Object.defineProperty(globalThis, name, { value });
}
