import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findCommand, parseCompressor } from "../../../core/generator/compressor.js";
import { type ImageParts, locateTarget, writeImage } from "../../../core/generator/output.js";
import { BuildError } from "../../../core/generator/problems.js";
import { run, runAsRoot, tryRun } from "../../support/run.js";
import { problemsOf, scratchFolder } from "./scratch.js";

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

const never = new AbortController().signal;

/** Only what is compressed, by the name of the compression. */
const parts = (chunks: ImageParts["chunks"], name: string): ImageParts => ({
  early: [],
  chunks,
  command: findCommand(parseCompressor(name), process.env.PATH ?? ""),
});

for (const [name, unpack] of [
  ["zstd", "zstd -dc"],
  ["zstd --ultra -22", "zstd -dc"],
  ["gzip -9", "gzip -dc"],
  ["pigz", "gzip -dc"],
  ["/gzip", "gzip -dc"],
  ["xz", "xz --format=xz -dc"],
  ["lz4", "lz4 -dc"],
  ["lzo", "lzop -dc"],
  ["bzip2", "bzip2 -dc"],
  ["/bzip2", "bzip2 -dc"],
  ["lzma", "xz --format=lzma -dc"],
  ["none", "cat"],
] as const)
  test(`an image compressed with ${name}`, async (context) => {
    const folder = scratchFolder(context, { "x.img": "old" });
    const target = join(folder, "x.img");
    const content = `one${"two".repeat(100_000)}${randomBytes(1 << 20).toString("latin1")}`;
    const image = name.startsWith("/")
      ? { early: [], chunks: chunks(content), command: { program: name.slice(1), parameters: ["-c"] } }
      : parts(chunks(content), name);
    const size = await writeImage(target, image, never);
    assert.equal(statSync(target).size, size);
    assert.equal(statSync(target).mode & 0o777, 0o600);
    await run(["sh", "-c", `${unpack} < ${target} > ${folder}/unpacked`]);
    assert.equal(readFileSync(join(folder, "unpacked"), "utf8"), content);
    if (name !== "none") assert.ok(size < content.length * 1.6);
    assert.deepEqual(readdirSync(folder).sort(), ["unpacked", "x.img"]);
    const first = readFileSync(target);
    await writeImage(target, { ...image, chunks: chunks(content) }, never);
    assert.ok(readFileSync(target).equals(first), "same input, same bytes");
  });

test("lzop's header has no time, and a right checksum, behind what comes early, too", async (context) => {
  const folder = scratchFolder(context);
  const target = join(folder, "x.img");
  for (const early of ["", "early bird "]) {
    await writeImage(target, { ...parts(chunks("content"), "lzo"), early: chunks(early) }, never);
    const stream = readFileSync(target).subarray(early.length);
    assert.equal(stream.readUIntBE(25, 6) + stream.readUInt16BE(31), 0);
    writeFileSync(join(folder, "stream"), stream);
    assert.equal(await run(["sh", "-c", `lzop -dc < ${folder}/stream`]), "content");
    // lzop itself must be able to tell a wrong one.
    stream[25] = 1;
    writeFileSync(join(folder, "stream"), stream);
    assert.notEqual((await tryRun(["sh", "-c", `lzop -dc < ${folder}/stream`])).status, 0);
  }
});

test("on all processors: large images are cut into pieces of some megabytes", async (context) => {
  const target = join(scratchFolder(context), "x.img");
  async function* noise(): AsyncGenerator<Buffer> {
    for (let block = 0; block < 17; block++) yield Buffer.alloc(1 << 20, randomBytes(1 << 10));
  }
  await writeImage(target, parts(noise(), "xz -0"), never);
  assert.match(await run(["xz", "--list", "--robot", target]), /^file\t1\t3\t/m, "one stream of three blocks");
});

test("what comes early is not compressed", async (context) => {
  const target = join(scratchFolder(context), "x.img");
  for (const name of ["zstd", "none"]) {
    await writeImage(target, { ...parts(chunks("later"), name), early: chunks("early", " bird ") }, never);
    assert.equal(readFileSync(target, "latin1").slice(0, 11), "early bird ");
    const unpack = name === "zstd" ? "zstd -dc" : "cat";
    assert.equal(await run(["sh", "-c", `tail -c +12 ${target} | ${unpack}`]), "later");
  }
});

test("what a build that was killed has left goes with the next one; what another one is writing stays", async (context) => {
  const folder = scratchFolder(context, {
    ".mkinitrd-0123456789abcdef": "left behind",
    ".mkinitrd-0123456789abcde": "somebody else's",
    "mkinitrd-0123456789abcdef": "somebody else's",
  });
  const target = join(folder, "x.img");
  const isTemporary = (name: string) => /^\.mkinitrd-[0-9a-f]{16}$/.test(name);
  async function* withOther(): AsyncGenerator<Buffer> {
    const [own, ...others] = readdirSync(folder).filter(isTemporary);
    assert.ok(own !== ".mkinitrd-0123456789abcdef" && !others.length);
    yield Buffer.from("first");
    await writeImage(target, parts(chunks("second"), "none"), never);
    assert.equal(readFileSync(target, "utf8"), "second");
    assert.deepEqual(readdirSync(folder).filter(isTemporary), [own]);
  }
  await writeImage(target, parts(withOther(), "zstd"), never);
  assert.equal(await run(["zstd", "-dcq", target]), "first");
  assert.deepEqual(readdirSync(folder).sort(), [".mkinitrd-0123456789abcde", "mkinitrd-0123456789abcdef", "x.img"]);
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
    assert.deepEqual(await problemsOf(() => writeImage(target, parts(failing(), name), never)), ["a file is damaged"]);
    assertUntouched(folder);
  }
});

test("a compressor that is missing or fails is an error with its own words", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  const target = join(folder, "x.img");
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.alloc(1 << 16);
  }
  const failing = { program: "sh", parameters: ["-c", "echo out of luck >&2; exit 3"] };
  assert.deepEqual(
    await problemsOf(() => writeImage(target, { early: [], chunks: endless(), command: failing }, never)),
    [`${target} cannot be written, and is as it was: out of luck`],
  );
  const killed = { program: "sh", parameters: ["-c", "kill -9 $$"] };
  assert.deepEqual(
    await problemsOf(() => writeImage(target, { early: [], chunks: endless(), command: killed }, never)),
    [`${target} cannot be written, and is as it was: sh ended with SIGKILL`],
  );
  const missing = { program: "none-such", parameters: [] };
  assert.match(
    (await problemsOf(() => writeImage(target, { early: [], chunks: endless(), command: missing }, never)))[0] ?? "",
    /no such file or directory$/,
  );
  assertUntouched(folder);
});

test("an aborted build ends with the signal's name, at once, and leaves nothing", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  for (const name of ["zstd", "none"]) {
    const controller = new AbortController();
    let asked = 0;
    async function* long(): AsyncGenerator<Buffer> {
      for (; asked < 100; asked++) {
        if (asked === 1) controller.abort("SIGINT");
        yield Buffer.alloc(1 << 16);
      }
    }
    const writing = writeImage(join(folder, "x.img"), parts(long(), name), controller.signal);
    await assert.rejects(writing, (reason) => reason === "SIGINT");
    assert.ok(asked < 10, `${asked} chunks`);
    assertUntouched(folder);
  }
  const controller = new AbortController();
  async function* untilTheEnd(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(1);
    controller.abort("SIGINT");
  }
  const writing = writeImage(join(folder, "x.img"), parts(untilTheEnd(), "none"), controller.signal);
  await assert.rejects(writing, (reason) => reason === "SIGINT");
  assertUntouched(folder);
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
      const [problem] = await problemsOf(() => writeImage(target, parts(noise(), name), never));
      assert.ok(problem?.startsWith(`${target} cannot be written, and is as it was: `));
      assert.match(problem ?? "", /no space left on device/i);
      assertUntouched(folder);
    }
    await runAsRoot(["mount", "-o", "remount,ro", folder]);
    assert.deepEqual(await problemsOf(() => locateTarget(target, true)), [
      `${folder} cannot be written to: the file system is read-only`,
    ]);
    assert.deepEqual(await problemsOf(() => writeImage(target, parts(chunks("new"), "none"), never)), [
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
    `${folder} is not a regular file: name another file`,
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
    `${folder}/round.img: too many symbolic links: name another file`,
  ]);
});

test("a long name is the image's only, and one that is too long is an error", async (context) => {
  const folder = scratchFolder(context);
  const long = join(folder, "x".repeat(255));
  await writeImage(long, parts(chunks("new"), "none"), never);
  assert.equal(readFileSync(long, "utf8"), "new");
  const longer = `${long}x`;
  assert.deepEqual(await problemsOf(() => locateTarget(longer, true)), [
    `${longer} cannot be written to: the name is too long`,
  ]);
  assert.deepEqual(await problemsOf(() => writeImage(longer, parts(chunks("new"), "none"), never)), [
    `${longer} cannot be written, and is as it was: the name is too long`,
  ]);
  assert.equal(readdirSync(folder).length, 1);
});
