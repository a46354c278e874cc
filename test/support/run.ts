import { spawn } from "node:child_process";
import { constants } from "node:os";

export interface RunOptions {
  cwd?: string;
  /** In addition to this process's own. */
  env?: NodeJS.ProcessEnv;
  /** Show what the program says instead of keeping it. */
  show?: boolean;
}

export interface RunResult {
  /** 128 + N for a program that signal N has ended. */
  status: number;
  stdout: string;
  stderr: string;
}

/** Where other users than root do not look: mke2fs, sfdisk, depmod. */
export const searchPath = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Runs a program to its end, whatever its status. */
export function tryRun(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = "", ...rest] = argv;
  const output = options.show ? "inherit" : "pipe";
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      cwd: options.cwd,
      env: { ...process.env, PATH: searchPath, ...options.env },
      stdio: ["ignore", output, output],
    });
    const result: RunResult = { status: 0, stdout: "", stderr: "" };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      result.stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      result.stderr += text;
    });
    child.on("error", (error) => reject(new Error(`cannot start ${program}: ${error.message}`)));
    child.on("close", (status, signal) =>
      resolve({ ...result, status: status ?? 128 + (signal ? constants.signals[signal] : 0) }),
    );
  });
}

/** Runs a program and returns its standard output. Rejects, with its standard error, where its status is not 0. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await tryRun(argv, options);
  if (status !== 0) {
    throw new Error(`${argv.join(" ")}: exit status ${status}\n${stderr}`);
  }
  return stdout;
}

/** As `run`, by sudo where this process is not root's. */
export function runAsRoot(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  return run(process.getuid?.() === 0 ? argv : ["sudo", ...argv], options);
}
