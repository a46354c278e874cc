/** The reference page of firstlight/hooks: complete, and as the sources are. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readExports } from "../../../core/generator/declarations.js";
import { hooksReference, undescribed } from "../../../core/generator/hooks-reference.js";
import { projectFolder } from "../../support/paths.js";

const page = hooksReference();

test("docs/hooks.md is what the comments say", () => {
  assert.equal(readFileSync(join(projectFolder, "docs/hooks.md"), "utf8"), page, "run npm run build && npm run docs");
});

test("everything that modules can import is described, with all its members", () => {
  assert.deepEqual(undescribed(), []);
  const { declarations } = readExports("hooks/index.ts");
  const names = declarations.map(({ name }) => name);
  for (const name of ["moduleSetup", "hook", "Boot", "Image", "BootError", "ProgramRequest", "JobOps", "phases"])
    assert.ok(names.includes(name), name);
  assert.deepEqual(names, [...new Set(names)]);
  const program = declarations.find(({ name }) => name === "Programs")?.members.find(({ name }) => name === "start");
  assert.equal(program?.signature, "start(request: ProgramRequest): Running<ProgramResult>");
  assert.equal(program?.text.length, 2, "paragraphs stay apart");
  const error = declarations.find(({ name }) => name === "BootError");
  assert.equal(error?.signature, "class BootError extends Error");
  assert.deepEqual(
    error?.members.map(({ name, signature }) => [name, signature]),
    [
      ["remedy", "readonly remedy: string"],
      ["constructor", "constructor(message: string, remedy: string)"],
    ],
  );
});

test("each type that the page names is on it, each link leads somewhere, and jobs have their errors", () => {
  const { declarations } = readExports("hooks/index.ts");
  const known = new Set(declarations.map(({ name }) => name));
  const written = declarations.flatMap(({ signature, members }) => [signature, ...members.map((one) => one.signature)]);
  const builtIn =
    /^(Error|Promise|Readonly|ReadonlyArray|Record|Partial|Pick|Omit|Exclude|Result|Name|Nothing|AtPath|AtPathIn)$/;
  const named = written
    .map((text) => text.replaceAll(/"[^"]*"/g, ""))
    .flatMap((text) => text.match(/\b[A-Z][A-Za-z]+\b/g) ?? [])
    .filter((word) => /[a-z]/.test(word) && !builtIn.test(word));
  assert.deepEqual(
    [...new Set(named)].filter((name) => !known.has(name)),
    [],
  );
  const headings = [...page.matchAll(/^### (\S+)$/gm)].map(([, name = ""]) => name.toLowerCase());
  const anchors = headings.map((name, index) => {
    const earlier = headings.slice(0, index).filter((other) => other === name).length;
    return earlier ? `${name}-${earlier}` : name;
  });
  for (const [, anchor = ""] of page.matchAll(/\]\(#([^)]+)\)/g)) assert.ok(anchors.includes(anchor), anchor);
  assert.match(page, /- `run: \[ProgramRequest, ProgramResult\]`\\\n.*\n +Errors: ENOENT, .*ENOEXEC/);
});
