import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkInstalled, checkKernelCanUnpack, parseCompressor } from "../../../core/generator/compressor.js";
import { locateTarget, writeImage } from "../../../core/generator/output.js";
import { BuildError } from "../../../core/generator/problems.js";
import { run, runAsRoot } from "../../support/run.js";
import { problemsOf, scratchFolder } from "./scratch.js";

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

const never = new AbortController().signal;

for (const [name, unpack] of [
  ["zstd", "zstd -dc"],
  ["gzip -9", "gzip -dc"],
  ["none", "cat"],
] as const)
  test(`an image compressed with ${name}`, async (context) => {
    const folder = scratchFolder(context, { "x.img": "old" });
    const target = join(folder, "x.img");
    const size = await writeImage(target, chunks("one", "two".repeat(100_000)), parseCompressor(name), never);
    assert.equal(statSync(target).size, size);
    assert.equal(statSync(target).mode & 0o777, 0o600);
    assert.equal(await run(["sh", "-c", `${unpack} < ${target}`]), `one${"two".repeat(100_000)}`);
    assert.deepEqual(readdirSync(folder), ["x.img"]);
  });

/** The old image is whole, and nothing lies beside it. */
function assertUntouched(folder: string): void {
  assert.deepEqual(readdirSync(folder), ["x.img"]);
  assert.equal(readFileSync(join(folder, "x.img"), "utf8"), "old");
}

test("a failure on the way leaves the old image, and nothing beside it", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  const target = join(folder, "x.img");
  async function* failing(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(1 << 20);
    throw new BuildError("a file is damaged");
  }
  for (const name of ["zstd", "gzip", "none"]) {
    assert.deepEqual(await problemsOf(() => writeImage(target, failing(), parseCompressor(name), never)), [
      "a file is damaged",
    ]);
    assertUntouched(folder);
  }
});

test("a compressor that is missing or fails is an error with its own words", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  const target = join(folder, "x.img");
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.alloc(1 << 16);
  }
  const failing = { name: "sh", program: "sh", parameters: ["-c", "echo out of luck >&2; exit 3"] };
  assert.deepEqual(await problemsOf(() => writeImage(target, endless(), failing, never)), [
    `${target} cannot be written, and is as it was: out of luck`,
  ]);
  const killed = { name: "sh", program: "sh", parameters: ["-c", "kill -9 $$"] };
  assert.deepEqual(await problemsOf(() => writeImage(target, endless(), killed, never)), [
    `${target} cannot be written, and is as it was: sh ended with SIGKILL`,
  ]);
  const missing = { name: "none-such", program: "none-such", parameters: [] };
  assert.match(
    (await problemsOf(() => writeImage(target, endless(), missing, never)))[0] ?? "",
    /no such file or directory$/,
  );
  assertUntouched(folder);

  const empty = scratchFolder(context);
  assert.deepEqual(await problemsOf(() => checkInstalled(parseCompressor("zstd"), `${empty}:`)), [
    "zstd is not installed: install the package zstd, or choose another compression (--zstd, --gzip, --no-compress)",
  ]);
  writeFileSync(join(empty, "zstd"), "");
  checkInstalled(parseCompressor("zstd"), `/none:${empty}`);
  checkInstalled(parseCompressor("none"), "");
});

test("an aborted build ends with the signal's name and leaves nothing", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  for (const name of ["zstd", "none"]) {
    const controller = new AbortController();
    async function* slow(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(1 << 20);
      controller.abort("SIGINT");
      yield Buffer.alloc(1 << 20);
    }
    const writing = writeImage(join(folder, "x.img"), slow(), parseCompressor(name), controller.signal);
    await assert.rejects(writing, (reason) => reason === "SIGINT");
    assertUntouched(folder);
  }
});

test("a full disk and a read-only one", async (context) => {
  const folder = scratchFolder(context);
  const target = join(folder, "x.img");
  async function* noise(): AsyncGenerator<Buffer> {
    for (let block = 0; block < 64; block++) yield randomBytes(1 << 16);
  }
  await runAsRoot(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0777", "tmpfs", folder]);
  try {
    writeFileSync(target, "old");
    for (const name of ["zstd", "gzip", "none"]) {
      const [problem] = await problemsOf(() => writeImage(target, noise(), parseCompressor(name), never));
      assert.ok(problem?.startsWith(`${target} cannot be written, and is as it was: `));
      assert.match(problem ?? "", /no space left on device/i);
      assertUntouched(folder);
    }
    await runAsRoot(["mount", "-o", "remount,ro", folder]);
    assert.deepEqual(await problemsOf(() => locateTarget(target, true)), [
      `${folder} cannot be written to: the file system is read-only`,
    ]);
    assert.deepEqual(await problemsOf(() => writeImage(target, chunks("new"), parseCompressor("none"), never)), [
      `${target} cannot be written, and is as it was: the file system is read-only`,
    ]);
    assertUntouched(folder);
  } finally {
    await runAsRoot(["umount", folder]);
  }
});

test("what may be written is checked before the work", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  const target = join(folder, "x.img");
  assert.deepEqual(await problemsOf(() => locateTarget(target, false)), [
    `${target} exists: overwrite it with -f, or name another file`,
  ]);
  assert.equal(locateTarget(target, true), target);
  assert.equal(locateTarget(join(folder, "new.img"), false), join(folder, "new.img"));
  assert.deepEqual(await problemsOf(() => locateTarget(folder, true)), [
    `${folder} is not a regular file: name a file for the image`,
  ]);
  assert.match(
    (await problemsOf(() => locateTarget("/dev/null", true)))[0] ?? "",
    /^\/dev\/null is not a regular file/,
  );
  assert.deepEqual(await problemsOf(() => locateTarget(join(folder, "none/x.img"), true)), [
    `${folder}/none cannot be written to: no such file or directory`,
  ]);
  symlinkSync("x.img", join(folder, "link.img"));
  assert.equal(locateTarget(join(folder, "link.img"), true), target);
  symlinkSync("later.img", join(folder, "dangling.img"));
  symlinkSync("dangling.img", join(folder, "twice.img"));
  assert.equal(locateTarget(join(folder, "twice.img"), false), join(folder, "later.img"));
  symlinkSync("round.img", join(folder, "round.img"));
  assert.deepEqual(await problemsOf(() => locateTarget(join(folder, "round.img"), true)), [
    `${folder}/round.img: too many symbolic links: name a file for the image`,
  ]);
});

test("a long name is the image's only, and one that is too long is an error", async (context) => {
  const folder = scratchFolder(context);
  const long = join(folder, "x".repeat(255));
  await writeImage(long, chunks("new"), parseCompressor("none"), never);
  assert.equal(readFileSync(long, "utf8"), "new");
  const longer = `${long}x`;
  assert.deepEqual(await problemsOf(() => locateTarget(longer, true)), [
    `${longer} cannot be written to: the name is too long`,
  ]);
  assert.deepEqual(await problemsOf(() => writeImage(longer, chunks("new"), parseCompressor("none"), never)), [
    `${longer} cannot be written, and is as it was: the name is too long`,
  ]);
  assert.equal(readdirSync(folder).length, 1);
});

test("a kernel that cannot unpack the image is an error that names what it can", async (context) => {
  const folder = scratchFolder(context, {
    "boot/config-6.1": "CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n",
    "lib/modules/6.1/modules.dep": "",
  });
  const kernel = { release: "6.1", folder: join(folder, "lib/modules/6.1") };
  checkKernelCanUnpack(parseCompressor("gzip"), kernel);
  checkKernelCanUnpack(parseCompressor("none"), kernel);
  assert.deepEqual(await problemsOf(() => checkKernelCanUnpack(parseCompressor("zstd"), kernel)), [
    `kernel 6.1 cannot unpack zstd (${folder}/boot/config-6.1 lacks CONFIG_RD_ZSTD=y): choose another compression: --gzip, --no-compress`,
  ]);
  checkKernelCanUnpack(parseCompressor("zstd"), { release: "unknown", folder: join(folder, "elsewhere") });
});
