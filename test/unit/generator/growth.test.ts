/** Counted, not timed: what a build does grows in proportion to the files. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createHostFiles, type HostFiles } from "../../../core/generator/host-files.js";
import { createInstaller } from "../../../core/generator/install.js";
import { createTree } from "../../../core/generator/tree.js";
import { scratchFolder } from "./scratch.js";

/** How often the host is asked anything while a folder of so many files is copied. */
function questionsFor(context: TestContext, count: number): number {
  const names = Array.from({ length: count }, (_, number) => `top/${number % 10}/${number}`);
  const folder = scratchFolder(context, Object.fromEntries(names.map((name) => [name, name])));
  let questions = 0;
  const host = new Proxy(createHostFiles(folder), {
    get(target, member: keyof HostFiles) {
      questions++;
      return target[member];
    },
  });
  const tree = createTree();
  createInstaller(host, tree).copy("/top", "/copied");
  assert.equal(tree.entries().filter(([, { type }]) => type === "file").length, count);
  return questions;
}

test("four times as many files are four times as many questions, not more", (context) => {
  const [few, many] = [questionsFor(context, 100), questionsFor(context, 400)];
  assert.ok(few >= 100 && many <= 4 * few, `${few}, ${many}`);
});
