import { read } from "node:fs";
import { locateTarget, writeText } from "../core/generator/output.js";
import { BuildError } from "../core/generator/problems.js";
import { parseRehearseCommandLine, type RehearseCommandLine, rehearseHelp } from "../core/scenario/command-line.js";
import { exploreImage, repeatFaults } from "../core/scenario/exploration.js";
import {
  explorationAsJson,
  explorationStatus,
  faultsStatus,
  formatExploration,
} from "../core/scenario/exploration-table.js";
import {
  exitStatus,
  formatRehearsal,
  rehearsalAsJson,
  rehearsalAsSvg,
  rehearseImage,
  type Scenario,
  scenarioOf,
} from "../core/scenario/rehearsal.js";
import {
  formatReplayEnd,
  formatReplayed,
  formatSteps,
  replayAsSvg,
  replayImage,
  replayStatus,
} from "../core/scenario/replay.js";
import { formatTimeline } from "../core/scenario/timeline.js";

/** The rehearsal cannot begin. */
const badInput = 3;

/** A line, or as many as were typed ahead. False: nobody types any more. */
const enter = (): Promise<boolean> =>
  new Promise((resolve) =>
    read(0, Buffer.alloc(4096), 0, 4096, null, (error, length) => resolve(!error && length > 0)),
  );

async function showReplay(
  file: string,
  { image, until, engine, step, verbose }: RehearseCommandLine,
  picture: string | undefined,
): Promise<number> {
  const one = step || until !== undefined || picture !== undefined;
  const all = await replayImage(file, image, { engine, until, one });
  for (const replayed of all) {
    if (all.length > 1) process.stdout.write(`──── engine ${replayed.trace.engine} ────\n`);
    if (picture !== undefined) await writeText(picture, replayAsSvg(replayed, image));
    if (step) await showSteps(formatSteps(replayed));
    else for (const line of formatReplayed(replayed, { all: verbose })) process.stdout.write(`${line}\n`);
    process.stdout.write(formatReplayEnd(replayed));
  }
  return replayStatus(all);
}

async function showSteps(steps: readonly string[]): Promise<void> {
  let typing = true;
  for (const text of steps) {
    process.stdout.write(text);
    if (typing) typing = await enter();
  }
}

async function showExploration(scenario: Scenario, { json, verbose }: RehearseCommandLine): Promise<number> {
  const explored = await exploreImage(scenario, "all");
  const text = json
    ? `${JSON.stringify(explorationAsJson(explored))}\n`
    : formatExploration(explored, { all: verbose });
  process.stdout.write(text);
  return explorationStatus(explored);
}

async function showFault(scenario: Scenario, { verbose }: RehearseCommandLine, fault: string): Promise<number> {
  const repeated = await repeatFaults(scenario, fault);
  if ("good" in repeated) {
    process.stdout.write(formatExploration(repeated, { all: verbose }));
    return explorationStatus(repeated);
  }
  const { asked, verdict } = repeated;
  const { end, reason, violations } = verdict;
  const lines = [...formatTimeline(asked, { all: verbose }), `${end}: ${reason}`];
  for (const line of [...lines, ...violations.map((violation) => `must not be: ${violation}`)])
    process.stdout.write(`${line}\n`);
  return faultsStatus([verdict]);
}

async function main(): Promise<number> {
  const commandLine = parseRehearseCommandLine(process.argv.slice(2));
  if (commandLine.help) {
    process.stdout.write(rehearseHelp());
    return 0;
  }
  const { svg, replay } = commandLine;
  const picture = svg === undefined ? undefined : locateTarget(svg, true);
  if (replay !== undefined) return showReplay(replay, commandLine, picture);
  const scenario = await scenarioOf(commandLine);
  if (commandLine.faults) return showExploration(scenario, commandLine);
  if (commandLine.fault !== undefined) return showFault(scenario, commandLine, commandLine.fault);
  const rehearsed = await rehearseImage(scenario);
  if (picture !== undefined) await writeText(picture, rehearsalAsSvg(rehearsed, commandLine.image));
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
