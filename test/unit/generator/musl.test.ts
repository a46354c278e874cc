import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { createInstaller, installLayout } from "../../../core/generator/install.js";
import { createTree } from "../../../core/generator/tree.js";
import { unpackedPackage } from "../../support/packages.js";
import { run, tryRun } from "../../support/run.js";
import { load, rpath, runpath } from "./elf-host.js";
import { layTree, scratchFolder } from "./scratch.js";

const dynamicLinker = "/lib/ld-musl-x86_64.so.1";

/** A host with musl, without any configuration of its, and what compiles for it. */
async function createMuslHost(context: TestContext) {
  const root = scratchFolder(context, {
    "empty.c": "",
    "main.c": 'int puts(const char *); int main(void) { return puts("ok") < 0; }',
  });
  const development = await unpackedPackage("musl-dev");
  const at = (path: string) => join(root, path);
  mkdirSync(at("lib"));
  cpSync(join(await unpackedPackage("musl"), "lib/x86_64-linux-musl/libc.so"), at(dynamicLinker));
  const start = ["Scrt1.o", "crti.o", "crtn.o"].map((name) => join(development, "usr/lib/x86_64-linux-musl", name));
  const link = async (
    path: string,
    sources: readonly string[],
    needs: readonly string[],
    options: readonly string[],
  ) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    const searched = ["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", ...needs.map(at), `-L${root}`, "-l:libc.so"];
    await run(["gcc", "-nostdlib", "-fno-stack-protector", "-o", at(path), ...sources, ...searched, ...options]);
  };
  // By this name programs need what their dynamic linker is itself.
  cpSync(at(dynamicLinker), at("libc.so"));
  return {
    root,
    at,
    library: (path: string, needs: readonly string[] = [], ...options: string[]) =>
      link(path, [at("empty.c")], needs, ["-shared", `-Wl,-soname,${path.replace(/.*\//, "")}`, ...options]),
    program: (path: string, needs: readonly string[], ...options: string[]) =>
      link(path, [...start, at("main.c")], needs, ["-pie", `-Wl,-I,${dynamicLinker}`, ...options]),
  };
}

/** What musl's dynamic linker itself says, which ends at the first library that is missing; then without any. */
async function listed(root: string, program: string): Promise<string[]> {
  const { stdout, status } = await tryRun(["chroot", root, dynamicLinker, "--list", program]);
  const paths = [...stdout.matchAll(/ => (\S+) \(0x/g)].map(([, path = ""]) => path);
  return status === 0 ? paths.filter((path) => path !== dynamicLinker) : [];
}

test("programs for musl are loaded as its dynamic linker does, and run in an image", async (context) => {
  const { root, at, library, program } = await createMuslHost(context);
  const compare = async (path: string, expected: readonly string[]) => {
    const { libraries, missing } = load(root, path);
    assert.deepEqual(await listed(root, path), expected, `musl's, ${path}`);
    assert.deepEqual(missing.length ? [] : libraries.map((each) => each.path), expected, path);
  };
  const names = ["liba.so", "libb.so"];
  for (const folder of ["/lib", "/usr/local/lib", "/usr/lib", "/own"])
    for (const name of names) await library(`${folder}/${name}`);
  await library("/own/libc1.so", ["/own/libb.so"]);
  await program("/usr/bin/plain", ["/lib/liba.so", "/usr/lib/libb.so"]);
  await program("/usr/bin/handed-down", ["/own/libc1.so", "/own/liba.so"], ...runpath("$ORIGIN/../../own"));
  await program("/usr/bin/by-rpath", ["/own/libc1.so"], ...rpath("/own"));
  await program("/usr/bin/other-token", ["/own/libc1.so"], ...runpath("/own", "$LIB"));
  await compare("/usr/bin/plain", ["/lib/liba.so", "/lib/libb.so"]);
  rmSync(at("/lib/liba.so"));
  rmSync(at("/lib/libb.so"));
  await compare("/usr/bin/plain", ["/usr/local/lib/liba.so", "/usr/local/lib/libb.so"]);
  // Other than glibc's, RUNPATH is handed down.
  await compare("/usr/bin/by-rpath", ["/own/libc1.so", "/own/libb.so"]);
  await compare("/usr/bin/other-token", []);
  assert.deepEqual(
    load(root, "/usr/bin/handed-down").libraries.map(({ file }) => file.path),
    ["/own/libc1.so", "/own/liba.so", "/own/libb.so"],
  );

  mkdirSync(at("/etc/musl"), { recursive: true });
  writeFileSync(at("/etc/musl/paths"), "/nowhere:/usr/lib\n/own\n");
  symlinkSync("musl/paths", at("/etc/ld-musl-x86_64.path"));
  await compare("/usr/bin/plain", ["/usr/lib/liba.so", "/usr/lib/libb.so"]);
  renameSync(at("/usr/lib/libb.so"), at("/elsewhere.so"));
  await compare("/usr/bin/plain", ["/usr/lib/liba.so", "/own/libb.so"]);

  const tree = createTree();
  const host = createHostFiles(root);
  installLayout(host, tree);
  createInstaller(host, tree).file("/usr/bin/plain");
  const image = scratchFolder(context);
  layTree(tree, image);
  for (const path of [dynamicLinker, "/usr/bin/plain"]) chmodSync(join(image, path), 0o755);
  assert.equal(await run(["chroot", image, "/usr/bin/plain"]), "ok\n");
  assert.deepEqual(
    tree.entries().flatMap(([path, { type }]) => (type === "file" ? [path] : [])),
    [...["etc/musl/paths", "own/libb.so", "usr/bin/plain", "usr/lib/ld-musl-x86_64.so.1", "usr/lib/liba.so"]],
  );
});
