import assert from "node:assert/strict";
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { createInstaller, findProgram, installLayout } from "../../../core/generator/install.js";
import { createTree, type Tree } from "../../../core/generator/tree.js";
import { run } from "../../support/run.js";
import { problemsOf, scratchFolder } from "./scratch.js";

function prepare(root = "/") {
  const host = createHostFiles(root);
  const tree = createTree();
  installLayout(host, tree);
  return { host, tree, installer: createInstaller(host, tree) };
}

const paths = (tree: Tree) => tree.entries().map(([path]) => path);
const files = (tree: Tree) => tree.entries().flatMap(([path, { type }]) => (type === "file" ? [path] : []));

/** Host paths that ldd(1) lists for a program, links resolved. */
async function lddOf(program: string): Promise<string[]> {
  const output = await run(["ldd", program]);
  return [...output.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => realpathSync(path ?? "")).sort();
}

for (const name of ["tar", "bash", "mount", "zstd", "xz", "gcc", "apt-get", "mke2fs", "qemu-system-x86_64"])
  test(`the libraries of ${name} are those that ldd names`, async () => {
    const { host, tree, installer } = prepare();
    const program = findProgram(host, name);
    assert.ok(program, `${name} is installed`);
    installer.file(program);
    const expected = [realpathSync(program), ...(await lddOf(program))].map((path) => path.slice(1)).sort();
    const unasked = files(tree).filter((path) => !expected.includes(path));
    assert.deepEqual(
      expected.filter((path) => !tree.has(path)),
      [],
    );
    // What glibc opens by itself when a thread is cancelled; ldd does not see it.
    assert.deepEqual(
      unasked.filter((path) => basename(path) !== "libgcc_s.so.1"),
      [],
    );
  });

test("programs run in the image's tree, where nothing else is", async (context) => {
  const { tree, installer } = prepare();
  const root = scratchFolder(context);
  for (const program of ["/bin/sh", "/usr/bin/env", "/usr/bin/xz"]) installer.file(program);
  for (const [path, entry] of tree.entries()) {
    if (entry.type === "dir") mkdirSync(join(root, path));
    else if (entry.type === "symlink") symlinkSync(entry.target, join(root, path));
    else if (entry.type === "file" && !Buffer.isBuffer(entry.content))
      await run(["cp", "-p", entry.content.path, join(root, path)]);
  }
  assert.match(await run(["chroot", root, "/bin/sh", "-c", "/usr/bin/xz --version"]), /^xz \(XZ Utils\)/);
});

/** A host of its own: two libraries and programs that need them in each of the ways that ld.so(8) knows. */
async function compileHost(context: TestContext): Promise<string> {
  const root = scratchFolder(context, {
    "a.c": "int a(void) { return 1; }",
    "b.c": "int a(void); int b(void) { return a(); }",
    "main.c": "int b(void); int main(void) { return b(); }",
    "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
    "etc/ld.so.conf.d/x.conf": "# comment\n/opt/configured\n",
  });
  const at = (path: string) => join(root, path);
  for (const folder of ["opt/own", "opt/own/lib", "opt/configured", "usr/bin", "usr/lib", "usr/lib64"])
    mkdirSync(at(folder), { recursive: true });
  const gcc = (...options: string[]) => run(["gcc", "-nostdlib", "-w", ...options], { cwd: root });
  await gcc("-shared", "-fPIC", "-Wl,-soname,liba.so.1", "-o", "opt/own/lib/liba.so.1", "a.c");
  await gcc("-shared", "-fPIC", "-Wl,-soname,libb.so.1", "-o", "opt/own/lib/libb.so.1", "b.c", "opt/own/lib/liba.so.1");
  const link = (name: string, ...options: string[]) =>
    gcc(
      "-o",
      name,
      "main.c",
      "opt/own/lib/libb.so.1",
      "-Wl,--allow-shlib-undefined",
      "-Wl,-e,main",
      "-Wl,-I,/usr/lib/ld-test.so",
      ...options,
    );
  await link("usr/bin/by-runpath", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/../../opt/own/lib");
  await link("usr/bin/by-rpath", "-Wl,--disable-new-dtags,-rpath,/opt/own/lib");
  await link("usr/bin/by-conf");
  await run(["cp", at("opt/own/lib/liba.so.1"), at("usr/lib/ld-test.so")]);
  return root;
}

test("RPATH is handed down to libraries, RUNPATH is not, ld.so.conf is for all", async (context) => {
  const root = await compileHost(context);
  const install = (program: string) => {
    const { tree, installer } = prepare(root);
    return { tree, work: () => installer.file(`/usr/bin/${program}`) };
  };

  const handed = install("by-rpath");
  handed.work();
  assert.deepEqual(files(handed.tree), [
    "opt/own/lib/liba.so.1",
    "opt/own/lib/libb.so.1",
    "usr/bin/by-rpath",
    "usr/lib/ld-test.so",
  ]);

  assert.deepEqual(await problemsOf(install("by-runpath").work), [
    "/opt/own/lib/libb.so.1 needs the library liba.so.1, which is nowhere in the dynamic linker's search path: install its package",
  ]);

  assert.match((await problemsOf(install("by-conf").work))[0] ?? "", /by-conf needs the library libb\.so\.1/);
  for (const name of ["liba.so.1", "libb.so.1"])
    await run(["mv", join(root, "opt/own/lib", name), join(root, "opt/configured", name)]);
  const configured = install("by-conf");
  configured.work();
  assert.deepEqual(configured.tree.get("usr/lib/libb.so.1"), { type: "symlink", target: "/opt/configured/libb.so.1" });
  assert.ok(
    configured.tree.has("usr/lib/liba.so.1"),
    "without ld.so.cache the library is found in a directory always searched",
  );
});

test("a library of another architecture is passed over", async (context) => {
  const root = await compileHost(context);
  await run(["mkdir", "-p", join(root, "lib")]);
  for (const name of ["liba.so.1", "libb.so.1"])
    await run(["mv", join(root, "opt/own/lib", name), join(root, "usr/lib", name)]);
  const foreign = Buffer.alloc(64);
  foreign.write("\x7fELF\x02\x01\x01", "latin1");
  foreign.writeUInt16LE(183, 18);
  writeFileSync(join(root, "opt/configured/libb.so.1"), foreign);
  writeFileSync(join(root, "opt/configured/liba.so.1"), "a linker script, or nothing at all");
  const { tree, installer } = prepare(root);
  installer.file("/usr/bin/by-conf");
  assert.ok(files(tree).includes("usr/lib/libb.so.1"));
  assert.ok(!paths(tree).some((path) => path.startsWith("opt/")));
});

test("a damaged ELF file is an error that names it", async (context) => {
  const root = scratchFolder(context, {
    "usr/bin/cut-short": Buffer.from("\x7fELF\x02\x01\x01".padEnd(40, "\0"), "latin1"),
    "usr/bin/points-nowhere": Buffer.concat([
      Buffer.from("\x7fELF\x02\x01\x01".padEnd(32, "\0"), "latin1"),
      Buffer.alloc(40, 0x7f),
    ]),
  });
  const { installer } = prepare(root);
  for (const name of ["cut-short", "points-nowhere"])
    assert.match(
      (await problemsOf(() => installer.file(`/usr/bin/${name}`)))[0] ?? "",
      new RegExp(`^/usr/bin/${name} is damaged: `),
    );
});

test("scripts bring their interpreters, through env, too", async (context) => {
  const root = scratchFolder(context, {
    "usr/bin/sh": "not a real one",
    "usr/bin/env": "neither",
    "usr/bin/lua": "neither",
    "usr/bin/one": "#! /bin/sh -e\n",
    "usr/bin/two": "#!/usr/bin/env lua\n",
    "usr/bin/three": "#!/usr/bin/env nothing\n",
    "usr/bin/four": "#!/missing\n",
    "usr/bin/five": "#!/usr/bin/env -S LANG=C perl -w\n",
    "usr/bin/perl": "neither",
  });
  for (const name of ["sh", "env", "lua", "perl"]) chmodSync(join(root, "usr/bin", name), 0o755);
  symlinkSync("usr/bin", join(root, "bin"));
  const { tree, installer } = prepare(root);
  installer.file("/bin/one");
  installer.file("/usr/bin/two");
  assert.deepEqual(files(tree), ["usr/bin/env", "usr/bin/lua", "usr/bin/one", "usr/bin/sh", "usr/bin/two"]);
  installer.file("/usr/bin/five");
  assert.ok(tree.has("usr/bin/perl"));
  assert.deepEqual(await problemsOf(() => installer.file("/usr/bin/three")), [
    "/usr/bin/three needs the program nothing, which is not installed",
  ]);
  assert.deepEqual(await problemsOf(() => installer.file("/usr/bin/four")), [
    "/usr/bin/four needs its interpreter: /missing: there is no such file",
  ]);
});

test("links are kept, and /bin leads into /usr whatever the host has", (context) => {
  const root = scratchFolder(context, { "bin/real": "x", "etc/alternatives/readme": "" });
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  symlinkSync("/etc/alternatives/tool", join(root, "usr/bin/tool"));
  symlinkSync("/bin/real", join(root, "etc/alternatives/tool"));
  symlinkSync("/bin/real", join(root, "usr/bin/real"));
  const { tree, installer } = prepare(root);
  installer.file("/usr/bin/tool");
  // On this host /usr/bin/real is a link to /bin/real; in the image both are one place, and a link would lead to itself.
  installer.file("/usr/bin/real");
  assert.deepEqual(tree.get("bin"), { type: "symlink", target: "usr/bin" });
  assert.deepEqual(tree.get("usr/bin/tool"), { type: "symlink", target: "/etc/alternatives/tool" });
  assert.deepEqual(files(tree), ["usr/bin/real"]);
  assert.ok(tree.has("usr/bin/tool"));
});

test("copies are as the original: links stay links, dangling ones too", (context) => {
  const root = scratchFolder(context, { "src/a/b/file": "text", "src/program": "#!/missing/interpreter\n" });
  chmodSync(join(root, "src/a"), 0o700);
  symlinkSync("b/file", join(root, "src/a/link"));
  symlinkSync("nowhere", join(root, "src/dangling"));
  const { tree, installer } = prepare(root);
  installer.copy("/src", "/opt/copy");
  assert.deepEqual(tree.get("opt/copy/a"), { type: "dir", mode: 0o700 });
  assert.deepEqual(tree.get("opt/copy/a/link"), { type: "symlink", target: "b/file" });
  assert.deepEqual(tree.get("opt/copy/dangling"), { type: "symlink", target: "nowhere" });
  assert.deepEqual(files(tree), ["opt/copy/a/b/file", "opt/copy/program"]);
  installer.copy("/src/program", "/etc/");
  installer.copy("/src/program", "/");
  installer.copy("/src/a/b", "/etc/");
  assert.ok(["etc/program", "program", "etc/file"].every((path) => files(tree).includes(path)));
});

test("links that go round in circles are as good as missing", async (context) => {
  const root = scratchFolder(context);
  symlinkSync("two", join(root, "one"));
  symlinkSync("one", join(root, "two"));
  const { installer } = prepare(root);
  assert.deepEqual(await problemsOf(() => installer.file("/one")), ["/one: there is no such file"]);
});
