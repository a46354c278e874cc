import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Milliseconds that a program has to end in when it is asked to. */
const longestEnd = 5000;

/**
 * Runs a program with this process's terminal, and leaves the terminal as it was. A signal ends the program first; it does not outlive this process
 * either. Result: its exit status, as a shell tells it.
 */
export async function runInTerminal(program: string, words: readonly string[]): Promise<number> {
  const settings = process.stdin.isTTY ? stty(["-g"]).trim() : "";
  // It is asked to end, and not killed: QEMU sets the terminal back itself.
  const child = spawn("setpriv", ["--pdeathsig", "TERM", program, ...words], { stdio: "inherit" });
  let ended: (typeof signals)[number] | undefined;
  let timer: NodeJS.Timeout | undefined;
  for (const signal of signals)
    process.on(signal, () => {
      ended ??= signal;
      child.kill("SIGTERM");
      timer ??= setTimeout(() => child.kill("SIGKILL"), longestEnd);
    });
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  if (settings) stty([settings]);
  const by = ended ?? signal;
  return by === null ? (status ?? 1) : 128 + constants.signals[by];
}

/** The terminal may be gone: then there is nothing to be set. */
const stty = (words: readonly string[]) =>
  spawnSync("stty", words, { stdio: ["inherit", "pipe", "ignore"], encoding: "utf8" }).stdout ?? "";
