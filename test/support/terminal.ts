import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Milliseconds after which a program ends that should have long before. */
const hardLimit = 600_000;

/** Runs a program at a terminal of its own; `name` is one that nothing else in `folder` has. */
export function atTerminal(folder: string, name: string, argv: readonly string[]) {
  const place = (what: string) => join(folder, `${name}-${what}`);
  const line = `stty -g >${place("before")}; sh -c 'echo $$ >${place("pid")}; exec "$@"' sh "$@"; echo status=$?; stty -g >${place("after")}`;
  writeFileSync(place("script"), `${line}\n`);
  const quoted = argv.map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qfc", `sh ${place("script")} ${quoted}`, "/dev/null"], { stdio: "pipe" });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  const ended = once(child, "close");
  const limit = setTimeout(() => child.kill(), hardLimit);
  ended.finally(() => clearTimeout(limit));
  return {
    type: (typed: string) => child.stdin.write(typed),
    signal: (signal: NodeJS.Signals) => process.kill(Number(readFileSync(place("pid"), "utf8")), signal),
    /** The terminal is gone, as when its window is closed. */
    async close(): Promise<void> {
      child.kill("SIGKILL");
      await ended;
    },
    async waitFor(pattern: RegExp): Promise<void> {
      while (!pattern.test(text)) {
        assert.equal(child.exitCode ?? child.signalCode, null, `it ended without ${pattern}:\n${text}`);
        await Promise.race([once(child.stdout, "data"), ended]);
      }
    },
    /** Its exit status, and all that was shown. */
    async end(): Promise<{ status: number; text: string }> {
      await ended;
      return { status: Number(/status=(\d+)/.exec(text)?.[1]), text };
    },
    terminalIsAsBefore: () =>
      assert.equal(readFileSync(place("after"), "utf8"), readFileSync(place("before"), "utf8"), "the terminal"),
  };
}

export type AtTerminal = ReturnType<typeof atTerminal>;

/** Processes whose command line has this in it. */
export function processesWith(word: string): number[] {
  return readdirSync("/proc")
    .filter((name) => {
      try {
        return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").join(" ").includes(word);
      } catch {
        return false;
      }
    })
    .map(Number);
}
