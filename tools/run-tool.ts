import { type ParseArgsConfig, parseArgs } from "node:util";
import { BuildError } from "../core/generator/problems.js";

type Options = NonNullable<ParseArgsConfig["options"]>;

/**
 * Runs a tool with a small command line: `help` is for -h and --help, `main` gets the options and the words. Its BuildErrors, and a command line
 * that is not understood, are lines on standard error; the exit status is then 1.
 */
export async function runTool(
  name: string,
  help: string,
  options: Options,
  main: (values: Readonly<Record<string, unknown>>, words: readonly string[]) => Promise<void>,
): Promise<void> {
  await reportProblems(name, 1, async () => {
    const all = { ...options, help: { type: "boolean", short: "h" } } as const;
    const { values, positionals } = parseArgs({ options: all, allowPositionals: true });
    if (values.help) process.stdout.write(help);
    else await main(values, positionals);
  });
}

/** Runs a tool's work; its BuildErrors are lines on standard error, and then `status` is the exit status. */
export async function reportProblems(name: string, status: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    for (const problem of problemsOf(error, name)) process.stderr.write(`${name}: error: ${problem}\n`);
    process.exitCode = status;
  }
}

function problemsOf(error: unknown, name: string): readonly string[] {
  if (error instanceof BuildError) return error.problems;
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (code.startsWith("ERR_PARSE_ARGS")) return [`${message.split(". ")[0]}: see ${name} --help`];
  throw error;
}
