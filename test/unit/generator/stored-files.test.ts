import assert from "node:assert/strict";
import { test } from "node:test";
import { divideEntries } from "../../../core/generator/stored-files.js";
import type { Entry } from "../../../core/generator/tree.js";

const file = (size: number): Entry => ({
  type: "file",
  mode: 0o644,
  content: { path: "/nowhere", size },
  modified: 0,
});
const folder: Entry = { type: "dir", mode: 0o755 };
const namesOf = (entries: readonly [string, Entry][]) => entries.map(([path]) => path);

test("what is compressed already is not compressed once more, if it is much", () => {
  const entries: [string, Entry][] = [
    ["etc", folder],
    ["etc/large", file(9 << 20)],
    ["lib", folder],
    ["lib/firmware", folder],
    ["lib/firmware/large.xz", file(512 << 10)],
    ["lib/firmware/link.xz", { type: "symlink", target: "large.xz" }],
    ["lib/firmware/made.zst", { type: "file", mode: 0o644, content: Buffer.alloc(512 << 10), modified: 0 }],
    ["lib/firmware/small.xz", file((64 << 10) - 1)],
    ["lib/other", folder],
    ["root.txz", file(64 << 10)],
  ];
  const { stored, compressed } = divideEntries(entries);
  const files = ["lib/firmware/large.xz", "lib/firmware/made.zst", "root.txz"];
  assert.deepEqual(namesOf(stored), ["lib", "lib/firmware", ...files]);
  assert.deepEqual(
    namesOf(compressed),
    namesOf(entries).filter((path) => !files.includes(path)),
  );
  const less = entries.filter(([path]) => path !== "lib/firmware/large.xz");
  assert.deepEqual(divideEntries(less), { stored: [], compressed: less });
});
