import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hasDebugInformation } from "../../../core/generator/elf.js";
import { stripEntries } from "../../../core/generator/strip.js";
import type { Content, Entry } from "../../../core/generator/tree.js";
import { run } from "../../support/run.js";
import { keepReport, problemsOf, scratchFolder } from "./scratch.js";

const file = (content: Content): Entry => ({ type: "file", mode: 0o755, content, modified: 5 });
const bytesOf = (entry: Entry | undefined) =>
  entry?.type === "file" && Buffer.isBuffer(entry.content) ? entry.content : Buffer.alloc(0);

test("debugging information goes, of programs and drivers, but not of signed ones", async (context) => {
  const folder = scratchFolder(context, { "x.c": "int main(void) { return 42; }\n", script: "#!/bin/sh\n" });
  const [program, driver] = [join(folder, "program"), join(folder, "driver.ko")];
  await run(["gcc", "-g", "-o", program, join(folder, "x.c")]);
  await run(["gcc", "-g", "-c", "-o", driver, join(folder, "x.c")]);
  const onHost = (path: string) => file({ path, size: statSync(path).size });
  const signed = Buffer.concat([readFileSync(driver), Buffer.from("signature~Module signature appended~\n")]);
  const entries: [string, Entry][] = [
    ["program", onHost(program)],
    ["driver", file(readFileSync(driver))],
    ["signed", file(signed)],
    ["system", onHost("/bin/true")],
    ["script", onHost(join(folder, "script"))],
    ["short", file(Buffer.from("\x7fELF"))],
    ["link", { type: "symlink", target: "program" }],
  ];
  const temporaryFolder = scratchFolder(context);
  const options = { required: true, temporaryFolder, report: keepReport() };
  const stripped = await stripEntries(entries, options);
  assert.deepEqual(readdirSync(temporaryFolder), []);
  assert.deepEqual(await problemsOf(() => stripEntries(entries, { ...options, temporaryFolder: "/none/such" })), [
    "/none/such cannot be written to: no such file or directory: name another directory by --tmpdir",
  ]);
  assert.deepEqual(stripped.slice(2), entries.slice(2));
  for (const [index, path] of [program, driver].entries()) {
    const [, entry] = stripped[index] ?? [];
    const content = bytesOf(entry);
    assert.ok(content.length > 0 && content.length < statSync(path).size);
    assert.ok(hasDebugInformation(path) && !hasDebugInformation(content));
    assert.deepEqual(entry?.type === "file" && [entry.mode, entry.modified], [0o755, 5]);
    await run(["strip", "--strip-debug", path]);
    assert.ok(content.equals(readFileSync(path)), "as strip leaves it");
  }
});

test("a missing strip is an error only if it was asked for", async (context) => {
  const folder = scratchFolder(context, { "x.c": "int x;\n" });
  const object = join(folder, "x.o");
  await run(["gcc", "-g", "-c", "-o", object, join(folder, "x.c")]);
  const entries: [string, Entry][] = [["x.o", file(readFileSync(object))]];
  const report = keepReport();
  const options = { temporaryFolder: folder, report };
  const { PATH } = process.env;
  process.env.PATH = folder;
  try {
    assert.deepEqual(await stripEntries(entries, { ...options, required: false }), entries);
    const remedy = "strip is not installed: install the package binutils";
    assert.deepEqual(report.notes, [`${remedy} to leave out the debugging information that some files have`]);
    assert.deepEqual(await problemsOf(() => stripEntries(entries, { ...options, required: true })), [
      `${remedy}, or say --nostrip`,
    ]);
  } finally {
    process.env.PATH = PATH;
  }
});
