import type { Log, Parameters, RunWord, System } from "firstlight/hooks";

/** The two programs that a system consists of, one after the other. */
export type Stage = "boot" | "reboot";

/** Where they lie, unless firstlight.boot= and firstlight.reboot= name others. */
const usualPaths: Readonly<Record<Stage, string>> = { boot: "/etc/boot", reboot: "/etc/reboot" };

/** What the kernel has not given: a stage's interpreter and what it starts look there. */
const usualEnvironment = ["TERM=linux", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];

/** The program of a stage. */
export function pathOf(stage: Stage, parameters: Parameters | undefined, log: Log): string {
  const usual = usualPaths[stage];
  const named = parameters?.text(`firstlight.${stage}`);
  if (named === undefined || named.startsWith("/")) return named ?? usual;
  log.error(`/init: firstlight.${stage}=${named}: a path that begins with / is expected; ${usual} runs in its place`);
  return usual;
}

/** The last word for a stage. `others`: what becomes of the processes that run now. The state says which one has run. */
export function runStage(system: System, stage: Stage, path: string, others: "keep" | "kill"): RunWord {
  system.log.info(`/init: ${path} starts`);
  return {
    word: "run",
    program: { argv: [path], env: environment(system), cwd: "/" },
    streams: [["/dev/null"], ["/dev/console", "/dev/null"], ["/dev/kmsg", "/dev/console", "/dev/null"]],
    others,
    state: stage,
  };
}

/** That of PID 1, which is the kernel's, and the usual. */
function environment({ files, log }: System): string[] {
  let own: string[] = [];
  try {
    own = files.read("/proc/self/environ").split("\0").filter(Boolean);
  } catch (error) {
    log.warning(`/init: the kernel's environment is unknown: ${error}`);
  }
  const names = new Set(own.map((word) => word.replace(/=.*/s, "")));
  return [...own, ...usualEnvironment.filter((word) => !names.has(word.replace(/=.*/, "")))];
}

/** How a stage has ended, or why it could not start. */
export function tellEnd({ kernel, log }: System, path: string): void {
  const { failure, status } = kernel;
  if (failure !== undefined) log.error(`/init: ${path} cannot be started: ${failure}${hintOf(failure)}`);
  else if (status === 0) log.info(`/init: ${path} has ended`);
  else if (status !== null)
    log.warning(`/init: ${path} has ended with status ${status}${status > 128 ? ` (signal ${status - 128})` : ""}`);
}

function hintOf(errno: string): string {
  if (errno === "ENOENT") return ", it is not there, or the program behind its #! is not";
  if (errno === "EACCES") return ", it is not executable";
  return errno === "ENOEXEC" ? ", it is no program, nor a script that begins with #!" : "";
}
