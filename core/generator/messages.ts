import { appendFileSync } from "node:fs";
import type { Configuration } from "../schema/configuration.js";
import type { CommandLine } from "./command-line.js";
import { BuildError, type Report, reasonOf } from "./problems.js";

/** What a run tells, as far as it was asked to. */
export interface Messages {
  report: Report;
  /** What has become of an image. */
  result(text: string): void;
  /** Errors. */
  always(text: string): void;
}

/** The level of --stdlog from which something is told; errors always are. */
const levelOf = { error: 0, warning: 3, result: 4, note: 5, times: 6 } as const;

const shorthands = { quiet: 2, verbose: levelOf.note, debug: levelOf.times } as const;

function levelFor(commandLine: CommandLine | undefined, configuration: Partial<Configuration>): number {
  const last = commandLine?.last("quiet", "verbose", "debug", "stdlog");
  if (last === "quiet" || last === "verbose" || last === "debug") return shorthands[last];
  return Number(configuration.stdloglvl ?? levelOf.result);
}

/** Tells on standard error, and in the file of --logfile (logfile) as much as -v would. Throws BuildError: it cannot be written to. */
export function createMessages(commandLine: CommandLine | undefined, configuration: Partial<Configuration>): Messages {
  const level = levelFor(commandLine, configuration);
  const { logfile } = configuration;
  const add = (text: string) => {
    try {
      if (logfile !== undefined) appendFileSync(logfile, text);
    } catch (error) {
      throw new BuildError(`the log ${logfile} cannot be written to: ${reasonOf(error)}`);
    }
  };
  add("");
  const tell = (kind: keyof typeof levelOf, text: string) => {
    const time = level >= levelOf.times ? `[${(performance.now() / 1000).toFixed(3).padStart(8)}] ` : "";
    const line = `mkinitrd: ${time}${text}\n`;
    if (level >= levelOf[kind]) process.stderr.write(line);
    add(line);
  };
  return {
    report: { warning: (text) => tell("warning", `warning: ${text}`), note: (text) => tell("note", text) },
    result: (text) => tell("result", text),
    always: (text) => tell("error", text),
  };
}
