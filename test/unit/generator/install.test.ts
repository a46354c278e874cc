import assert from "node:assert/strict";
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { createInstaller, findProgram, installLayout } from "../../../core/generator/install.js";
import { createTree, type Tree } from "../../../core/generator/tree.js";
import { run } from "../../support/run.js";
import { layTree, problemsOf, scratchFolder } from "./scratch.js";

function prepare(root = "/") {
  const host = createHostFiles(root);
  const tree = createTree();
  installLayout(host, tree);
  return { host, tree, installer: createInstaller(host, tree) };
}

const filesOf = (tree: Tree) => tree.entries().flatMap(([path, { type }]) => (type === "file" ? [path] : []));

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
    const unasked = filesOf(tree).filter((path) => !expected.includes(path));
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
  layTree(tree, root);
  assert.match(await run(["chroot", root, "/bin/sh", "-c", "/usr/bin/xz --version"]), /^xz \(XZ Utils\)/);
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

test("programs that are scripts bring their interpreters, of which one may be a script, and what env(1) runs", async (context) => {
  const scripts = {
    one: "#! /bin/sh -e\n",
    two: "#!/usr/bin/env lua\n",
    five: "#!/usr/bin/env -S -u LANG -i LC_ALL=C perl -w\n",
    six: "#!/usr/bin/nested\twith arguments\n",
    nested: "#!/usr/bin/inner",
    seven: "#!/usr/bin/env -Sinner -x\n",
  };
  const wrong = {
    three: "#!/usr/bin/env nothing\n",
    four: "#!/missing\n",
    eight: "#!/usr/bin/six\r\n",
    dangling: "#!/usr/bin/hanging\n",
  };
  const programs = Object.fromEntries(["sh", "env", "lua", "perl", "inner"].map((name) => [name, "no real one"]));
  const files = { ...scripts, ...wrong, ...programs, "share/library.sh": "#!/missing\n" };
  const root = scratchFolder(
    context,
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`usr/bin/${name}`, text])),
  );
  for (const name of Object.keys({ ...scripts, ...wrong, ...programs })) chmodSync(join(root, "usr/bin", name), 0o755);
  symlinkSync("usr/bin", join(root, "bin"));
  symlinkSync("../gone", join(root, "usr/bin/hanging"));
  const brought = (path: string) => {
    const { tree, installer } = prepare(root);
    installer.file(path);
    return filesOf(tree).map((file) => file.replace("usr/bin/", ""));
  };
  assert.deepEqual(brought("/bin/one"), ["one", "sh"]);
  assert.deepEqual(brought("/usr/bin/two"), ["env", "lua", "two"]);
  assert.deepEqual(brought("/usr/bin/five"), ["env", "five", "perl"]);
  assert.deepEqual(brought("/usr/bin/six"), ["inner", "nested", "six"]);
  assert.deepEqual(brought("/usr/bin/seven"), ["env", "inner", "seven"]);
  // It is read by others, and not run.
  assert.deepEqual(brought("/usr/bin/share/library.sh"), ["share/library.sh"]);
  const problem = async (name: string) => (await problemsOf(() => brought(`/usr/bin/${name}`))).join();
  assert.equal(
    await problem("three"),
    "/usr/bin/three needs the program nothing, which is not installed: install its package",
  );
  assert.equal(
    await problem("four"),
    "/usr/bin/four needs its interpreter: there is no file /missing: install its package",
  );
  assert.match(await problem("eight"), /^\/usr\/bin\/eight: its first line ends in a carriage return, /);
  assert.equal(
    await problem("dangling"),
    "/usr/bin/dangling needs its interpreter: /usr/bin/hanging leads to /usr/gone, which does not exist: install what it belongs to, or mend the link /usr/bin/hanging",
  );
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
  assert.deepEqual(filesOf(tree), ["usr/bin/real"]);
  assert.ok(tree.has("usr/bin/tool"));
});

test("modes stay, setuid's included, unless another is given", (context) => {
  const root = scratchFolder(context, { "usr/bin/mighty": "", "usr/bin/other": "" });
  chmodSync(join(root, "usr/bin/mighty"), 0o4751);
  const { tree, installer } = prepare(root);
  installer.file("/usr/bin/mighty");
  installer.file("/usr/bin/other", { destination: "/opt/other", mode: 0o700 });
  const modeOf = (path: string) => {
    const entry = tree.get(path);
    return entry?.type === "file" ? entry.mode : undefined;
  };
  assert.deepEqual([modeOf("usr/bin/mighty"), modeOf("opt/other")], [0o4751, 0o700]);
});

test("links of every kind are kept, directories' too, and one that leads nowhere is told of", async (context) => {
  const root = scratchFolder(context, { "srv/real/deep/file": "x" });
  const links = { "usr/absolute": "/srv/real", "usr/relative": "../usr/absolute/deep", "usr/name": "relative/file" };
  mkdirSync(join(root, "usr"));
  for (const [path, target] of Object.entries({ ...links, "usr/hanging": "name-2" }))
    symlinkSync(target, join(root, path));
  const { tree, installer } = prepare(root);
  installer.file("/usr/name");
  assert.deepEqual(filesOf(tree), ["srv/real/deep/file"]);
  for (const [path, target] of Object.entries(links)) assert.deepEqual(tree.get(path), { type: "symlink", target });
  assert.deepEqual(await problemsOf(() => installer.file("/usr/hanging")), [
    "/usr/hanging leads to /usr/name-2, which does not exist: install what it belongs to, or mend the link /usr/hanging",
  ]);
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
  assert.deepEqual(filesOf(tree), ["opt/copy/a/b/file", "opt/copy/program"]);
  installer.copy("/src/program", "/etc/");
  installer.copy("/src/program", "/");
  installer.copy("/src/a/b", "/etc/");
  assert.ok(["etc/program", "program", "etc/file"].every((path) => filesOf(tree).includes(path)));
});

test("a name that is not UTF-8 is told of as such", async (context) => {
  const root = scratchFolder(context, { "src/plain": "" });
  writeFileSync(Buffer.concat([Buffer.from(`${root}/src/r`), Buffer.from([0xe9]), Buffer.from("sum")]), "");
  const { installer } = prepare(root);
  assert.deepEqual(await problemsOf(() => installer.copy("/src", "/opt")), [
    "the name of /src/r\ufffdsum is not in UTF-8: rename it",
  ]);
});

test("links that go round in circles are as good as missing", async (context) => {
  const root = scratchFolder(context);
  symlinkSync("two", join(root, "one"));
  symlinkSync("one", join(root, "two"));
  const { installer } = prepare(root);
  assert.deepEqual(await problemsOf(() => installer.file("/one")), [
    "the links at /one go round in circles: mend /one, which leads to two",
  ]);
});
