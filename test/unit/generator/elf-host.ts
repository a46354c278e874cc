import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { createLinker, type Process } from "../../../core/generator/libraries.js";
import { compileStatic } from "../../support/compile.js";
import { run, tryRun } from "../../support/run.js";
import { scratchFolder } from "./scratch.js";

/** As ldd(1) does; a host without programs of its own has nothing else that could set the variable. */
const tracer = `
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) { return count < 2 || setenv("LD_TRACE_LOADED_OBJECTS", "1", 1) || execv(words[1], words + 1); }
`;

export const dynamicLinker = "/lib64/ld-linux-x86-64.so.2";

/** A host of its own, with the real dynamic linker and libraries that hold nothing. */
export async function createHost(context: TestContext) {
  const root = scratchFolder(context, { "empty.c": "", "trace.c": tracer });
  const at = (path: string) => join(root, path);
  for (const folder of ["etc", "lib64"]) mkdirSync(at(folder));
  copyFileSync(dynamicLinker, at(dynamicLinker));
  await compileStatic(at("trace.c"), at("trace"));

  const link = async (path: string, needs: readonly string[], options: readonly string[]) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    const searched = ["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", ...needs.map(at)];
    await run(["gcc", "-nostdlib", "-o", at(path), at("empty.c"), ...searched, ...options]);
  };
  return {
    root,
    at,
    /** Its soname is its name. */
    library: (path: string, needs: readonly string[] = [], ...options: string[]) =>
      link(path, needs, ["-shared", `-Wl,-soname,${path.replace(/.*\//, "")}`, ...options]),
    program: (path: string, needs: readonly string[], ...options: string[]) =>
      link(path, needs, ["-pie", "-Wl,-e,0", ...options]),
    move: async (from: string, to: string) => {
      mkdirSync(dirname(at(to)), { recursive: true });
      await run(["mv", at(from), at(to)]);
    },
    configure: (text: string, files: Readonly<Record<string, string>> = {}) => {
      for (const [path, content] of Object.entries({ "/etc/ld.so.conf": text, ...files })) {
        mkdirSync(dirname(at(path)), { recursive: true });
        writeFileSync(at(path), content);
      }
    },
  };
}

export const rpath = (...folders: string[]) => ["-Wl,--disable-new-dtags", `-Wl,-rpath,${folders.join(":")}`];
export const runpath = (...folders: string[]) => ["-Wl,--enable-new-dtags", `-Wl,-rpath,${folders.join(":")}`];

/** What glibc's dynamic linker says of itself. */
export async function diagnostic(name: string): Promise<string> {
  const all = await run([dynamicLinker, "--list-diagnostics"]);
  return (
    all
      .split("\n")
      .find((line) => line.startsWith(`${name}="`))
      ?.slice(name.length + 2, -1) ?? assert.fail(name)
  );
}

/** What a program of a host is loaded with. */
export function load(root: string, program: string): Process {
  const host = createHostFiles(root);
  const linker = createLinker(host);
  const file = host.resolve(program);
  const elf = file && linker.read(file);
  assert.ok(file && elf, program);
  return linker.load(file, elf);
}

/** What the real dynamic linker of a folder loads a program with, in its order: paths, or "NAME: missing". */
export async function traced(root: string, program: string): Promise<string[]> {
  const { stdout } = await tryRun(["chroot", root, "/trace", dynamicLinker, program]);
  return stdout.split("\n").flatMap((line) => {
    const [, soname, path] = /^\t(\S+) => (not found|\S+)/.exec(line) ?? [];
    if (soname === undefined || path === undefined) return [];
    return [path === "not found" ? `${soname}: missing` : path];
  });
}
