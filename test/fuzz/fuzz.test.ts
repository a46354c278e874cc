/** The readers of files that others have written, or damaged: none crashes, hangs or reads past its bounds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readers } from "./readers.js";
import { runReader } from "./run-reader.js";

/** What reads files and command lines of others, for every image that is built. */
const everyBuild = ["cpio", "elf", "driver-lists", "configuration", "list-file", "mkinitrd-command-line"];
everyBuild.push("kernel-command-line");

for (const reader of readers) {
  const count = everyBuild.includes(reader.name) ? 100_000 : 20_000;
  test(`${reader.name}: ${count} inputs are taken or refused`, async () => {
    const taken = await runReader(reader, 1, 0, count);
    assert.ok(taken > count / 20 && taken <= count, `${taken} were taken: the mutations are of use`);
  });
}
