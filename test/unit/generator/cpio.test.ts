import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type CpioOptions, cpio } from "../../../core/generator/cpio.js";
import { findIdentical } from "../../../core/generator/identical-files.js";
import { type Content, createTree, type Tree } from "../../../core/generator/tree.js";
import { run } from "../../support/run.js";
import { problemsOf, scratchFolder } from "./scratch.js";

async function archive(tree: Tree, options?: CpioOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of cpio(tree.entries(), options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("cpio(1) unpacks what was packed", async (context) => {
  const folder = scratchFolder(context, { large: Buffer.alloc(3_000_001, "firstlight") });
  const tree = createTree();
  const file = (content: Buffer, mode = 0o644) => ({ type: "file" as const, mode, content, modified: 1_600_000_000 });
  tree.add("/bin", { type: "symlink", target: "usr/bin" });
  tree.add("/usr/bin/tool", file(Buffer.from("#!/bin/sh\n"), 0o4755));
  tree.add("/bin/through the link\n", file(Buffer.from("odd name")));
  tree.add("/tmp", { type: "dir", mode: 0o1777 });
  tree.add("/large", { ...file(Buffer.alloc(0)), content: { path: join(folder, "large"), size: 3_000_001 } });
  for (const size of [0, 1, 2, 3, 4, 5]) tree.add(`/sizes/${size}`, file(Buffer.alloc(size, "x")));
  tree.add("/usr-sorts-before", file(Buffer.from("-")));
  tree.add("/Größe", { type: "symlink", target: "größer" });
  tree.add("/dev/console", { type: "node", kind: "char", major: 5, minor: 1, mode: 0o600 });
  tree.add("/dev/loop300", { type: "node", kind: "block", major: 7, minor: 300, mode: 0o660 });

  const packed = join(folder, "packed.cpio");
  const bytes = await archive(tree);
  writeFileSync(packed, bytes);
  // The kernel, unlike cpio(1), looks for headers nowhere else.
  for (const { index } of bytes.toString("latin1").matchAll(/070701[0-9a-f]{104}/g)) assert.equal(index % 4, 0);
  const target = mkdtempSync(join(folder, "unpacked-"));
  await run(["sh", "-c", `cd '${target}' && cpio -idm --quiet < '${packed}'`]);

  const found = (await run(["find", target, "-mindepth", "1", "-printf", "%P\\0"])).split("\0").filter(Boolean).sort();
  assert.deepEqual(
    found,
    tree
      .entries()
      .map(([path]) => path)
      .sort(),
  );
  for (const [path, entry] of tree.entries()) {
    const stats = lstatSync(join(target, path));
    if (entry.type === "symlink") {
      assert.equal(readlinkSync(join(target, path)), entry.target);
      continue;
    }
    assert.equal(stats.mode & 0o7777, entry.mode, path);
    if (entry.type === "dir") assert.ok(stats.isDirectory());
    if (entry.type === "node") {
      assert.equal(stats.isBlockDevice(), entry.kind === "block");
      // glibc's dev_t: 8 bits of the minor number below 12 of the major's, the rest above.
      assert.deepEqual(
        [(stats.rdev >> 8) & 0xfff, (stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00)],
        [entry.major, entry.minor],
      );
    }
    if (entry.type !== "file") continue;
    const content = Buffer.isBuffer(entry.content) ? entry.content : readFileSync(entry.content.path);
    assert.ok(readFileSync(join(target, path)).equals(content), path);
    assert.equal(stats.mtimeMs, 1_600_000_000_000, path);
  }
});

test("directories come before what is in them, everything is root's", async () => {
  const tree = createTree();
  for (const path of ["/b/c/d", "/b-", "/b/a", "/a"]) tree.add(path, { type: "symlink", target: "x" });
  assert.deepEqual(
    tree.entries().map(([path]) => path),
    ["a", "b", "b-", "b/a", "b/c", "b/c/d"],
  );
  const headers = (await archive(tree)).toString("latin1").match(/070701[0-9a-f]{104}/g) ?? [];
  assert.equal(headers.length, 7);
  for (const header of headers) assert.equal(header.slice(22, 38), "0".repeat(16), "uid and gid");
});

test("identical files are links to one, which cpio(1) unpacks as such", async (context) => {
  const folder = scratchFolder(context, { host: Buffer.alloc(5000, "same") });
  const tree = createTree();
  const file = (content: Content, mode = 0o644) => ({ type: "file" as const, mode, content, modified: 0 });
  const same = Buffer.alloc(5000, "same");
  tree.add("/a", file(same));
  tree.add("/b/from-host", file({ path: join(folder, "host"), size: 5000 }));
  tree.add("/c", file(same));
  tree.add("/other-mode", file(same, 0o755));
  tree.add("/other-bytes", file(Buffer.alloc(5000, "emas")));
  for (const name of ["small-1", "small-2"]) tree.add(name, file(Buffer.alloc(4095, "s")));
  const identical = await findIdentical(tree.entries());
  const group = ["a", "b/from-host", "c"];
  assert.deepEqual(
    [...identical],
    group.map((path) => [path, group]),
  );
  const plain = await archive(tree);
  const packed = await archive(tree, { identical });
  assert.equal(plain.length - packed.length, 2 * 5000);
  writeFileSync(join(folder, "packed.cpio"), packed);
  await run(["sh", "-c", `mkdir ${folder}/out && cd ${folder}/out && cpio -idm --quiet <../packed.cpio`]);
  const facts = (path: string) => lstatSync(join(folder, "out", path));
  for (const path of group) {
    assert.ok(readFileSync(join(folder, "out", path)).equals(same), path);
    assert.deepEqual([facts(path).ino, facts(path).nlink], [facts("a").ino, 3]);
  }
  for (const path of ["other-mode", "other-bytes", "small-1", "small-2"]) assert.equal(facts(path).nlink, 1, path);
});

test("SOURCE_DATE_EPOCH is the latest time, and that of what has none", async () => {
  const tree = createTree();
  const file = (modified: number) => ({ type: "file" as const, mode: 0o644, content: Buffer.alloc(0), modified });
  tree.add("/early", file(1000));
  tree.add("/late", file(3000));
  tree.add("/made", file(0));
  tree.add("/dir", { type: "dir", mode: 0o755 });
  const times = async (options?: CpioOptions) =>
    ((await archive(tree, options)).toString("latin1").match(/070701[0-9a-f]{104}/g) ?? [])
      .slice(0, -1)
      .map((header) => Number.parseInt(header.slice(46, 54), 16));
  assert.deepEqual(await times(), [0, 1000, 3000, 0]);
  assert.deepEqual(await times({ sourceDate: 2000 }), [2000, 1000, 2000, 2000]);
  assert.deepEqual(await times({ made: 4000 }), [4000, 1000, 3000, 4000]);
  tree.add("/before 1970", file(-5));
  tree.add("/after 2106", file(2 ** 33));
  const [after, before] = await times();
  assert.deepEqual([after, before], [0xffffffff, 0]);
});

test("a file that no cpio archive can hold is an error", async () => {
  const tree = createTree();
  tree.add("/f", { type: "file", mode: 0o644, content: { path: "/none", size: 2 ** 32 }, modified: 0 });
  assert.deepEqual(await problemsOf(() => archive(tree)), [
    "/f of the image has 4294967296 bytes: a file in a cpio archive holds less than 4 GiB",
  ]);
});

test("a file that shrinks or goes meanwhile is an error, not a damaged archive", async (context) => {
  const folder = scratchFolder(context, { file: "0123456789" });
  const path = join(folder, "file");
  const tree = createTree();
  tree.add("/f", { type: "file", mode: 0o644, content: { path, size: 10 }, modified: 0 });
  truncateSync(path, 5);
  assert.deepEqual(await problemsOf(() => archive(tree)), [
    `${path} became shorter while it was written to /f of the image: try again`,
  ]);
  const gone = createTree();
  gone.add("/f", { type: "file", mode: 0o644, content: { path: join(folder, "gone"), size: 10 }, modified: 0 });
  assert.deepEqual(await problemsOf(() => archive(gone)), [`${folder}/gone cannot be read: no such file or directory`]);
});

test("memory stays flat: large files pass in pieces", async (context) => {
  const folder = scratchFolder(context, { large: Buffer.alloc(8 << 20, "x") });
  const tree = createTree();
  const size = 8 << 20;
  tree.add("/large", { type: "file", mode: 0o644, content: { path: join(folder, "large"), size }, modified: 0 });
  const hash = createHash("sha256");
  let longest = 0;
  for await (const chunk of cpio(tree.entries())) {
    longest = Math.max(longest, chunk.length);
    hash.update(chunk);
  }
  assert.ok(longest <= 2 << 20, `${longest} bytes at once`);
  assert.equal(
    hash.digest("hex"),
    createHash("sha256")
      .update(await archive(tree))
      .digest("hex"),
  );
});

test("a directory and something else do not have one place", async () => {
  const tree = createTree();
  const file = { type: "file" as const, mode: 0o644, content: Buffer.alloc(0), modified: 0 };
  tree.add("/etc/x", file);
  assert.deepEqual(await problemsOf(() => tree.add("/etc/x/y/z", file)), [
    "/etc/x/y cannot be put into the image: /etc/x is no directory there",
  ]);
  assert.deepEqual(await problemsOf(() => tree.add("/etc", file)), [
    "/etc cannot be a file in the image: it is a directory already; choose another path",
  ]);
  assert.deepEqual(await problemsOf(() => tree.add("/etc/x", { type: "dir", mode: 0o755 })), [
    "/etc/x cannot be a directory in the image: it is a file already; choose another path",
  ]);
  assert.deepEqual(await problemsOf(() => tree.add("/", file)), [
    "/ cannot be a file in the image: it is a directory already; choose another path",
  ]);
  assert.equal(tree.add("/", { type: "dir", mode: 0o755 }), false);
});

test("in a tree what is there first stays, and links are followed", () => {
  const tree = createTree();
  const file = (text: string) => ({ type: "file" as const, mode: 0o644, content: Buffer.from(text), modified: 0 });
  assert.equal(tree.add("/usr/bin/sh", file("first")), true);
  assert.equal(tree.add("/bin", { type: "symlink", target: "usr/bin" }), true);
  assert.equal(tree.add("/bin/sh", file("second")), false);
  assert.equal(tree.add("/bin/../bin/./new", file("third")), true);
  assert.deepEqual(tree.get("/usr/bin/sh"), file("first"));
  assert.deepEqual(tree.get("usr/bin/new"), file("third"));
  assert.equal(tree.add("/../../escape", file("x")), true);
  assert.ok(tree.has("escape"), "above the top is the top, as in the kernel");
  tree.add("/loop", { type: "symlink", target: "loop" });
  assert.equal(tree.has("/loop/x"), false);
  assert.equal(tree.add("/loop/x", file("x")), true);
});
