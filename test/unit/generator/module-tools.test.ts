/** What authors of modules type: new-module and check-module, and modules that lie where mkinitrd looks for them. */
import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { staticBusybox } from "../../support/tiny-root.js";
import { source } from "./load-setups.js";
import { scratchFolder } from "./scratch.js";

const tool = (name: string) => join(projectFolder, "tools", name);

/** What a tool says when it refuses its words, line by line; nothing on standard output. */
async function refusal(argv: readonly string[], options?: Parameters<typeof tryRun>[1]): Promise<string[]> {
  const { status, stdout, stderr } = await tryRun(argv, options);
  assert.deepEqual([status, stdout], [1, ""], stderr);
  return stderr.split("\n").slice(0, -1);
}

test("new-module: a folder that is right as it is; nothing is written over, and nothing half", async (context) => {
  const folder = scratchFolder(context, { file: "" });
  const places = join(folder, "new/place");
  const make = (...words: string[]) => run([tool("new-module"), "--dir", places, ...words]);
  assert.equal(await make("clock"), `${places}/50clock\n`);
  assert.equal(await make("95name"), `${places}/95name\n`);
  assert.equal(await make("07with-a.sign+_"), `${places}/07with-a.sign+_\n`);
  for (const name of ["50clock", "95name", "07with-a.sign+_"]) {
    const files = readdirSync(join(places, name));
    assert.deepEqual(files, ["module-setup.ts", "pre-mount.ts"]);
    const text = files.map((file) => readFileSync(join(places, name, file), "utf8")).join("");
    assert.ok(text.includes(`"rd.${name.slice(2)}"`) && !text.includes("example"), text);
  }
  assert.equal(await run([tool("check-module"), ...readdirSync(places).map((name) => join(places, name))]), "");

  const before = readdirSync(places);
  const refused = (...words: string[]) => refusal([tool("new-module"), ...words]);
  for (const name of ["9foo", "095x", "Base", "../x", "a/b", "ä", ""])
    assert.match((await refused("--dir", places, name)).join(), /cannot be a module's name: .* as in 95name$/);
  assert.deepEqual(await refused("--dir", places, "60clock"), [
    `new-module: error: there is a module clock already, ${places}/50clock: choose another name, or copy that folder to override it`,
  ]);
  assert.match(
    (await refused("--dir", places, "base")).join(),
    /there is a module base already, \S+modules\.d\/99base: /,
  );
  mkdirSync(join(places, "50empty"));
  assert.match(
    (await refused("--dir", places, "empty")).join(),
    /50empty is there already: choose another name, or remove/,
  );
  assert.match(
    (await refused("--dir", join(folder, "file"), "x")).join(),
    /file\/50x cannot be written: something else is there: choose a folder that you may write with --dir/,
  );
  assert.match((await refused("--dir", "/proc", "x")).join(), /\/proc\/50x cannot be written: /);
  assert.match((await refused()).join(), /one NAME is needed: see new-module --help$/);
  assert.match((await refused("--dri", places, "x")).join(), /Unknown option '--dri': see new-module --help$/);
  assert.deepEqual(readdirSync(places), [...before, "50empty"].sort());
});

test("check-module: mistakes of types, of the setup and of the hooks, wherever the folder lies", async (context) => {
  const folder = scratchFolder(context, {
    "my [own] 100%/60wrong/module-setup.ts": source(
      "  check: () => 'perhaps' as 'include',\n  depends: () => ['bas'],",
    ),
    "my [own] 100%/60wrong/mount.ts": `import { hook } from "firstlight/hooks";
import { word } from "./helper.js";

export default hook({
  priority: 200,
  run({ log, parameters }) {
    log.inform(word);
    const count: number = parameters.text("x");
    setTimeout(() => console.log(count), process.pid);
  },
});
`,
    "my [own] 100%/60wrong/helper.ts": "export const word: string = 7;\n",
    "my [own] 100%/60wrong/unused.test.ts": 'import "node:test";\n',
  });
  const wrong = join(folder, "my [own] 100%/60wrong");
  const said = await refusal([tool("check-module"), "60wrong"], { cwd: join(folder, "my [own] 100%") });
  const expected = [
    "helper.ts:1: Type 'number' is not assignable to type 'string'. (TS2322)",
    "mount.ts:7: Property 'inform' does not exist on type 'Log'. Did you mean 'info'? (TS2551)",
    "mount.ts:8: Type 'string | undefined' is not assignable to type 'number'. (TS2322) Type 'undefined' is not assignable to type 'number'.",
    "mount.ts:9: Cannot find name 'setTimeout'. (TS2304)",
    "mount.ts:9: Cannot find name 'console': modules run in QuickJS, which has none (TS2584)",
    "mount.ts:9: Cannot find name 'process': modules run in QuickJS, which has none (TS2591)",
    'module-setup.ts:4: check has to give "include", "on-request" or { unavailable: "why" }, not "perhaps" (correct the module, or leave it out: mkinitrd -o wrong)',
    "mount.ts:4: TypeError: a hook's priority is a whole number, 0 to 99 (correct the module, or leave it out: mkinitrd -o wrong)",
  ].map((line) => `check-module: error: ${wrong}/${line}`);
  expected.push("check-module: error: module wrong asks for module bas, which does not exist: did you mean base?");
  assert.deepEqual(said.sort(), expected.sort());
});

test("check-module: several folders, JavaScript, modules beside it that are faulty, folders that are none", async (context) => {
  const folder = scratchFolder(context, {
    "10one/module-setup.js": "export default { depends: () => ['two', 'base'] };\n",
    "10one/mount.js": 'export { default } from "../20two/mount.js";\n',
    "20two/module-setup.ts": source("  check: () => 'on-request',"),
    "20two/mount.ts": "export default { run() {} };\n",
    "30other/module-setup.ts": `throw new Error("not today");\n${source("")}`,
    "not-a-module": "",
  });
  symlinkSync("10one", join(folder, "40link"));
  symlinkSync("30other", join(folder, "50lost"));
  const names = ["10one", "20two", "40link"].map((name) => join(folder, name));
  assert.equal(await run([tool("check-module"), ...names]), "");
  const refused = (...words: string[]) => refusal([tool("check-module"), ...words]);
  assert.deepEqual(
    await refused(join(folder, "30other"), join(folder, "50lost"), join(folder, "not-a-module"), "/none", folder),
    [
      `check-module: error: ${folder}/30other/module-setup.ts:1: Error: not today (correct the module, or leave it out: mkinitrd -o other)`,
      `check-module: error: ${folder}/50lost/module-setup.ts:1: Error: not today (correct the module, or leave it out: mkinitrd -o lost)`,
      `check-module: error: there is no folder ${folder}/not-a-module`,
      "check-module: error: there is no folder /none",
      `check-module: error: ${folder}: a module's folder has two digits and a name, like 90${folder.split("/").at(-1)}: rename or remove it`,
    ],
  );
  assert.match((await refused()).join(), /the folder of a module is needed: see check-module --help$/);
  assert.match(
    (await refusal([tool("check-module"), join(folder, "10one")], { env: { TMPDIR: "/none" } })).join(),
    /\/none cannot be written to: .*: name another directory by TMPDIR$/,
  );
});

test("a check that is killed leaves nothing behind", async (context) => {
  const folder = scratchFolder(context, {
    "10one/module-setup.ts": source(""),
    "kill.cjs": 'if (process.argv[1].endsWith("bin/tsc")) process.kill(process.ppid, "SIGKILL");\n',
  });
  mkdirSync(join(folder, "temporary"));
  const env = {
    ...process.env,
    TMPDIR: join(folder, "temporary"),
    NODE_OPTIONS: `--require=${join(folder, "kill.cjs")}`,
  };
  const { status } = await tryRun([tool("check-module"), join(folder, "10one")], { env });
  assert.equal(status, 137, "it was killed while the compiler was at work");
  assert.deepEqual(readdirSync(env.TMPDIR), []);
});

test("our own modules pass, also from a tree without tests and what only developers need", async (context) => {
  const tree = scratchFolder(context);
  for (const name of [
    "core",
    "hooks",
    "modules.d",
    "tools",
    "package.json",
    "tsconfig.json",
    "dist/tools",
    "dist/chunks",
  ])
    cpSync(join(projectFolder, name), join(tree, name), { recursive: true });
  mkdirSync(join(tree, "node_modules"));
  const { dependencies } = JSON.parse(readFileSync(join(tree, "package.json"), "utf8")) as { dependencies: object };
  const packages = ["@typescript", "@esbuild", ...Object.keys(dependencies).filter((name) => !name.startsWith("@"))];
  for (const name of [
    ...packages,
    "@jitl",
    "fast-uri",
    "fast-deep-equal",
    "json-schema-traverse",
    "require-from-string",
  ])
    symlinkSync(join(projectFolder, "node_modules", name), join(tree, "node_modules", name));
  const modules = readdirSync(join(tree, "modules.d")).map((name) => join(tree, "modules.d", name));
  assert.ok(modules.length > 5);
  assert.equal(await run([join(tree, "tools/check-module"), ...modules], { cwd: "/" }), "");
});

test("a module in /etc stands for one in /usr/lib, and that for ours, whatever their numbers", async (context) => {
  const root = scratchFolder(context, {
    "usr/lib/firstlight/modules.d/10busybox/module-setup.ts": source(
      "  install: (image) => image.text('/etc/which', 'usr'),",
    ),
    "usr/lib/firstlight/modules.d/10busybox/mount.ts": "export default { run() {} };\n",
    "etc/firstlight/modules.d/42busybox/module-setup.ts": source(
      "  install: (image) => image.text('/etc/which', 'etc'),",
    ),
    "etc/firstlight/modules.d/43mine/module-setup.ts": source("  install: (image) => image.text('/etc/mine', ''),"),
    "etc/firstlight/modules.d/.git/config": "",
    "etc/firstlight/modules.d/README": "",
    "work/modules.d/99busybox/module-setup.ts": source("  install: (image) => image.text('/etc/which', 'local'),"),
    "usr/bin/none": "",
  });
  mkdirSync(join(root, "bin"));
  copyFileSync(await staticBusybox(), join(root, "bin/busybox"));
  const etc = join(root, "etc/firstlight/modules.d");
  const ours = join(projectFolder, "modules.d");
  const list = (await run([tool("mkinitrd"), "-r", root, "--list-modules"])).split("\n");
  const lineOf = (name: string) => list.find((line) => line.startsWith(`${name} `))?.replace(/ +/, " ");
  assert.equal(
    lineOf("busybox"),
    `busybox ${etc}/42busybox (overrides ${ours}/99busybox, ${root}/usr/lib/firstlight/modules.d/10busybox)`,
  );
  assert.equal(lineOf("mine"), `mine ${etc}/43mine`);
  assert.equal(lineOf("base"), `base ${ours}/99base`);

  const image = join(root, "x.img");
  const build = async (...words: string[]) => {
    const options = { cwd: join(root, "work") };
    await run([tool("mkinitrd"), "-r", root, "-qNf", "--no-kernel", "--no-compress", ...words, image], options);
    return run([tool("lsinitrd"), image, "etc/which"]);
  };
  assert.equal(await build(), "etc");
  assert.match(await run([tool("lsinitrd"), image]), /etc\/mine/);
  assert.equal(await build("-l"), "local", "-l leaves the system's modules out");
  assert.doesNotMatch(await run([tool("lsinitrd"), image]), /etc\/mine/);
});

test("two modules of one name in one folder are an error, and what is in order is listed all the same", async (context) => {
  const folder = scratchFolder(context, {
    "modules.d/10one/module-setup.ts": source(""),
    "modules.d/20one/module-setup.ts": source(""),
    "modules.d/30fine/module-setup.ts": source(""),
  });
  const { status, stdout, stderr } = await tryRun([tool("mkinitrd"), "-l", "--list-modules"], { cwd: folder });
  assert.equal(status, 1);
  assert.match(stdout, /^fine +\S+\/30fine$/m);
  assert.equal(
    stderr,
    `mkinitrd: error: ${folder}/modules.d/10one and ${folder}/modules.d/20one are two modules of one name: rename or remove one\n`,
  );
});
