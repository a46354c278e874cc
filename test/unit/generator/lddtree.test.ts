/** The program as people run it, beside pax-utils' lddtree. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { readElf } from "../../../core/generator/elf.js";
import { unpackedPackage } from "../../support/packages.js";
import { projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { createHost, dynamicLinker, runpath } from "./elf-host.js";

const program = join(projectFolder, "tools/lddtree");

/** pax-utils' own, of Debian's packages, unpacked below out/. */
async function peer(): Promise<{ command: string[]; env: Record<string, string> }> {
  const [utilities, library] = [await unpackedPackage("pax-utils"), await unpackedPackage("python3-pyelftools")];
  const env = { PYTHONPATH: join(library, "usr/lib/python3/dist-packages") };
  return { command: ["/usr/bin/python3", join(utilities, "usr/bin/lddtree")], env };
}

/** ELF files of this machine, at most 200, however many it has: pax-utils' takes 25 ms for each. A library named with "$ORIGIN" is one that it does not find. */
async function someObjects(): Promise<string[]> {
  const named = ["-name", "*.so", "-o", "-name", "*.so.*", "-o", "-perm", "/111"];
  const found = await run(["find", "/usr/bin", "/usr/sbin", "/usr/lib", "-type", "f", "(", ...named, ")"]);
  const paths = found.split("\n").filter(Boolean).sort();
  const step = Math.ceil(paths.length / 200);
  return paths.filter((path, index) => index % step === 0 && isComparable(path));
}

function isComparable(path: string): boolean {
  const elf = readElf(path);
  return elf !== undefined && elf.needed.length > 0 && !elf.needed.some((soname) => soname.includes("$"));
}

test("a tree, each library once, all of them, and a list of this machine's programs are those of pax-utils' lddtree", async () => {
  const { command, env } = await peer();
  const objects = await someObjects();
  assert.ok(objects.length > 50);
  const asked = [
    ["--", ...objects],
    ["-a", "/usr/bin/mount"],
    ["-l", "/usr/bin/mount", "/usr/bin/node"],
  ];
  for (const words of asked)
    assert.deepEqual(
      (await run([program, ...words])).split("\n"),
      (await run([...command, ...words], { env })).split("\n"),
      words[0],
    );
});

test("a static program, what is nowhere, circles, another root, LD_LIBRARY_PATH, wildcards", async (context) => {
  const { root, at, library, program: link, move } = await createHost(context);
  await library("/x/liba.so");
  await library("/x/libb.so", ["/x/liba.so"]);
  await library("/y/liba.so", ["/x/libb.so"]);
  await link("/bin/tool", ["/x/libb.so", "/x/liba.so"], ...runpath("/y", "/x"));
  const head = (name: string) => `${name} (interpreter => ${root}${dynamicLinker})`;
  const show = async (words: string[], env = {}) => run([program, ...words], { env });

  assert.equal(await show([at("/trace")]), `${at("/trace")} (interpreter => None)\n`);
  const tree = [head(at("/bin/tool")), `    libb.so => ${root}/x/libb.so`, `    liba.so => ${root}/y/liba.so`, ""];
  assert.equal(await show(["-R", root, "/bin/tool"]), tree.join("\n"));
  const all = [
    ...tree.slice(0, 2),
    `        liba.so => ${root}/y/liba.so`,
    ...tree.slice(2, 3),
    `        libb.so => ${root}/x/libb.so`,
    "",
  ];
  assert.equal(await show(["-a", "--root", `${root}/`, "bin/t*l"]), all.join("\n"));
  const flat = ["/bin/tool", dynamicLinker, "/x/libb.so", "/y/liba.so"].map(at);
  assert.equal(await show(["-lR", root, "bin/tool"]), `${flat.join("\n")}\n`);

  // RUNPATH comes after LD_LIBRARY_PATH, which says nothing of another root.
  const found = async (env: Record<string, string>) =>
    (await show(["-l", at("/bin/tool")], env))
      .split("\n")
      .filter((line) => line.includes(".so") && !/ld-linux/.test(line));
  assert.deepEqual(await found({ LD_LIBRARY_PATH: `${root}/none:${root}/x` }), [at("/x/libb.so"), at("/x/liba.so")]);
  assert.deepEqual(await found({ LD_LIBRARY_PATH: "$ORIGIN/../y;$ORIGIN/../x" }), [at("/x/libb.so"), at("/y/liba.so")]);
  assert.deepEqual(await found({}), ["libb.so", "liba.so"]);
  await move("/x/libb.so", "/z/libb.so");
  assert.match(await show(["-R", root, "/bin/tool"], { LD_LIBRARY_PATH: at("/z") }), /^ {4}libb\.so => None\n/m);
});

test("what cannot be shown is an error with its remedy, and the rest is shown", async () => {
  const { status, stdout, stderr } = await tryRun([
    program,
    "/nonexistent",
    "/etc/passwd",
    "/usr",
    "/usr/nope*",
    "/bin/mount",
  ]);
  assert.equal(status, 1);
  assert.match(stdout, /^\/bin\/mount \(interpreter => /);
  assert.deepEqual(stderr.trim().split("\n"), [
    "lddtree: error: /nonexistent: there is no file /nonexistent: install its package",
    "lddtree: error: /etc/passwd is not an ELF file",
    "lddtree: error: /usr is not a regular file",
    "lddtree: error: /usr/nope*: nothing has such a name",
  ]);
  for (const [words, message] of [
    [[], /name a FILE/],
    [["-z"], /Unknown option '-z': see lddtree --help/],
  ] as const) {
    const wrong = await tryRun([program, ...words]);
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, message);
  }
  assert.match(await run([program, "--help"]), /^usage: lddtree /);
});
