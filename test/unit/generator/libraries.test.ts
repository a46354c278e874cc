import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { createInstaller } from "../../../core/generator/install.js";
import { createTree } from "../../../core/generator/tree.js";
import { run } from "../../support/run.js";
import { createHost, diagnostic, dynamicLinker, load, rpath, runpath, traced } from "./elf-host.js";
import { layTree, problemsOf, scratchFolder } from "./scratch.js";

/** What the real dynamic linker says, once with the cache that ldconfig makes of ld.so.conf. */
async function realList(root: string, program: string): Promise<string[]> {
  await run(["ldconfig", "-X", "-r", root]);
  return traced(root, program);
}

/** Compares what is loaded, in its order, with what the dynamic linker says, and both with what this test is about. */
async function compare(root: string, program: string, expected: readonly string[]): Promise<void> {
  const { libraries, missing } = load(root, program);
  const own = [...libraries.map(({ path }) => path), ...missing.map(({ soname }) => `${soname}: missing`)];
  assert.deepEqual((await realList(root, program)).sort(), [...expected].sort(), `ld.so's, ${program}`);
  assert.deepEqual(own.sort(), [...expected].sort(), program);
}

test("RPATH counts for an object and for all that it loads, RUNPATH for itself alone, and instead of RPATH", async (context) => {
  const { root, library, program, move } = await createHost(context);
  await library("/x/liba.so");
  await library("/x/libb.so", ["/x/liba.so"]);
  await library("/x/libc.so", ["/x/libb.so"], ...runpath("/nowhere"));
  await library("/y/libd.so", ["/x/liba.so"], ...rpath("/x"));
  await program("/rpath", ["/x/libb.so"], ...rpath("/empty", "/x"));
  await program("/runpath", ["/x/libb.so"], ...runpath("/empty", "/x"));
  await program("/between", ["/x/libc.so"], ...rpath("/x"));
  await program("/two", ["/x/libb.so", "/y/libd.so"], ...runpath("/x", "/y"));
  await compare(root, "/rpath", ["/x/libb.so", "/x/liba.so"]);
  await compare(root, "/runpath", ["/x/libb.so", "liba.so: missing"]);
  // Its RUNPATH keeps libc.so from looking in RPATHs, but not what it loads.
  await compare(root, "/between", ["/x/libc.so", "libb.so: missing"]);
  await move("/x/libb.so", "/nowhere/libb.so");
  await compare(root, "/between", ["/x/libc.so", "/nowhere/libb.so", "/x/liba.so"]);
  await move("/nowhere/libb.so", "/x/libb.so");
  await compare(root, "/two", ["/x/libb.so", "/y/libd.so", "liba.so: missing", "/x/liba.so"]);
});

test("what is loaded already by its name or soname is not looked for again, and the nearest to the program decides", async (context) => {
  const { root, library, program, move } = await createHost(context);
  await library("/x/liba.so");
  await library("/y/libb.so", ["/x/liba.so"]);
  await library("/z/liba.so");
  await library("/z/libc.so", ["/z/liba.so"], ...rpath("/z"));
  await program("/reused", ["/y/libb.so", "/x/liba.so"], ...runpath("/x", "/y"));
  await program("/nearest", ["/z/libc.so", "/x/liba.so"], ...runpath("/x", "/z"));
  await compare(root, "/reused", ["/y/libb.so", "/x/liba.so"]);
  await compare(root, "/nearest", ["/z/libc.so", "/x/liba.so"]);
  // A file whose name is not its soname.
  await library("/w/libplain.so");
  await program("/soname", ["/w/libplain.so", "/y/libb.so"], ...runpath("/w", "/y", "/x"));
  await move("/x/liba.so", "/w/libplain.so");
  await compare(root, "/soname", ["/w/libplain.so", "/y/libb.so"]);
});

test("tokens: the directory of the program, or of the library as it was opened; the distribution's own; with braces, too", async (context) => {
  const { root, library, program, at } = await createHost(context);
  const [lib, platform] = [await diagnostic("dl_dst_lib"), await diagnostic("dl_platform")];
  await library("/app/lib/liba.so");
  await library(`/app/${lib}/libb.so`);
  await library(`/app/${platform}/libc.so`);
  await library("/app/real/inner/libd.so");
  await library("/app/real/libe.so", ["/app/real/inner/libd.so"], ...runpath("$ORIGIN/inner"));
  const needs = ["/app/lib/liba.so", `/app/${lib}/libb.so`, `/app/${platform}/libc.so`, "/app/real/libe.so"];
  const braced = (name: string) => `\${${name}}`;
  const names = ["$ORIGIN/../lib", `${braced("ORIGIN")}/../$LIB`, `/app/${braced("PLATFORM")}`, "/app/links"];
  await program("/app/bin/tokens", needs, ...runpath(...names));
  mkdirSync(at("/app/links/inner"), { recursive: true });
  symlinkSync("../real/libe.so", at("/app/links/libe.so"));
  symlinkSync("/app/bin/tokens", at("/started-by-a-link"));
  const expected = [
    "/app/bin/../lib/liba.so",
    `/app/bin/../${lib}/libb.so`,
    `/app/${platform}/libc.so`,
    "/app/links/libe.so",
  ];
  await compare(root, "/app/bin/tokens", [...expected, "libd.so: missing"]);
  await run(["cp", at("/app/real/inner/libd.so"), at("/app/links/inner")]);
  await compare(root, "/app/bin/tokens", [...expected, "/app/links/inner/libd.so"]);
  assert.equal(load(root, "/started-by-a-link").libraries.length, 5);
  await program("/unknown", ["/app/lib/liba.so"], ...runpath("/app/$OTHER", "/app/$LIBS", "/app/{LIB}"));
  await compare(root, "/unknown", ["liba.so: missing"]);
});

test("ld.so.conf: in its order, the directories that are always searched among others; with inclusions and wildcards", async (context) => {
  const { root, library, program, configure, move } = await createHost(context);
  const system = await diagnostic("path.system_dirs[0x1]");
  const all = ["liba.so", "libb.so", "libc.so"];
  const inFolder = (folder: string) => all.map((name) => join(folder, name));
  for (const path of ["/first", system, "/late"].flatMap(inFolder)) await library(path);
  await library("/first/glibc-hwcaps/x86-64-v2/liba.so");
  await program("/program", inFolder(system));
  await program("/without", [`${system}/liba.so`, `${system}/libc.so`], "-Wl,-z,nodefaultlib");
  const files = {
    "/etc/ld.so.conf.d/10.conf": "/first # comment\n",
    "/etc/ld.so.conf.d/20.conf": `${system}\n  /late/\ninclude nothing.conf ../ld.so.conf\n`,
    "/etc/ld.so.conf.d/hidden": "/late\n",
  };
  configure("# nothing\n", files);
  await compare(root, "/program", inFolder(system));
  await compare(root, "/without", ["liba.so: missing", "libc.so: missing"]);
  configure("include ld.so.conf.d/*.conf\ninclude /etc/n*thing/x.conf\n", files);
  for (const name of all.slice(1)) await move(`/first/${name}`, `/other/${name}`);
  const found = load(root, "/program").libraries.map(({ path, link }) => [path, link]);
  const first = await diagnostic("path.system_dirs[0x0]");
  assert.deepEqual(found, [
    ["/first/liba.so", `${first}liba.so`],
    [`${system}libb.so`, undefined],
    [`${system}libc.so`, undefined],
  ]);
  // The real one prefers the directory of hwcaps, if this machine has them.
  await move("/first/glibc-hwcaps", "/other/glibc-hwcaps");
  await compare(root, "/program", ["/first/liba.so", `${system}libb.so`, `${system}libc.so`]);
  await move(`${system}libc.so`, "/other/again/libc.so");
  await compare(root, "/program", ["/first/liba.so", `${system}libb.so`, "/late/libc.so"]);
  await compare(root, "/without", ["/first/liba.so", "/late/libc.so"]);
});

test("a library for another class, byte order or machine is passed over; one that is damaged is told of", async (context) => {
  const { root, library, program, at } = await createHost(context);
  await library("/right/liba.so");
  await program("/program", ["/right/liba.so"], ...runpath("/wrong", "/right"));
  mkdirSync(at("/wrong"));
  const place = (change: (bytes: Buffer) => unknown) => {
    const bytes = readFileSync(at("/right/liba.so"));
    change(bytes);
    writeFileSync(at("/wrong/liba.so"), bytes);
  };
  for (const change of [(bytes: Buffer) => bytes.writeUInt16LE(183, 18), (bytes: Buffer) => bytes.writeUInt8(1, 4)]) {
    place(change);
    await compare(root, "/program", ["/right/liba.so"]);
  }
  const wrong: [(bytes: Buffer) => unknown, RegExp | undefined][] = [
    // Read as big-endian, nothing after the header is where it was.
    [(bytes) => bytes.fill(0, 4).writeUInt8(2, 5), undefined],
    [(bytes) => bytes.fill("no ELF file, but a linker script"), undefined],
    [
      (bytes) => bytes.writeUInt16LE(1000, 56),
      /^\/wrong\/liba\.so is damaged: it ends before byte \d+: install its package again$/,
    ],
    [(bytes) => bytes.writeUInt16LE(57, 54), /is damaged: its program headers are of 57 bytes/],
  ];
  for (const [change, problem] of wrong) {
    place(change);
    const problems = await problemsOf(() => assert.equal(load(root, "/program").libraries[0]?.path, "/right/liba.so"));
    assert.equal(problems.length, problem ? 1 : 0, problems[0]);
    if (problem) assert.match(problems[0] ?? "", problem);
  }
});

test("in an image, which has no cache, programs find the libraries that ld.so.conf names; what is missing is told, all at once", async (context) => {
  const { root, library, program, configure, at } = await createHost(context);
  await library("/opt/configured/liba.so");
  await library("/opt/configured/real/libb.so.2", ["/opt/configured/liba.so"]);
  symlinkSync("real/libb.so.2", at("/opt/configured/libb.so.2"));
  await library("/opt/configured/libc.so", ["/opt/configured/real/libb.so.2"], ...runpath("/opt/own"));
  await library("/opt/own/libd.so");
  await program("/usr/bin/program", ["/opt/configured/libc.so", "/opt/own/libd.so"], ...rpath("$ORIGIN/../../opt/own"));
  configure("/opt/configured\n");
  const image = scratchFolder(context);
  const install = (path: string, tree = createTree()) => {
    createInstaller(createHostFiles(root), tree).file(path);
    return tree;
  };
  layTree(install("/usr/bin/program"), image);
  for (const each of [dynamicLinker, "/usr/bin/program"]) chmodSync(join(image, each), 0o755);
  copyFileSync(at("/trace"), join(image, "trace"));
  const inImage = createHostFiles(image);
  assert.deepEqual(
    (await traced(image, "/usr/bin/program")).map((path) => inImage.resolve(path)?.path),
    ["/opt/configured/libc.so", "/opt/own/libd.so", "/opt/configured/real/libb.so.2", "/opt/configured/liba.so"],
  );
  configure("\n");
  assert.deepEqual(await problemsOf(() => install("/opt/configured/libc.so")), [
    "/opt/configured/libc.so needs the library libb.so.2, which is nowhere in the dynamic linker's search path: install its package",
  ]);
  await program("/usr/bin/two", ["/opt/configured/libc.so", "/opt/configured/liba.so"]);
  assert.equal((await problemsOf(() => install("/usr/bin/two"))).length, 2);
});
