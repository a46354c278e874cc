import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  chooseCompressor,
  compressionNames,
  findCommand,
  parseCompressor,
  readKernelConfig,
} from "../../../core/generator/compressor.js";
import { keepReport, problemsOf, scratchFolder } from "./scratch.js";

const allOptions = ["ZSTD", "GZIP", "XZ", "LZ4", "LZO", "BZIP2", "LZMA"].map((name) => `CONFIG_RD_${name}`);

const config = (...options: string[]) => ({
  path: "/boot/config-6.1",
  has: (option: string) => options.includes(option),
});

test("a program that is not installed is an error with its package; the fastest one is taken", async (context) => {
  const folder = scratchFolder(context);
  const searchPath = `/none::${folder}`;
  assert.equal(findCommand(parseCompressor("none"), ""), undefined);
  assert.deepEqual(await problemsOf(() => findCommand(parseCompressor("lzo"), searchPath)), [
    "lzop is not installed: install the package lzop, or choose another compression (--no-compress)",
  ]);
  // Neither a directory nor a file that cannot run is a program.
  mkdirSync(join(folder, "xz"));
  writeFileSync(join(folder, "lz4"), "");
  writeFileSync(join(folder, "gzip"), "", { mode: 0o755 });
  assert.deepEqual(await problemsOf(() => findCommand(parseCompressor("lzma"), searchPath)), [
    "xz is not installed: install the package xz-utils, or choose another compression (--gzip, --no-compress)",
  ]);
  assert.equal(findCommand(parseCompressor("gzip"), searchPath)?.program, "gzip");
  assert.deepEqual(await problemsOf(() => findCommand(parseCompressor("pigz"), searchPath)), [
    "pigz is not installed: install the package pigz, or choose another compression (--gzip, --no-compress)",
  ]);
  writeFileSync(join(folder, "pigz"), "", { mode: 0o755 });
  assert.equal(findCommand(parseCompressor("gzip"), searchPath)?.program, "pigz");
  assert.equal(findCommand(parseCompressor("pigz -9"), searchPath)?.program, "pigz");
});

test("the default is the best that the kernel can unpack and that is installed", (context) => {
  const report = keepReport();
  const folder = scratchFolder(context, { xz: "", gzip: "", zstd: "" });
  for (const name of ["xz", "gzip", "zstd"]) chmodSync(join(folder, name), 0o755);
  const choose = (...options: string[]) =>
    chooseCompressor(undefined, { release: "6.1", config: config(...options) }, folder, report).name;
  assert.equal(choose(...allOptions), "zstd");
  assert.equal(choose("CONFIG_RD_XZ", "CONFIG_RD_GZIP"), "gzip");
  assert.equal(choose("CONFIG_RD_XZ", "CONFIG_RD_LZ4"), "xz");
  assert.equal(choose("CONFIG_RD_LZMA", "CONFIG_RD_LZ4"), "lzma", "lz4 is not installed");
  assert.equal(choose("CONFIG_RD_LZ4"), "lz4", "its package will be named");
  assert.equal(choose(), "none");
  assert.equal(chooseCompressor(undefined, undefined, folder, report).name, "zstd");
  const unknown = { release: "6.1", config: undefined };
  assert.equal(chooseCompressor(parseCompressor("none"), unknown, folder, report).name, "none");
  assert.deepEqual(report.warnings, []);
  assert.equal(chooseCompressor(undefined, unknown, folder, report).name, "zstd");
  const asked = parseCompressor("lzo");
  assert.equal(chooseCompressor(asked, unknown, folder, report), asked);
  assert.deepEqual(
    report.warnings,
    ["zstd", "lzo"].map(
      (name) =>
        `there is no /boot/config-6.1: whether the kernel unpacks ${name} is not checked; if it does not boot, try --gzip`,
    ),
  );
});

test("a kernel that cannot unpack the image is an error that names what it can", async () => {
  const check = (name: string, ...options: string[]) =>
    problemsOf(() =>
      chooseCompressor(parseCompressor(name), { release: "6.1", config: config(...options) }, "", keepReport()),
    );
  for (const [index, name] of ["zstd", "gzip", "xz", "lz4", "lzo", "bzip2", "lzma"].entries()) {
    const option = allOptions[index] ?? "";
    assert.ok(compressionNames.includes(name));
    assert.deepEqual(await check(name, option), []);
    const [problem] = await check(name, ...allOptions.filter((each) => each !== option));
    assert.ok(
      problem?.startsWith(`kernel 6.1 cannot unpack ${name} (/boot/config-6.1 lacks ${option}=y): choose another`),
      problem,
    );
    assert.ok(!problem?.includes(`--${name},`));
  }
  assert.deepEqual(await check("none"), []);
});

test("lbzip2, whose full blocks the kernel refuses, is never run: bzip2 does its work", () => {
  for (const name of ["bzip2", "lbzip2", "lbzip2 -3"]) assert.deepEqual(parseCompressor(name).programs, ["bzip2"]);
  assert.equal(parseCompressor("lbzip2 -3").parameters.at(-1), "-3");
});

test("a kernel's configuration lies at one of several places", (context) => {
  const places = ["lib/modules/6.1/config", "lib/modules/6.1/build/.config", "boot/config-6.1"];
  for (const place of places) {
    const folder = scratchFolder(context, {
      [place]: "CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\nCONFIG_RD_XZ=m\n",
      "lib/modules/6.1/modules.dep": "",
    });
    const found = readKernelConfig({ release: "6.1", folder: join(folder, "lib/modules/6.1") });
    assert.equal(found?.path, join(folder, place));
    const has = ["CONFIG_RD_GZIP", "CONFIG_RD_ZSTD", "CONFIG_RD_XZ"].map((option) => found.has(option));
    assert.deepEqual(has, [true, false, false]);
  }
  assert.equal(readKernelConfig({ release: "unknown", folder: "/none/such/place" }), undefined);
});
