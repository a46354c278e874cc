import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { Writable } from "node:stream";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Milliseconds that a program has to end in when it is asked to. */
const longestEnd = 5000;

/**
 * Runs a program with this process's terminal, which Node sets back when it ends (ResetStdio in its src/node.cc). A signal ends the program first, as
 * `stop` does; it does not outlive this process either. `output`: what it says goes through there. Result: its exit status, as a shell tells it.
 */
export async function runInTerminal(
  program: string,
  words: readonly string[],
  { stop, output }: { stop?: AbortSignal; output?: Writable } = {},
): Promise<number> {
  // It is asked to end, and not killed: QEMU sets the terminal back itself.
  const child = spawn("setpriv", ["--pdeathsig", "TERM", program, ...words], {
    stdio: ["inherit", output ? "pipe" : "inherit", "inherit"],
  });
  if (output) child.stdout?.pipe(output);
  let ended: (typeof signals)[number] | undefined;
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill("SIGTERM");
    timer ??= setTimeout(() => child.kill("SIGKILL"), longestEnd);
  };
  for (const signal of signals)
    process.on(signal, () => {
      ended ??= signal;
      end();
    });
  stop?.addEventListener("abort", end);
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  const by = ended ?? signal;
  return by === null ? (status ?? 1) : 128 + constants.signals[by];
}
