/** The command line of the generator: see --help. Exit status: 0 done, 1 the image was not built, 128 + N ended by signal N. */
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { buildImage, hostParameters, type ImageToBoot } from "../core/generator/build-image.js";
import { type CommandLine, mergeCommandLine, parseCommandLine } from "../core/generator/command-line.js";
import {
  addEnvironment,
  configurationPlaces,
  formatConfiguration,
  readConfiguration,
} from "../core/generator/configuration.js";
import { helpText, optionHelp, optionNamed } from "../core/generator/help.js";
import { createHostFiles } from "../core/generator/host-files.js";
import { type ImageParts, keepParts } from "../core/generator/keep.js";
import { installedReleases } from "../core/generator/kernel-version.js";
import { createMessages, type Messages } from "../core/generator/messages.js";
import { findModules, placesOfModules } from "../core/generator/module-folders.js";
import { BuildError, createProblems } from "../core/generator/problems.js";
import { project } from "../core/generator/project.js";
import { makeSettings, sysrootOf } from "../core/generator/settings.js";
import { readRecordedOptions } from "../core/image/recorded-options.js";
import type { Configuration } from "../core/schema/configuration.js";
import { rehearseHost } from "./host-rehearsal.js";

// A build is over before V8's optimizing compilers, for WebAssembly and for JavaScript, are worth their own work: a third of the processor time.
for (const flag of ["--liftoff-only", "--interrupt-budget=1000000"]) setFlagsFromString(flag);

/** A reader of the messages that has gone must not keep an image from being built, nor end it half-way. */
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });

/** Ends the work in order when the process is asked to end. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)
    process.on(name, () => controller.abort(name));
  return controller.signal;
}

/** The help that is asked for, of all options or of the one that follows; undefined: none. */
function helpAskedFor(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => word === "-h" || word === "--help");
  const next = words[at + 1];
  if (at < 0) return parseCommandLine(words).last("help") && helpText();
  // Whoever adds -h to a command line does not ask for what comes by chance after it.
  return next !== undefined && (at === 0 || optionNamed(next)) ? optionHelp(next) : helpText();
}

/** A line for each module: its name, where it lies, and what it overrides. Throws BuildError: some are not to be used as they lie there. */
function listModules(commandLine: CommandLine): void {
  const problems = createProblems();
  const places = placesOfModules({
    sysroot: sysrootOf(commandLine),
    localModules: commandLine.last("local") !== undefined,
  });
  const modules = findModules(places, problems);
  const width = Math.max(...modules.map(({ name }) => name.length));
  for (const { name, folder, overrides } of modules) {
    const instead = overrides.length ? ` (overrides ${overrides.join(", ")})` : "";
    process.stdout.write(`${name.padEnd(width)} ${folder}${instead}\n`);
  }
  problems.check();
}

/** Files and environment; --sysroot brings its own files along. `warn` is told of what in them has no effect. */
function configurationFor(commandLine: CommandLine, warn: (text: string) => void): Partial<Configuration> {
  const sysroot = sysrootOf(commandLine);
  const file = commandLine.value("conf");
  const folder = commandLine.value("confdir");
  const files = readConfiguration({
    file: file ?? join(sysroot, configurationPlaces.file),
    folders: folder === undefined ? configurationPlaces.folders.map((place) => join(sysroot, place)) : [folder],
    fileRequired: file !== undefined,
    foldersRequired: folder !== undefined,
    warn,
  });
  return addEnvironment(files, process.env, warn);
}

/** With --rebuild, behind the options that the image was built with. */
async function withRecorded(words: readonly string[]): Promise<CommandLine> {
  const commandLine = parseCommandLine(words);
  const image = commandLine.value("rebuild");
  if (image === undefined) return commandLine;
  const recorded = await readRecordedOptions(image);
  // A word after the image names the kernel, as --kver does.
  const old = commandLine.operands[1] === undefined ? recorded : recorded.filter((word) => !word.startsWith("--kver="));
  return parseCommandLine([...old, ...words]);
}

async function buildOne(
  commandLine: CommandLine,
  configuration: Partial<Configuration>,
  messages: Messages,
  release?: string,
): Promise<void> {
  const started = performance.now();
  const settings = makeSettings(commandLine, configuration, process.env);
  const kernel = settings.kernel && release !== undefined ? { release, folder: undefined } : settings.kernel;
  const keep = (parts: ImageParts) =>
    messages.result(`what the image is made of is kept in ${keepParts(settings.temporaryFolder, parts)}`);
  const rehearse = (image: ImageToBoot) => rehearseHost(image, messages.report, signal);
  const options = { report: messages.report, signal, keep: commandLine.last("keep") && keep, rehearse };
  const built = await buildImage({ ...settings, kernel }, options);
  if (!built) {
    messages.result(
      "no image is needed: the kernel has all drivers built in, and there are no kernel parameters to put into one",
    );
    return;
  }
  const { path, size, files, drivers, sizes } = built;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const contents = settings.staticInit ? "one program" : `${files} files, ${drivers} of them drivers`;
  messages.result(`${path}: ${megabytes(size)} MB, ${contents}, in ${seconds} s`);
  if (commandLine.last("printsize"))
    for (const [part, bytes] of [...sizes].filter(([, bytes]) => bytes).sort(([, a], [, b]) => b - a))
      process.stdout.write(`${megabytes(bytes).padStart(8)} MB  ${part}\n`);
}

/** One image for each installed kernel: those that can be built are. Throws BuildError with what is wrong with the others. */
async function buildAll(
  commandLine: CommandLine,
  configuration: Partial<Configuration>,
  messages: Messages,
): Promise<void> {
  // What contradicts itself is told without any kernel, too.
  makeSettings(commandLine, configuration, process.env);
  const releases = installedReleases(createHostFiles(sysrootOf(commandLine)));
  if (!releases.length) throw new BuildError("--regenerate-all: no kernel is installed in /lib/modules");
  const problems = createProblems();
  for (const release of releases) {
    await buildOne(commandLine, configuration, messages, release).catch(problems.gather);
  }
  problems.check();
}

async function main(words: readonly string[]): Promise<void> {
  const help = helpAskedFor(words);
  if (help !== undefined) {
    process.stdout.write(help);
    return;
  }
  const commandLine = await withRecorded(words);
  const shown = commandLine.last("version", "list-modules", "printconfig", "print-cmdline");
  if (shown === "version") process.stdout.write(`firstlight ${project.version}\n`);
  if (shown === "list-modules") listModules(commandLine);
  if (shown === "version" || shown === "list-modules") return;

  const warnings: string[] = [];
  const configuration = configurationFor(commandLine, (text) => warnings.push(text));
  const merged = mergeCommandLine(commandLine, configuration);
  // What only shows something writes no log.
  if (shown !== "printconfig") messages = createMessages(commandLine, merged);
  for (const warning of warnings) messages.report.warning(warning);
  if (shown === "printconfig") {
    process.stdout.write(formatConfiguration(merged));
    return;
  }
  if (shown === "print-cmdline") {
    const settings = makeSettings(commandLine, configuration, process.env);
    const parameters = await hostParameters(settings, { report: messages.report, signal });
    process.stdout.write(`${parameters.join(" ")}\n`);
  } else if (commandLine.last("regenerate-all")) await buildAll(commandLine, configuration, messages);
  else await buildOne(commandLine, configuration, messages);
}

const signal = abortOnSignals();
let messages = createMessages(undefined, {});
try {
  await main(process.argv.slice(2));
} catch (error) {
  // Ctrl-C ends our children, too: Node may tell of one that has gone before it tells of the signal, some turns of its loop later.
  await sleep(100);
  // On a busy machine the time may be over before the loop has looked for signals even once.
  await turn();
  if (signal.aborted) {
    messages.always(`ended by ${signal.reason}; nothing was changed`);
    process.exitCode = 128 + constants.signals[signal.reason as NodeJS.Signals];
  } else if (error instanceof BuildError) {
    for (const problem of error.problems) messages.always(`error: ${problem}`);
    process.exitCode = 1;
  } else throw error;
}
