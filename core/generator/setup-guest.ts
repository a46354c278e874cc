/** Runs in QuickJS, bundled with all module-setups: gives each the Host and the Image, and hands back what it answers as JSON. */
import type { CheckAnswer, Host, Image, ModuleSetup } from "../../hooks/module-setup.js";
import type { ImageRequest, ModuleDeclaration, ModuleInstallation } from "../schema/manifest.js";

/** What a Host answers from fixed values. */
export type HostFacts = Pick<
  Host,
  "hostOnly" | "hostOnlyMode" | "kernel" | "machine" | "fileSystems" | "modaliases" | "root"
>;
/** What a Host has to ask Node for. */
export type HostQuestion = Exclude<keyof Host, keyof HostFacts>;

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
  };
}

function createImage(requests: ImageRequest[]): Image {
  const add = (request: ImageRequest) => {
    requests.push(request);
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

function install(setup: ModuleSetup, host: Host): ModuleInstallation {
  const requests: ImageRequest[] = [];
  const image = createImage(requests);
  setup.install?.(image, host);
  if (host.kernel !== undefined) setup.installkernel?.(image, host);
  return { cmdline: host.hostOnly ? [...(setup.cmdline?.(host) ?? [])] : [], requests };
}

const steps: Record<string, (setup: ModuleSetup, host: Host) => unknown> = {
  check: (setup, host): CheckAnswer => setup.check?.(host) ?? "include",
  depends: (setup, host) => setup.depends?.(host) ?? [],
  declare: (setup): ModuleDeclaration => ({ parameters: setup.parameters ?? {}, root: [...(setup.root ?? [])] }),
  install,
};

/** A module's namespace object, once something asks for it: a mistake at its top then is its own, not that of all. */
type LazyModule = () => { default?: ModuleSetup };

/** Takes the modules and leaves `runStep` behind for Node: the JSON of one setup's answer to one step. */
export function serve(modules: Readonly<Record<string, LazyModule>>): void {
  const host = createHost();
  const runStep = (module: string, step: string): string => {
    const setup = modules[module]?.().default;
    if (typeof setup !== "object") throw new TypeError("module-setup has no default export made by moduleSetup(…)");
    return JSON.stringify(steps[step]?.(setup, host)) ?? "null";
  };
  Object.assign(globalThis, { runStep });
}
