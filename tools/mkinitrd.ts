/** The command line of the generator: see --help. Exit status: 0 done, 1 the image was not built, 128 + N ended by signal N. */
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { buildImage } from "../core/generator/build-image.js";
import { type CommandLine, helpText, parseCommandLine } from "../core/generator/command-line.js";
import { configurationPlaces, readConfiguration } from "../core/generator/configuration.js";
import { findModules, moduleFolders } from "../core/generator/module-folders.js";
import { BuildError, createProblems, type Report } from "../core/generator/problems.js";
import { project } from "../core/generator/project.js";
import { makeSettings } from "../core/generator/settings.js";

const say = (text: string) => process.stderr.write(`mkinitrd: ${text}\n`);

function createReport(verbosity: ReturnType<CommandLine["last"]>): Report {
  return {
    warning: (text) => {
      if (verbosity !== "quiet") say(`warning: ${text}`);
    },
    note: (text) => {
      if (verbosity === "verbose") say(text);
    },
  };
}

function listModules(): string {
  const problems = createProblems();
  const modules = findModules([project.modules, ...moduleFolders], problems);
  problems.check();
  return modules.map(({ name }) => `${name}\n`).join("");
}

/** A reader of the messages that has gone must not keep an image from being built, nor end it half-way. */
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });

/** Ends the work in order when the process is asked to end. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => controller.abort(name));
  return controller.signal;
}

async function main(commandLine: CommandLine, signal: AbortSignal): Promise<void> {
  const shown = commandLine.last("help", "version", "list-modules");
  if (shown === "help") process.stdout.write(helpText());
  else if (shown === "version") process.stdout.write(`firstlight ${project.version}\n`);
  else if (shown) process.stdout.write(listModules());
  if (shown) return;

  const file = commandLine.value("conf");
  const folder = commandLine.value("confdir");
  const configuration = readConfiguration(
    file ?? configurationPlaces.file,
    folder === undefined ? configurationPlaces.folders : [folder],
    { required: file !== undefined },
  );
  const settings = makeSettings(commandLine, configuration, process.env);
  const verbosity = commandLine.last("verbose", "quiet");
  const started = performance.now();
  const { path, size, files, drivers } = await buildImage(settings, { report: createReport(verbosity), signal });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (verbosity !== "quiet")
    say(`${path}: ${(size / 1e6).toFixed(1)} MB, ${files} files, ${drivers} of them drivers, in ${seconds} s`);
}

const signal = abortOnSignals();
try {
  await main(parseCommandLine(process.argv.slice(2)), signal);
} catch (error) {
  // Ctrl-C ends our children, too: Node may tell of one that has gone before it tells of the signal, some turns of its loop later.
  await sleep(100);
  if (signal.aborted) {
    say(`ended by ${signal.reason}; nothing was changed`);
    process.exitCode = 128 + constants.signals[signal.reason as NodeJS.Signals];
  } else if (error instanceof BuildError) {
    for (const problem of error.problems) say(`error: ${problem}`);
    process.exitCode = 1;
  } else throw error;
}
