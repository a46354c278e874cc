import { read } from "node:fs";
import { BuildError } from "../core/generator/problems.js";
import { parseRehearseCommandLine, type RehearseCommandLine, rehearseHelp } from "../core/scenario/command-line.js";
import { exitStatus, formatRehearsal, rehearsalAsJson, rehearseImage } from "../core/scenario/rehearsal.js";
import { formatReplayEnd, formatReplayed, formatSteps, replayImage, replayStatus } from "../core/scenario/replay.js";

/** The rehearsal cannot begin. */
const badInput = 3;

/** A line, or as many as were typed ahead. False: nobody types any more. */
const enter = (): Promise<boolean> =>
  new Promise((resolve) =>
    read(0, Buffer.alloc(4096), 0, 4096, null, (error, length) => resolve(!error && length > 0)),
  );

async function showReplay(file: string, { image, until, step, verbose }: RehearseCommandLine): Promise<number> {
  const replayed = await replayImage(file, image, until);
  let typing = step;
  if (!step) for (const line of formatReplayed(replayed, { all: verbose })) process.stdout.write(`${line}\n`);
  else
    for (const text of formatSteps(replayed)) {
      process.stdout.write(text);
      if (typing) typing = await enter();
    }
  process.stdout.write(formatReplayEnd(replayed));
  return replayStatus(replayed);
}

async function main(): Promise<number> {
  const commandLine = parseRehearseCommandLine(process.argv.slice(2));
  if (commandLine.help) {
    process.stdout.write(rehearseHelp());
    return 0;
  }
  if (commandLine.replay !== undefined) return showReplay(commandLine.replay, commandLine);
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
