import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findModules } from "../../../core/generator/module-folders.js";
import { createProblems } from "../../../core/generator/problems.js";
import type { SetupAnswers } from "../../../core/schema/manifest.js";
import { load, source } from "./load-setups.js";
import { problemsOf, scratchFolder } from "./scratch.js";

test("a setup's answers, and the defaults of what it leaves out", async (context) => {
  const { folder, ask } = await load(context, {
    "10empty": source(""),
    "20full": source(`
      check: (host) => (host.driverExists("ext4") ? "on-request" : { unavailable: "no ext4" }),
      depends: (host) => [host.machine, String(host.kernel)],
      parameters: { "rd.x": { schema: { type: "integer", minimum: 1 }, form: "N", repeated: true } },
      root: [{ form: "x:…", matches: "^x:" }],
      cmdline: () => ["only.in.hostonly"],
      install(image, host) {
        image.program(["one", "two"], { optional: "nothing works" });
        image.file("/etc/x", { destination: "/etc/y", mode: 0o600 });
        image.text("/a", host.findProgram("sh") ?? "none");
        image.node("/dev/x", "block", 8, 1, 0o660);
      },
      installkernel(image) { image.drivers(["x"], { always: true }); image.warning("careful"); },
    `),
  });
  assert.equal(await ask("empty", "check"), "include");
  assert.deepEqual(await ask("empty", "depends"), []);
  assert.deepEqual(await ask("empty", "declare"), { parameters: {}, root: [] });
  assert.deepEqual(await ask("empty", "install"), { cmdline: [], requests: [], places: [], mistakes: [] });
  assert.equal(await ask("full", "check"), "on-request");
  assert.deepEqual(await ask("full", "depends"), ["x86_64", "6.1"]);
  assert.deepEqual((await ask("full", "declare")).parameters["rd.x"], {
    schema: { type: "integer", minimum: 1 },
    form: "N",
    repeated: true,
  });
  assert.deepEqual(await ask("full", "install"), {
    cmdline: [],
    mistakes: [],
    places: [11, 12, 13, 14, 16, 16].map((line) => `${folder}/20full/module-setup.ts:${line}`),
    requests: [
      { kind: "program", names: ["one", "two"], optional: "nothing works" },
      { kind: "file", source: "/etc/x", destination: "/etc/y", mode: 0o600 },
      { kind: "text", path: "/a", content: "/usr/bin/sh" },
      { kind: "node", path: "/dev/x", type: "block", major: 8, minor: 1, mode: 0o660 },
      { kind: "drivers", selectors: ["x"], always: true },
      { kind: "warning", text: "careful" },
    ],
  });
});

test("a hundred setups, more than one script has: each answers for itself, and what is wrong with one has its file and line", async (context) => {
  const numbers = [...Array(100).keys()];
  const { ask } = await load(context, {
    ...Object.fromEntries(numbers.map((number) => [`50m${number}`, source(`depends: () => ["${number}"],`)])),
    "50m7": source("depends: 7 7,"),
    "50m98": source('depends() { throw new Error("no"); },'),
  });
  for (const number of numbers)
    if (number !== 7 && number !== 98) assert.deepEqual(await ask(`m${number}`, "depends"), [String(number)]);
  assert.match((await problemsOf(() => ask("m7", "depends")))[0] ?? "", /50m7\/module-setup\.ts:4: /);
  assert.match((await problemsOf(() => ask("m98", "depends")))[0] ?? "", /50m98\/module-setup\.ts:4: Error: no/);
});

test("a setup that throws is an error with its file and line", async (context) => {
  const { folder, ask } = await load(context, {
    "10one": source("  check() {\n    throw new Error('not today');\n  },"),
    "20two": source(
      "  install(image) {\n    const wrong = undefined as unknown as { path: string };\n    image.text(wrong.path, '');\n  },",
    ),
  });
  assert.deepEqual(await problemsOf(() => ask("one", "check")), [
    `${folder}/10one/module-setup.ts:5: Error: not today (correct the module, or leave it out: mkinitrd -o one)`,
  ]);
  assert.match((await problemsOf(() => ask("two", "install")))[0] ?? "", /20two\/module-setup\.ts:6: TypeError: /);
});

test("a setup that does not end, or eats all memory, is one, too; the others are still asked", async (context) => {
  const limits = { step: 300, memoryPages: 768 };
  const { ask } = await load(
    context,
    {
      "10loop": source("  check() {\n    for (;;);\n  },"),
      "20eat": source(
        "  check() {\n    const all: unknown[] = [];\n    for (;;) all.push(new Array(10000).fill(1));\n  },",
      ),
      "30deep": source(
        "  check() {\n    const deep = (): number => deep() + 1;\n    return String(deep()) as 'include';\n  },",
      ),
      "40fine": source(""),
    },
    limits,
  );
  // A loop without calls leaves no trace of its line: QuickJS knows where its function begins.
  assert.match(
    (await problemsOf(() => ask("loop", "check")))[0] ?? "",
    /10loop\/module-setup\.ts:4: it was still running after 0\.3 s of processor time /,
  );
  assert.match(
    (await problemsOf(() => ask("eat", "check")))[0] ?? "",
    /20eat\/module-setup\.ts:6: .*(out of memory|processor time)/,
  );
  assert.match(
    (await problemsOf(() => ask("deep", "check")))[0] ?? "",
    /30deep\/module-setup\.ts:5: RangeError: Maximum call stack/,
  );
  assert.equal(await ask("fine", "check"), "include");
});

test("a mistake in the source, or at the top of the module, has its line", async (context) => {
  const { folder, ask } = await load(context, {
    "10broken": "export default {\n  check: }\n",
    "20missing": 'import x from "none-such";\nexport default x;\n',
    "30top": "const x = null as unknown as { y: number };\nexport default x.y;\n",
    "40none": "export const x = 1;\nexport default undefined;\n",
    "50fine": source(""),
  });
  const cases = {
    broken: '/10broken/module-setup.ts:2: Unexpected "}"',
    missing:
      '/20missing/module-setup.ts:1: Could not resolve "none-such": modules import "firstlight/hooks" and files of their own folder',
    top: "/30top/module-setup.ts:2: TypeError: cannot read property 'y' of null (correct the module, or leave it out: mkinitrd -o top)",
    none: "/40none/module-setup.ts: TypeError: there is no default export: write export default moduleSetup({ … }) (correct the module, or leave it out: mkinitrd -o none)",
  };
  for (const [name, problem] of Object.entries(cases))
    for (const step of ["check", "install"] as const)
      assert.deepEqual(await problemsOf(() => ask(name, step)), [folder + problem], "whatever is asked");
  assert.equal(await ask("fine", "check"), "include");
});

test("Node is not there", async (context) => {
  const sources = [
    "process.exit(3)",
    "require('fs')",
    "import('node:fs')",
    "globalThis.fetch('http://localhost')",
    "std.exit(3)",
  ];
  for (const text of sources) {
    const loaded = load(context, {
      "10node": source(`  check() {\n    ${text};\n    return 'include';\n  },`),
    });
    const problems = await problemsOf(async () => (await loaded).ask("node", "check"));
    // import() gives a promise that fails later: nothing comes of it, and nothing is loaded.
    if (text.startsWith("import")) continue;
    assert.match(problems[0] ?? "", /10node\/module-setup\.ts/, text);
  }
});

test("nonsense is refused with its place in the answer", async (context) => {
  const cases: [body: string, step: keyof SetupAnswers, pattern: RegExp][] = [
    ["check: () => 'perhaps' as never,", "check", /:4: check has to give "include", "on-request" or /],
    ["depends: () => [7] as never,", "depends", /:4: depends\/0 must be string, not 7/],
    ["depends: () => 7 as never,", "depends", /:4: depends must be array, not 7/],
    [
      "parameters: { x: { schema: { type: 'number' } as never, form: 'N' } },",
      "declare",
      /:4: parameters\/x\/schema\/type must be equal to one of .* \(string, integer, boolean\)/,
    ],
    [
      "parameters: { x: { schema: { type: 'string', pattern: '(' }, form: 'N' } },",
      "declare",
      /parameters\/x\/schema\/pattern must match format "regular expression", not "\("/,
    ],
    [
      "parameters: { x: { schema: { type: 'string', ptern: 'x' } as never, form: 'N' } },",
      "declare",
      /must NOT have additional properties \(ptern\)/,
    ],
    ["root: [{ form: 'x', matches: /x/ as never }],", "declare", /:4: root\/0\/matches must be string/],
    [
      "install(image) { image.text('relative', ''); },",
      "install",
      /:4: image\.text\/path must match format "absolute path without \.\.", not "relative"/,
    ],
    ["install(image) { image.text('/a/../../b', ''); },", "install", /:4: image\.text\/path must match format/],
    ["install(image) { image.text('/a', 7 as never); },", "install", /:4: image\.text\/content must be string, not 7/],
    [
      "install(image) { image.directory('/a', 0o777777); },",
      "install",
      /:4: image\.directory\/mode must be <= 4095, not 262143/,
    ],
    ["install(image) { image.program([]); },", "install", /:4: image\.program\/names must NOT have fewer than 1 items/],
    ["install(image) { image.drivers(['x'], { allways: true } as never); },", "install", /\(allways\)/],
  ];
  const setups = cases.map(([body], index) => [`${10 + index}case${index}`, source(`  ${body}`)]);
  const { ask } = await load(context, Object.fromEntries(setups));
  for (const [index, [body, step, pattern]] of cases.entries()) {
    const [problem] = await problemsOf(() => ask(`case${index}`, step));
    assert.match(problem ?? "", pattern, body);
    assert.match(problem ?? "", new RegExp(`${10 + index}case${index}/module-setup.ts:4: `));
  }
});

test("what a setup may see of the host ends at /etc, /usr, /lib and /var/lib, links included", async (context) => {
  const root = scratchFolder(context, {
    "etc/in.conf": "inside",
    "home/secret": "outside",
    "usr/bin/tool": "",
    "etc/d/b": "",
    "etc/d/a": "",
  });
  symlinkSync("/home/secret", join(root, "etc/leads-out"));
  const { ask } = await load(
    context,
    {
      "10fine": source(
        "  install(image, host) { image.text('/x', JSON.stringify([host.readFile('/etc/in.conf'), host.readFile('/etc/none') === undefined, host.readFile('/etc/d') === undefined, host.list('/etc/d'), host.list('/etc/none') === undefined, host.exists('/usr/bin/tool'), host.findProgram('tool') === undefined])); },",
      ),
      ...Object.fromEntries(
        [
          "/home/secret",
          "/etc/../home/secret",
          "/etc/leads-out",
          "relative",
          "/proc/self/environ",
          "/etcetera",
        ].flatMap((path, index) => [
          [`${20 + index}read${index}`, source(`  check: (host) => (host.readFile("${path}"), "include" as const),`)],
          [`${30 + index}list${index}`, source(`  check: (host) => (host.list("${path}"), "include" as const),`)],
          [`${40 + index}exists${index}`, source(`  check: (host) => (host.exists("${path}"), "include" as const),`)],
        ]),
      ),
      "60type": source("  check: (host) => (host.readFile(7 as never), 'include' as const),"),
    },
    undefined,
    root,
  );
  const [request] = (await ask("fine", "install")).requests;
  assert.deepEqual(JSON.parse(request?.kind === "text" ? request.content : ""), [
    "inside",
    true,
    true,
    ["a", "b"],
    true,
    true,
    true,
  ]);
  for (const question of ["read", "list", "exists"])
    for (let index = 0; index < 6; index++) {
      const problems = await problemsOf(() => ask(`${question}${index}`, "check"));
      assert.match(problems[0] ?? "", /module-setup\.ts:4: Error: \S+ is out of bounds/);
    }
  assert.match(
    (await problemsOf(() => ask("type", "check")))[0] ?? "",
    /TypeError: host\.readFile: a string is expected, not number/,
  );
});

test("folders: NNname, a setup in each, later ones override earlier ones", (context) => {
  const first = scratchFolder(context, {
    "10one/module-setup.ts": "",
    "10one/mount.ts": "",
    "10one/helper.ts": "",
    "20two/module-setup.ts": "",
    "05zero/module-setup.js": "",
    "05zero/timeout.js": "",
    readme: "a file is no module",
  });
  const second = scratchFolder(context, { "90two/module-setup.ts": "" });
  const problems = createProblems();
  const found = findModules([first, second, "/none/such"], problems);
  assert.deepEqual(
    found.map(({ name, number, folder, phases }) => [name, number, folder, Object.keys(phases)]),
    [
      ["zero", 5, `${first}/05zero`, ["timeout"]],
      ["one", 10, `${first}/10one`, ["mount"]],
      ["two", 90, `${second}/90two`, []],
    ],
  );
  assert.doesNotThrow(problems.check);
});

test("folders with other names, or without a setup, are errors", async (context) => {
  const folder = scratchFolder(context, { "tools/module-setup.ts": "", "90empty/mount.ts": "" });
  const problems = createProblems();
  findModules([folder], problems);
  assert.deepEqual(await problemsOf(problems.check), [
    `${folder}/90empty has no module-setup.ts: add it (see CONTRIBUTING.md), or remove the folder`,
    `${folder}/tools: a module's folder has two digits and a name, like 90tools: rename or remove it`,
  ]);
});
