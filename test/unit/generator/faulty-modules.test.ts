/** What a module can do wrong, by mistake or on purpose: each is an error with its file, its line and what to do, and all are told in one run. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectFolder } from "../../support/paths.js";
import { tryRun } from "../../support/run.js";
import { load, source } from "./load-setups.js";
import { problemsOf, scratchFolder } from "./scratch.js";

/** Bodies of faulty setups, from line 4 on, and what is said of them: the line, and the reason. */
const faultySetups: Record<string, [body: string, line: number, reason: string | RegExp]> = {
  error: ["  check() {\n    throw new Error('not today');\n  },", 5, "Error: not today"],
  text: ["  check() {\n    throw 'words';\n  },", 4, "words"],
  object: ["  check() {\n    throw { code: 7 };\n  },", 4, "an object that is no Error was thrown"],
  getter: ["  check() {\n    throw { get message() { throw 1; } };\n  },", 4, "an object that is no Error was thrown"],
  proxy: [
    "  check() {\n    throw new Proxy({}, { get() { throw 1; } });\n  },",
    4,
    "an object that is no Error was thrown",
  ],
  nothing: ["  check() {\n    throw undefined;\n  },", 4, "undefined"],
  lines: ["  check() {\n    throw new Error('a\\n\\u001b[2Jb');\n  },", 5, "Error: a [2Jb"],
  long: ["  check() {\n    throw new Error('x'.repeat(1e6));\n  },", 5, /^Error: x{493}…$/],
  promise: [
    "  async check() {\n    throw new Error('later');\n  },",
    4,
    /^TypeError: check gives a promise, and nobody waits/,
  ],
  later: ["  async install(image) {\n    await null;\n    image.text('/x', '');\n  },", 4, /install gives a promise/],
  endless: ["  check() {\n    for (;;);\n  },", 4, "it was still running after 0.3 s of processor time"],
  helper: [
    "  check() {\n    const again = () => { while (again.length > -1) Math.random(); };\n    return again();\n  },",
    5,
    "it was still running after 0.3 s of processor time",
  ],
  memory: [
    "  check() {\n    const all: unknown[] = [];\n    for (;;) all.push('x'.repeat(1 << 20));\n  },",
    6,
    /out of memory/,
  ],
  kept: [
    "  check() {\n    globalThis.all = [];\n    for (;;) all.push(new ArrayBuffer(1 << 20));\n  },",
    6,
    /out of memory/,
  ],
  calls: ["  check() {\n    const deep = () => deep() + 1;\n    return deep();\n  },", 5, /Maximum call stack/],
  values: ["  depends: () => JSON.parse('['.repeat(1e6)),", 0, "it nests calls or values too deeply"],
  cyclic: [
    "  depends() {\n    const all: unknown[] = [];\n    all.push(all);\n    return all;\n  },",
    4,
    "TypeError: circular reference",
  ],
  bigint: ["  depends: () => [7n],", 4, /BigInt/],
  trap: ["  depends: () => new Proxy([], { get() { throw new Error('trapped'); } }),", 4, "Error: trapped"],
  names: ["  depends: () => ['a', NaN, ''],", 4, "depends/1 must be string, not null"],
  shape: ["  check: 'include',", 4, "TypeError: check has to be a function"],
  member: ["  instal() {},", 4, "TypeError: a module-setup has no instal: did you mean install?"],
  options: [
    "  install(image) {\n    image.file('/etc/passwd',\n      { get mode() { throw new Error('no mode'); } });\n  },",
    6,
    "Error: no mode",
  ],
  self: [
    "  install(image) {\n    const options = {};\n    options.optional = options;\n    image.program('sh', options);\n  },",
    7,
    "TypeError: circular reference",
  ],
  node: [
    "  install(image) {\n    image.node('/dev/x', 'char', NaN, 1, 0o600);\n  },",
    5,
    "image.node/major must be integer, not null",
  ],
  path: [
    "  install(image) {\n    image.text('/a', '');\n    image.text('/../b', '');\n  },",
    6,
    'image.text/path must match format "absolute path without ..", not "/../b"',
  ],
  outside: [
    "  check(host) {\n    return host.readFile('/root/.ssh/id_rsa') ? 'include' : 'on-request';\n  },",
    5,
    /^Error: \/root\/\.ssh\/id_rsa is out of bounds: a module-setup sees .*: a file that is only to go into the image is asked for by image\.file$/,
  ],
  program: [
    "  check: (host) => (host.findProgram('../../root/x') ? 'include' : 'on-request'),",
    4,
    /^Error: findProgram takes a program's name, not the path \.\.\/\.\.\/root\/x/,
  ],
};

test("each mistake of a setup has its file and line, and the others are still asked", async (context) => {
  const limits = { step: 300, memoryPages: 768 };
  const setups = Object.entries(faultySetups).map(([name, [body]]) => [`10${name}`, source(body)]);
  const { folder, ask } = await load(context, { ...Object.fromEntries(setups), "99fine": source("") }, limits);
  for (const [name, [body, line, reason]] of Object.entries(faultySetups)) {
    const step = body.includes("check") ? "check" : body.includes("install(") ? "install" : "depends";
    const [problem = "nothing is said"] = await problemsOf(() => ask(name, step));
    const place = `${folder}/10${name}/module-setup.ts${line ? `:${line}` : ""}: `;
    const remedy = ` (correct the module, or leave it out: mkinitrd -o ${name})`;
    assert.ok(problem.startsWith(place) && problem.endsWith(remedy), `${name}: ${problem}`);
    const said = problem.slice(place.length, -remedy.length);
    if (typeof reason === "string") assert.equal(said, reason, name);
    else assert.match(said, reason, name);
  }
  assert.equal(await ask("fine", "check"), "include");
});

test("what a setup does to its globals is its own concern", async (context) => {
  const vandals = {
    json: "JSON.stringify = () => 'x'",
    answer: "JSON.stringify = () => '{}'",
    lists: "Array.prototype.push = () => 0",
    errors: "globalThis.Error = function () { throw 7; }",
    functions: "Function.prototype.apply = () => { throw 7; }",
    text: "globalThis.String = () => { throw 7; }",
    step: "Object.defineProperty(globalThis, 'runStep', { value: () => 'x' })",
    ask: "globalThis.askHost = () => '{'",
  };
  const setups = Object.entries(vandals).map(([name, code]) => {
    const body = `  check() {\n    ${code};\n    return 'include';\n  },\n  install: (image) => image.text('/x', ''),`;
    return [`10${name}`, source(body)];
  });
  const { ask } = await load(context, {
    ...Object.fromEntries(setups),
    "20fine": source("  install: (image) => image.text('/x', ''),"),
  });
  for (const name of Object.keys(vandals))
    for (const step of ["check", "install"] as const)
      for (const problem of await problemsOf(() => ask(name, step)))
        assert.match(problem, new RegExp(`/10${name}/module-setup\\.ts.*: .*mkinitrd -o ${name}\\)$`));
  assert.equal((await ask("fine", "install")).requests.length, 1);
});

test("a setup that has used up its time or its memory is asked nothing more", async (context) => {
  const more = "  install() {\n    throw new Error('asked');\n  },";
  const { ask } = await load(
    context,
    {
      "10time": source(`  check() {\n    for (;;);\n  },\n${more}`),
      "20memory": source(
        `  check() {\n    globalThis.all = [];\n    for (;;) all.push(new ArrayBuffer(1 << 20));\n  },\n${more}`,
      ),
      "30top": "for (;;);\nexport default {};\n",
      "40goes-on": source(`  check() {\n    throw new Error('not today');\n  },\n${more}`),
    },
    { step: 300, memoryPages: 768 },
  );
  for (const name of ["time", "memory", "top"]) {
    const [problem] = await problemsOf(() => ask(name, "check"));
    assert.match(problem ?? "", /still running|out of memory/);
    assert.deepEqual(await problemsOf(() => ask(name, "install")), [problem]);
  }
  await problemsOf(() => ask("goes-on", "check"));
  assert.match((await problemsOf(() => ask("goes-on", "install"))).join(), /Error: asked/);
});

test("all mistakes of one setup's answer are told", async (context) => {
  const { ask } = await load(context, {
    "10one": source(
      "  install(image) {\n    image.text('a', '');\n    image.directory('/b', -1);\n    image.symlink('/c', '');\n  },",
    ),
  });
  const problems = await problemsOf(() => ask("one", "install"));
  assert.deepEqual(
    problems.map((problem) => /module-setup\.ts:(\d+): image\.(\w+)/.exec(problem)?.slice(1)),
    [
      ["5", "text"],
      ["6", "directory"],
      ["7", "symlink"],
    ],
  );
});

/** Modules that are wrong in as many ways, and two that are right. Each in a folder of its own below modules.d. */
const manyModules = {
  "10syntax/module-setup.ts": "export default {\n  check: }\n",
  "11throws/module-setup.ts": source("  install() {\n    throw new Error('not today');\n  },"),
  "12needs/module-setup.ts": source("  install: (image) =>\n    image.program('no-such-program'),"),
  "13builtin/module-setup.ts": source(""),
  "13builtin/mount.ts": 'import "./helper.js";\nexport default { run() {} };\n',
  "13builtin/helper.ts": 'import { readFileSync } from "node:fs";\nexport const x = readFileSync;\n',
  "14nothing/module-setup.ts": source(""),
  "14nothing/mount.ts": "export const run = () => {};\n",
  "15late/module-setup.ts": source(""),
  "15late/mount.ts": 'import { hook } from "firstlight/hooks";\n\nexport default hook({ priority: 100, run() {} });\n',
  "16top/module-setup.ts": source(""),
  "16top/mount.ts": "const x = null as unknown;\nexport default { run() {} };\nthrow new Error('at the top');\n",
  "17plain/module-setup.ts": source(""),
  "17plain/mount.js": "export default { start() {} };\n",
  "18stray/module-setup.ts": source(""),
  "18stray/pre-mout.ts": 'import { hook } from "firstlight/hooks";\nexport default hook({ run() {} });\n',
  "18stray/pre-udev.ts": 'import { hook } from "firstlight/hooks";\nexport default hook({ run() {} });\n',
  "19takes/module-setup.ts": 'import { word } from "../20gives/word.js";\n\nexport default { check: () => word };\n',
  "19takes/mount.ts": 'export { default } from "../20gives/mount.js";\n',
  "20gives/module-setup.ts": source("  check: () => 'on-request',"),
  "20gives/word.ts": "export const word = 'include';\n",
  "20gives/mount.ts": "export default { run() {} };\n",
  "22reaches/module-setup.ts": source(""),
  "22reaches/mount.ts": 'import { word } from "../../shared.js";\n\nexport default { run: () => word };\n',
  // What it may import is not known.
  "23silent/module-setup.ts": source("  depends: () => { throw new Error('no list'); },"),
  "23silent/mount.ts": 'export { default } from "../20gives/mount.js";\n',
  "21friend/module-setup.ts": source("  depends: () => ['gives'],"),
  "21friend/mount.ts": 'export { default } from "../20gives/mount.js";\n',
  // A helper may have the name of a phase, nearly.
  "21friend/cmdline.ts": 'import { mounts } from "./mounts.js";\nexport default { run: () => mounts };\n',
  "21friend/mounts.ts": "export const mounts = undefined;\n",
};

test("three modules and more, each wrong in its own way: one run tells all, and the old image stays", async (context) => {
  const modules = Object.entries(manyModules).map(([path, text]) => [`modules.d/${path}`, text]);
  const folder = scratchFolder(context, {
    "x.img": "old",
    "shared.ts": "export const word = 7;\n",
    ...Object.fromEntries(modules),
  });
  const program = join(projectFolder, "tools/mkinitrd");
  const build = (...words: string[]) =>
    tryRun([program, "-l", "-N", "--no-kernel", "-f", ...words, "x.img"], { cwd: folder });
  const { status, stderr } = await build();
  assert.equal(status, 1);
  const at = `mkinitrd: error: ${folder}/modules.d/`;
  const remedy = (name: string) => `(correct the module, or leave it out: mkinitrd -o ${name})`;
  const phases =
    "cmdline, pre-trigger, initqueue, pre-mount, mount, pre-pivot, cleanup, switch, timeout, emergency, pre-shutdown, shutdown, system";
  const unknown = "there is no phase";
  const alone = "and no file of the module imports this one";
  assert.deepEqual(stderr.trimEnd().split("\n").sort(), [
    `${at}10syntax/module-setup.ts:2: Unexpected "}"`,
    `${at}11throws/module-setup.ts:5: Error: not today ${remedy("throws")}`,
    `${at}13builtin/helper.ts:1: Could not resolve "node:fs": modules run in QuickJS, not in Node; what there is for them, firstlight/hooks has`,
    `${at}14nothing/mount.ts: there is no default export: write export default hook({ … })`,
    `${at}15late/mount.ts:3: TypeError: a hook's priority is a whole number, 0 to 99 ${remedy("late")}`,
    `${at}16top/mount.ts:3: Error: at the top ${remedy("top")}`,
    `${at}17plain: TypeError: module plain, mount: a hook needs a function run: write export default hook({ run(boot) { … } }) ${remedy("plain")}`,
    `${at}18stray/pre-mout.ts: ${unknown} pre-mout, ${alone}: did you mean pre-mount? ${remedy("stray")}`,
    `${at}18stray/pre-udev.ts: ${unknown} pre-udev, ${alone}: the phases are ${phases} ${remedy("stray")}`,
    `${at}19takes/module-setup.ts:1: import of ../20gives/word.js: that is a file of the module gives, which depends does not name ${remedy("takes")}`,
    `${at}19takes/mount.ts:1: import of ../20gives/mount.js: that is a file of the module gives, which depends does not name ${remedy("takes")}`,
    `${at}22reaches/mount.ts:1: import of ../../shared.js: a module's files import "firstlight/hooks", each other, and those of modules that its depends names ${remedy("reaches")}`,
    `${at}23silent/module-setup.ts:4: Error: no list ${remedy("silent")}`,
    `mkinitrd: error: module needs needs the program no-such-program, which is not installed (asked for at ${folder}/modules.d/12needs/module-setup.ts:5)`,
  ]);
  assert.equal(readFileSync(join(folder, "x.img"), "utf8"), "old");
  assert.deepEqual(readdirSync(folder).sort(), ["modules.d", "shared.ts", "x.img"]);

  const faulty = "syntax throws needs builtin nothing late top plain stray takes reaches silent";
  const without = await build("-o", faulty);
  assert.equal(without.status, 0, without.stderr);
});

test("what is missing for a setup's good requests is told beside its mistakes", async (context) => {
  const body =
    "  install(image) {\n    image.text('x', '');\n    image.program('no-such-program');\n  },\n  cmdline: () => [''],";
  const folder = scratchFolder(context, { "modules.d/10half/module-setup.ts": source(body) });
  const words = ["-l", "-m", "half", "--no-kernel", "x.img"];
  const { status, stderr } = await tryRun([join(projectFolder, "tools/mkinitrd"), ...words], { cwd: folder });
  assert.equal(status, 1);
  const place = `${folder}/modules.d/10half/module-setup.ts`;
  const remedy = "(correct the module, or leave it out: mkinitrd -o half)";
  assert.deepEqual(
    stderr.split("\n").filter((line) => line.startsWith("mkinitrd: error: ")),
    [
      `${place}:8: cmdline/0 must NOT have fewer than 1 characters, not "" ${remedy}`,
      `${place}:5: image.text/path must match format "absolute path without ..", not "x" ${remedy}`,
      `module half needs the program no-such-program, which is not installed (asked for at ${place}:6)`,
    ].map((problem) => `mkinitrd: error: ${problem}`),
  );
});
