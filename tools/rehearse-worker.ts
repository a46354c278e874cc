import { BuildError } from "../core/generator/problems.js";
import { parseRehearseCommandLine, rehearseHelp } from "../core/scenario/command-line.js";
import { exitStatus, formatRehearsal, rehearsalAsJson, rehearseImage } from "../core/scenario/rehearsal.js";

/** The rehearsal cannot begin. */
const badInput = 3;

async function main(): Promise<number> {
  const commandLine = parseRehearseCommandLine(process.argv.slice(2));
  if (commandLine.help) {
    process.stdout.write(rehearseHelp());
    return 0;
  }
  const rehearsed = await rehearseImage(commandLine);
  process.stdout.write(
    commandLine.json
      ? `${JSON.stringify(rehearsalAsJson(rehearsed))}\n`
      : formatRehearsal(rehearsed, { all: commandLine.verbose }),
  );
  return exitStatus(rehearsed);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  for (const problem of error.problems) process.stderr.write(`rehearse: error: ${problem}\n`);
  process.exitCode = badInput;
}
