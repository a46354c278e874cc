/**
 * Gives the readers damaged inputs until one fails, or for ever: npm run fuzz [-- [--seed N] [READER...]]
 * One input again: npm run fuzz -- --input FILE READER
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { findReader, readers } from "./readers.js";
import { runReader } from "./run-reader.js";

/** Inputs for one reader, before it is the next one's turn. */
const round = 50_000;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, input: { type: "string" } },
});

async function main(): Promise<void> {
  const chosen = positionals.length ? positionals.map(findReader) : readers;
  if (values.input !== undefined) {
    const input = readFileSync(values.input);
    for (const reader of chosen) console.log(`${reader.name}: ${(await reader.read(input)) ? "taken" : "refused"}`);
    return;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}: ends with the first failure, or by Ctrl-C`);
  for (let first = 0; ; first += round)
    for (const reader of chosen) {
      const taken = await runReader(reader, seed, first, round);
      console.log(`${reader.name}: ${first + round} inputs; of the last ${round}, ${taken} were taken`);
    }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
