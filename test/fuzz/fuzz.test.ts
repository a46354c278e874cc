/** The readers of files that others have written, or damaged: none crashes, hangs or reads past its bounds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readers } from "./readers.js";
import { runReader } from "./run-reader.js";

const count = 100_000;

for (const reader of readers)
  test(`${reader.name}: ${count} inputs are taken or refused`, async () => {
    const taken = await runReader(reader, 1, 0, count);
    assert.ok(taken > count / 20 && taken <= count, `${taken} were taken: the mutations are of use`);
  });
