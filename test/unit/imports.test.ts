/** Who may import whom: shared by everybody who reads the tree, so held by a test. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { projectFolder } from "../support/paths.js";

/** Parts of core that run in Node, when an image or PID 1 is built, or looked into. */
const coreOnNode = [
  "core/init",
  "core/generator",
  "core/image",
  "core/rehearsal",
  "core/scenario",
  "core/emulator",
  "core/bug-report",
];

/** Parts of the tree, by the start of their paths; the longest one counts. */
const parts = ["core/abi", ...coreOnNode, "core/sequencer", "core/schema", "hooks", "modules.d", "tools", "test"];

const allowed: Record<string, readonly string[]> = {
  "core/abi": [],
  "core/schema": ["core/abi"],
  "core/init": ["core/abi"],
  hooks: ["core/abi"],
  "core/sequencer": ["hooks", "core/abi"],
  "core/rehearsal": ["core/abi"],
  "core/generator": ["core/schema", "core/abi", "core/rehearsal"],
  "core/image": ["core/abi", "core/generator"],
  "core/bug-report": ["core/abi", "core/generator", "core/image"],
  "core/scenario": ["core/abi", "core/schema", "core/rehearsal", "core/generator", "core/image"],
  "core/emulator": ["core/abi", "core/generator", "core/image"],
  "modules.d": ["hooks"],
  tools: ["core/abi", "core/schema", ...coreOnNode],
  test: parts,
};
/** Types of the module API describe what the generator and the manifests hold; at run time nothing of hooks/ is there. */
const allowedTypes: Record<string, readonly string[]> = {
  "core/generator": ["hooks", "core/sequencer"],
  "core/schema": ["hooks"],
};
const mayUseNode = new Set([...coreOnNode, "tools", "test"]);

interface Import {
  file: string;
  target: string;
  typesOnly: boolean;
}

function partOf(path: string): string | undefined {
  return parts.filter((part) => path === part || path.startsWith(`${part}/`)).sort((a, b) => b.length - a.length)[0];
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(projectFolder, file), "utf8");
  const pattern =
    /^(?:import|export)\s+(type\s)?[^"';]*?from\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|^import\s+"([^"]+)"/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    file,
    target: match[2] ?? match[3] ?? match[4] ?? "",
    typesOnly: match[1] !== undefined,
  }));
}

const files = ["core", "hooks", "modules.d", "tools", "test"]
  .flatMap((top) =>
    readdirSync(join(projectFolder, top), { recursive: true, encoding: "utf8" }).map((name) => join(top, name)),
  )
  .filter((name) => /\.(ts|mjs)$/.test(name));

function complaint({ file, target, typesOnly }: Import): string | undefined {
  const from = partOf(file) ?? "";
  if (target.startsWith("node:")) return mayUseNode.has(from) ? undefined : `${file} imports ${target}`;
  const path =
    target === "firstlight/hooks"
      ? "hooks/index.ts"
      : target.startsWith(".")
        ? normalize(join(dirname(file), target))
        : undefined;
  if (path === undefined) return undefined;
  const to = partOf(path) ?? path;
  const fine = to === from || allowed[from]?.includes(to) || (typesOnly && allowedTypes[from]?.includes(to));
  return fine ? undefined : `${file} imports ${path}`;
}

test("nothing imports what it must not", () => {
  const found = files.flatMap(importsOf);
  assert.ok(found.length > 100, "the imports were read");
  assert.deepEqual(
    found.map(complaint).filter((line) => line !== undefined),
    [],
  );
});

test("a module imports another one only if its depends names it", () => {
  const folderOf = (path: string) => path.split("/")[1] ?? "";
  for (const { file, target } of files.filter((name) => name.startsWith("modules.d/")).flatMap(importsOf)) {
    if (!target.startsWith(".")) continue;
    const other = folderOf(normalize(join(dirname(file), target)));
    if (other === folderOf(file)) continue;
    const setup = readFileSync(join(projectFolder, "modules.d", folderOf(file), "module-setup.ts"), "utf8");
    assert.match(setup, new RegExp(`depends[^]*"${other.replace(/^\d\d/, "")}"`), `${file} imports ${target}`);
  }
});
