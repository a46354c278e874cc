/** Setups that take turns in one engine, each with its own memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load, source } from "./load-setups.js";
import { problemsOf } from "./scratch.js";

test("each setup finds what it has left in its memory, and nothing of others, also after one was ended", async (context) => {
  const limits = { step: 500, memoryPages: 2048 };
  const counting = `let count = 0;\n${source("  depends: () => [String(++count), globalThis.seen = String(Number(globalThis.seen ?? 0) + 1)],")}`;
  const { ask } = await load(
    context,
    {
      "10one": counting,
      "20two": counting,
      "30much": `const all: Uint8Array[] = [];\n${source("  depends: () => [String(all.push(new Uint8Array(20 << 20).fill(1)))],")}`,
      "40loop": source("  check() {\n    for (;;);\n  },"),
    },
    limits,
  );
  const counted = async (name: string) => (await ask(name, "depends")).join();
  for (const name of ["one", "two", "much"]) assert.equal(await counted(name), name === "much" ? "1" : "1,1", name);
  for (const name of ["much", "one", "two"]) assert.equal(await counted(name), name === "much" ? "2" : "2,2", name);
  await problemsOf(() => ask("loop", "check"));
  for (const name of ["two", "much", "one"]) assert.equal(await counted(name), name === "much" ? "3" : "3,3", name);
});
