/** Packs what a list describes, as the kernel's usr/gen_init_cpio: see -h. Exit status: 0 done, 1 not, 128 + N ended by signal N. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { parseArgs } from "node:util";
import { cpio } from "../core/generator/cpio.js";
import { findFile, readList } from "../core/generator/list-file.js";
import { locateTarget, writeImage } from "../core/generator/output.js";
import { BuildError, reasonOf } from "../core/generator/problems.js";

const help = `usage: gen-init-cpio [-t TIMESTAMP] [-c] [-o FILE] LIST|-
Packs a cpio archive for the kernel's initramfs out of a list, with a line for each entry, to standard output:

  # a comment
  file NAME LOCATION MODE UID GID [HARDLINK...]
  dir NAME MODE UID GID
  nod NAME MODE UID GID b|c MAJOR MINOR
  slink NAME TARGET MODE UID GID
  pipe NAME MODE UID GID
  sock NAME MODE UID GID

LOCATION may hold environment variables as \${NAME}. Directories that are missing are made, with mode 0755.

  -t TIMESTAMP  time of all that is no file, in seconds since 1970 (left out: now)
  -c            the format with checksums
  -o FILE       write to FILE: whole, or it stays as it was
  -h            show this and end
`;

function parseWords(args: string[]) {
  const [value, flag] = [{ type: "string" }, { type: "boolean" }] as const;
  const options = {
    t: { ...value, short: "t" },
    c: { ...flag, short: "c" },
    o: { ...value, short: "o" },
    h: { ...flag, short: "h" },
  };
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new BuildError(`${(error as Error).message.replace(/\.$/, "")}: gen-init-cpio -h shows all`);
  }
}

const largestTime = 2 ** 32 - 1;

function timeOf(text: string | undefined): number {
  if (text === undefined) return Math.floor(Date.now() / 1000);
  if (/^\d{1,10}$/.test(text) && Number(text) <= largestTime) return Number(text);
  throw new BuildError(`-t "${text}": it is a number of seconds since 1970, at most ${largestTime}`);
}

function readText(list: string): string {
  try {
    return readFileSync(list === "-" ? 0 : list, "utf8");
  } catch (error) {
    throw new BuildError(`${list} cannot be read: ${reasonOf(error)}`);
  }
}

const controller = new AbortController();
const { signal } = controller;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => controller.abort(name));

/** To standard output, whose reader may go at any time. */
async function pour(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
    }).catch((error: unknown) => {
      throw new BuildError(`standard output cannot be written to: ${reasonOf(error)}`);
    });
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseWords(process.argv.slice(2));
  if (values.h) return void process.stdout.write(help);
  const [list, ...others] = positionals;
  if (list === undefined || others.length)
    throw new BuildError("name one list, or - for standard input: gen-init-cpio -h shows all");
  const made = timeOf(values.t);
  const target = values.o === undefined ? undefined : locateTarget(values.o, true);
  const listed = readList(list === "-" ? "standard input" : list, readText(list), process.env, findFile);
  const chunks = cpio(listed.entries, { ...listed.options, made, checksums: values.c ?? false });
  if (target === undefined) await pour(chunks);
  else await writeImage(target, { early: [], chunks, command: undefined }, signal);
}

const say = (text: string) => process.stderr.write(`gen-init-cpio: ${text}\n`);
process.stdout.on("error", () => undefined);
try {
  await main();
} catch (error) {
  if (signal.aborted) {
    say(`ended by ${signal.reason}`);
    process.exitCode = 128 + constants.signals[signal.reason as NodeJS.Signals];
  } else if (error instanceof BuildError) {
    for (const problem of error.problems) say(`error: ${problem}`);
    process.exitCode = 1;
  } else throw error;
}
