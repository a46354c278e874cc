/** Shows what is in an image: see --help. Exit status: 0 done, 1 not, 128 + N ended by signal N. */
import { statSync } from "node:fs";
import { constants, release } from "node:os";
import { createHostFiles } from "../core/generator/host-files.js";
import { BuildError, type Report } from "../core/generator/problems.js";
import { type LsinitrdCommandLine, lsinitrdHelp, parseLsinitrdCommandLine } from "../core/image/command-line.js";
import { contentOf, findFile, readContents, toBytes } from "../core/image/contents.js";
import { diffLines } from "../core/image/diff.js";
import { drawMap } from "../core/image/draw-map.js";
import { describeImage } from "../core/image/listing.js";
import { aboutLines, modulesOf } from "../core/image/modules.js";
import { staticInitLines } from "../core/image/static-init.js";
import { ukiLines } from "../core/image/uki.js";
import { unpackImage } from "../core/image/unpack.js";
import { findUsualImage } from "../core/image/usual-image.js";

const say = (text: string) => process.stderr.write(`lsinitrd: ${text}\n`);

/** `| head` has seen enough: that is no error, and nothing more is to be done; but what is being unpacked goes on without its messages. */
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (stream === process.stdout) process.exit();
  });

/** Resolves once there is room for more. */
function write(data: string | Buffer): Promise<void> {
  return new Promise((resolve) => process.stdout.write(data, () => resolve()));
}

/** In pieces: a million lines are more than one string should hold. */
async function writeLines(lines: Iterable<string>): Promise<void> {
  let piece = "";
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < 1 << 16) continue;
    await write(piece);
    piece = "";
  }
  await write(piece);
}

function imageOf({ operands, given }: LsinitrdCommandLine): string {
  const kernel = given.get("kver")?.at(-1);
  // With --kver, all words are files; so they are in dracut's.
  if (kernel === undefined && operands[0] !== undefined) return operands[0];
  return findUsualImage(kernel ?? release(), createHostFiles());
}

async function showFiles(image: string, names: readonly string[]): Promise<void> {
  const contents = await readContents(image);
  const files = names.map((name) => findFile(image, contents, toBytes(name)));
  for (const [index, { index: member }] of files.entries()) {
    if (files.length > 1) await write(`initramfs:/${names[index]?.replace(/^\/+/, "")}\n${"=".repeat(72)}\n`);
    for await (const chunk of contentOf(image, member)) await write(chunk);
    if (files.length > 1) await write(`${"=".repeat(72)}\n`);
  }
}

const controller = new AbortController();
const { signal } = controller;

/** What only reads is ended by a signal at once; what writes takes it back first. */
function abortOnSignals(): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => controller.abort(name));
}

async function main(commandLine: LsinitrdCommandLine): Promise<void> {
  const { given, operands } = commandLine;
  if (given.has("help")) return write(lsinitrdHelp());
  const image = imageOf(commandLine);
  const names = [...operands.slice(given.has("kver") ? 0 : 1), ...(given.get("file") ?? [])];
  const report: Report = {
    warning: (text) => say(`warning: ${text}`),
    note: (text) => given.has("verbose") && say(text),
  };
  for (const name of ["unpack", "unpackearly"] as const) {
    const folder = given.get(name)?.at(-1);
    if (folder === undefined) continue;
    abortOnSignals();
    const options = { early: name === "unpackearly", paths: names.map(toBytes), signal, ...report };
    return unpackImage(image, await readContents(image), folder || ".", options);
  }
  if (names.length) return showFiles(image, names);
  const other = given.get("diff")?.at(-1);
  if (other !== undefined) {
    const options = { digests: true };
    return writeLines(diffLines(await readContents(other, options), await readContents(image, options)));
  }
  const contents = await readContents(image);
  const map = given.get("map")?.at(-1);
  if (map !== undefined) return drawMap(image, contents, map);
  if (given.has("mod")) return writeLines(modulesOf(image, contents));
  const now = Date.now() / 1000;
  const options = {
    about: [...staticInitLines(image), ...ukiLines(image), ...aboutLines(contents)],
    bySize: given.has("size"),
    now,
  };
  return writeLines(describeImage(image, statSync(image).size, contents, options));
}

try {
  await main(parseLsinitrdCommandLine(process.argv.slice(2)));
} catch (error) {
  if (signal.aborted) {
    say(`ended by ${signal.reason}; nothing was changed`);
    process.exitCode = 128 + constants.signals[signal.reason as NodeJS.Signals];
  } else if (error instanceof BuildError) {
    for (const problem of error.problems) say(`error: ${problem}`);
    process.exitCode = 1;
  } else throw error;
}
