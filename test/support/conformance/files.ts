/**
 * Instant ops on files. Expects /bin/busybox, /proc mounted, and /disk: a folder on a file system that is not in memory, with the file `there`.
 */
import { type Case, equal, errnoOf, type OpsUnderTest, ok } from "./suite.js";

const folder = "/tmp/files";

/** An op's errno, at most EINVAL for arguments that do not fit. */
function expectErrno(ops: OpsUnderTest, expected: string, name: string, request: unknown): void {
  const outcome = ops.outcome(name, request);
  equal(errnoOf(outcome), expected, `${name} ${JSON.stringify(request)}`);
}

function fresh(ops: OpsUnderTest): void {
  ops.done("removeTree", { path: folder });
  ops.value("makeDir", { path: folder });
}

/** A case that starts with an empty folder. */
function inFolder(name: string, run: (ops: OpsUnderTest, path: (name: string) => string) => void): Case {
  return {
    name,
    run(ops) {
      ops.value("makeDir", { path: folder, parents: true });
      fresh(ops);
      run(ops, (file) => `${folder}/${file}`);
    },
  };
}

/** All bytes: those of ASCII, NUL too, and each other one as an escape. */
const allBytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join(
  "",
);

const wrongArguments: Case = {
  name: "arguments that do not fit are EINVAL",
  run(ops) {
    const requests: [string, unknown][] = [
      ["read", {}],
      ["read", { path: "" }],
      ["read", { path: 7 }],
      ["read", { path: "/tmp/a\0b" }],
      ["read", { path: "/proc/version", limit: -1 }],
      ["read", { path: "/proc/version", limit: 1.5 }],
      ["write", { path: "/tmp/x" }],
      ["write", { path: "/tmp/x", data: "", mode: 0o10000 }],
      ["write", { path: "/tmp/x", data: "", append: 1 }],
      ["stat", { path: "/", follow: "yes" }],
      ["makeDir", { path: null }],
      ["symlink", { path: "/tmp/x" }],
      ["makeNode", { path: "/tmp/x", type: "socket", mode: 0o600 }],
      ["makeNode", { path: "/tmp/x", type: "char", mode: 0o600 }],
      ["makeNode", { path: "/tmp/x", type: "char", mode: 0o600, major: -1, minor: 0 }],
      ["chmod", { path: "/tmp" }],
      ["chown", { path: "/tmp", uid: "root", gid: 0 }],
      ["read", []],
      ["read", "path"],
      ["read", null],
      ["removeTree", { path: 1 }],
      ["readFile", { path: "/x", offset: -1 }],
    ];
    for (const [name, request] of requests) expectErrno(ops, "EINVAL", name, request);
    for (const text of ["", "{", '{"path":"/"}x', '{"path":"\\ud800"}', '{"path":"\\udc00"}', "{'path':1}"])
      equal(errnoOf(JSON.parse(ops.raw("stat", text))), "EINVAL", text);
    expectErrno(ops, "ENOSYS", "nonsense", {});
    expectErrno(ops, "ENOSYS", "", {});
  },
};

const elsewhere: Case = {
  name: "on a file system that is not in memory every op is EXDEV, and nothing happens",
  run(ops) {
    const requests: [string, unknown][] = [
      ["read", { path: "/disk/there" }],
      ["write", { path: "/disk/there", data: "x" }],
      ["write", { path: "/disk/there", data: "x", mode: 0o600 }],
      ["write", { path: "/disk/new", data: "x", mode: 0o600 }],
      ["list", { path: "/disk" }],
      ["stat", { path: "/disk" }],
      ["stat", { path: "/disk/there", follow: false }],
      ["readLink", { path: "/disk/link" }],
      ["makeDir", { path: "/disk/new" }],
      ["makeDir", { path: "/disk/new/newer", parents: true }],
      ["symlink", { path: "/disk/new", target: "x" }],
      ["makeNode", { path: "/disk/new", type: "fifo", mode: 0o600 }],
      ["rename", { from: "/disk/there", to: "/disk/new" }],
      ["rename", { from: "/tmp", to: "/disk/new" }],
      ["remove", { path: "/disk/there" }],
      ["chmod", { path: "/disk/there", mode: 0o600 }],
      ["chown", { path: "/disk/there", uid: 0, gid: 0 }],
    ];
    for (const [name, request] of requests) expectErrno(ops, "EXDEV", name, request);
    equal(ops.done("readFile", { path: "/disk/there" }).data, "here\n", "the file");
    equal(errnoOf(ops.job("statFile", { path: "/disk/new" })), "ENOENT", "the new file");
  },
};

const lookups = inFolder("errnos of looking a path up", (ops, path) => {
  ops.value("write", { path: path("file"), data: "", mode: 0o600 });
  ops.value("symlink", { path: path("loop"), target: "loop" });
  const name = "x".repeat(256);
  const ways: [string, unknown][] = [
    ["read", {}],
    ["write", { data: "", mode: 0o600 }],
    ["list", {}],
    ["stat", {}],
    ["readLink", {}],
    ["makeDir", {}],
    ["symlink", { target: "x" }],
    ["makeNode", { type: "fifo", mode: 0o600 }],
    ["remove", {}],
    ["chmod", { mode: 0o600 }],
    ["chown", { uid: 0, gid: 0 }],
  ];
  for (const [op, rest] of ways) {
    const request = rest as object;
    expectErrno(ops, "ENOENT", op, { path: path("none/file"), ...request });
    expectErrno(ops, "ENOTDIR", op, { path: path("file/below"), ...request });
    expectErrno(ops, "ELOOP", op, { path: path("loop/below"), ...request });
    expectErrno(ops, "ENAMETOOLONG", op, { path: path(name), ...request });
    expectErrno(ops, "ENAMETOOLONG", op, { path: path("y/".repeat(2100)), ...request });
  }
  expectErrno(ops, "ENOENT", "read", { path: path("none") });
  expectErrno(ops, "ENOENT", "write", { path: path("none"), data: "x" });
  expectErrno(ops, "EISDIR", "read", { path: folder });
  expectErrno(ops, "EISDIR", "write", { path: folder, data: "x" });
  expectErrno(ops, "ENOTDIR", "list", { path: path("file") });
  expectErrno(ops, "ENOENT", "rename", { from: path("none"), to: path("other") });
});

const contents = inFolder("write and read every byte, whole and in parts", (ops, path) => {
  ops.value("write", { path: path("a"), data: allBytes, mode: 0o640 });
  equal(ops.value("read", { path: path("a") }).data, allBytes, "all bytes");
  equal(ops.value("stat", { path: path("a") }).mode, 0o640, "mode, no umask");
  equal(ops.value("stat", { path: path("a") }).size, 256, "size");
  ops.value("write", { path: path("a"), data: "one", mode: 0o600 });
  ops.value("write", { path: path("a"), data: "+two", append: true });
  equal(ops.value("read", { path: path("a") }).data, "one+two", "truncated, then appended");
  equal(ops.value("stat", { path: path("a") }).mode, 0o640, "mode of a file that was there");
  ops.value("write", { path: path("a"), data: "ONE" });
  equal(ops.value("read", { path: path("a") }).data, "ONE+two", "without mode nothing is cut off");
  ops.value("write", { path: path("b"), data: "", mode: 0o600 });
  equal(ops.value("read", { path: path("b") }).data, "", "empty file");
  expectErrno(ops, "EFBIG", "read", { path: path("a"), limit: 6 });
  equal(ops.value("read", { path: path("a"), limit: 7 }).data, "ONE+two", "at the limit");
  const big = "0123456789abcdef".repeat(65536);
  ops.value("write", { path: path("big"), data: big, mode: 0o600 });
  ok(ops.value("read", { path: path("big") }).data === big, "1 MiB");
  ops.value("write", { path: path("big"), data: "x", append: true });
  expectErrno(ops, "EFBIG", "read", { path: path("big") });
  equal(ops.value("read", { path: path("big"), limit: 2 << 20 }).data.length, big.length + 1, "more on demand");
});

const text = inFolder("text that JSON and UTF-8 find difficult", (ops, path) => {
  const texts = [
    '"\\/\b\f\n\r\t',
    "\u{1f4a9}\u00e4\u20ac\ufffd\u{10ffff}",
    "\udc80\udcff",
    "\udcc3\u00e4\udce2\udc82",
    "\u2028\u007f\u0001",
  ];
  for (const [number, data] of texts.entries()) {
    ops.value("write", { path: path(String(number)), data, mode: 0o600 });
    equal(ops.value("read", { path: path(String(number)) }).data, data, `text ${number}`);
  }
  // Escapes that are valid UTF-8 together come back as the character that they are.
  ops.value("write", { path: path("together"), data: "\udcc3\udca4", mode: 0o600 });
  equal(ops.value("read", { path: path("together") }).data, "\u00e4", "joined");
});

const names = inFolder("names that are not UTF-8, sorted by byte", (ops, path) => {
  const odd = ["b\udcff", "a b", "\u00e4", "B", "\udc80", "z\nz", "\\x"];
  for (const name of odd) ops.value("write", { path: path(name), data: name, mode: 0o600 });
  ops.value("makeDir", { path: path("\udcfe") });
  ops.value("symlink", { path: path("l\udcfd"), target: "to \udcfc" });
  equal(
    ops.value("list", { path: folder }).entries.map(({ name, type }) => `${name}:${type}`),
    ["B", "\\x", "a b", "b\udcff", "l\udcfd", "z\nz", "\udc80", "\u00e4", "\udcfe"].map((name) => {
      const type = name === "\udcfe" ? "dir" : name.startsWith("l") ? "symlink" : "file";
      return `${name}:${type}`;
    }),
    "list",
  );
  for (const name of odd) equal(ops.value("read", { path: path(name) }).data, name, name);
  equal(ops.value("readLink", { path: path("l\udcfd") }).target, "to \udcfc", "target");
});

const folders = inFolder("makeDir", (ops, path) => {
  ops.value("makeDir", { path: path("a"), mode: 0o1777 });
  equal(ops.value("stat", { path: path("a") }).mode, 0o1777, "mode");
  expectErrno(ops, "EEXIST", "makeDir", { path: path("a") });
  expectErrno(ops, "ENOENT", "makeDir", { path: path("b/c") });
  ops.value("makeDir", { path: path("b/c/d/"), mode: 0o700, parents: true });
  equal(ops.value("stat", { path: path("b/c") }).mode, 0o755, "mode of parents");
  equal(ops.value("stat", { path: path("b/c/d") }).mode, 0o700, "mode of the last");
  ops.value("makeDir", { path: path("b/c/d"), parents: true });
  ops.value("makeDir", { path: "/", parents: true });
  ops.value("write", { path: path("file"), data: "", mode: 0o600 });
  expectErrno(ops, "EEXIST", "makeDir", { path: path("file"), parents: true });
  expectErrno(ops, "ENOTDIR", "makeDir", { path: path("file/x"), parents: true });
  ops.value("symlink", { path: path("link"), target: "b" });
  ops.value("makeDir", { path: path("link/c/e"), parents: true });
  equal(ops.value("stat", { path: path("b/c/e") }).type, "dir", "through a link");
});

const links = inFolder("symlink and readLink", (ops, path) => {
  ops.value("symlink", { path: path("l"), target: "nowhere" });
  equal(ops.value("readLink", { path: path("l") }).target, "nowhere", "target");
  expectErrno(ops, "EEXIST", "symlink", { path: path("l"), target: "other" });
  ops.value("symlink", { path: path("l"), target: "other", replace: true });
  equal(ops.value("readLink", { path: path("l") }).target, "other", "replaced");
  ops.value("write", { path: path("f"), data: "x", mode: 0o600 });
  ops.value("symlink", { path: path("f"), target: "l2", replace: true });
  equal(ops.value("readLink", { path: path("f") }).target, "l2", "a file gave way");
  ops.value("makeDir", { path: path("d") });
  expectErrno(ops, "EEXIST", "symlink", { path: path("d"), target: "x", replace: true });
  expectErrno(ops, "EINVAL", "readLink", { path: path("d") });
  expectErrno(ops, "ENOENT", "readLink", { path: path("none") });
  equal(
    ops.value("list", { path: folder }).entries.map(({ name }) => name),
    ["d", "f", "l"],
    "nothing is left over",
  );
});

const nodes = inFolder("makeNode and stat of each type", (ops, path) => {
  ops.value("makeNode", { path: path("c"), type: "char", mode: 0o666, major: 1, minor: 3 });
  ops.value("makeNode", { path: path("b"), type: "block", mode: 0o660, major: 259, minor: 70000 });
  ops.value("makeNode", { path: path("p"), type: "fifo", mode: 0o600 });
  expectErrno(ops, "EEXIST", "makeNode", { path: path("p"), type: "fifo", mode: 0o600 });
  const { node, mode, type } = ops.value("stat", { path: path("c") });
  equal([node, mode, type], ["1:3", 0o666, "char"], "char");
  const block = ops.value("stat", { path: path("b") });
  equal([block.node, block.type], ["259:70000", "block"], "block");
  equal(ops.value("stat", { path: path("p") }).type, "fifo", "fifo");
  equal(ops.value("read", { path: path("c") }).data, "", "/dev/null's twin can be read");
  expectErrno(ops, "ENXIO", "write", { path: path("p"), data: "nobody reads" });
  expectErrno(ops, "ENXIO", "read", { path: path("b") });
});

const status = inFolder("stat: links followed or not, owners, times, numbers", (ops, path) => {
  const before = ops.value("now", {}).realtime;
  ops.value("write", { path: path("f"), data: "12345", mode: 0o604 });
  ops.value("symlink", { path: path("l"), target: "f" });
  ops.value("chown", { path: path("f"), uid: 1000, gid: 2000 });
  ops.value("chown", { path: path("l"), uid: 5, gid: 6 });
  const file = ops.value("stat", { path: path("l") });
  equal([file.type, file.size, file.uid, file.gid, file.links], ["file", 5, 1000, 2000, 1], "followed");
  ok(file.modified >= before - 1000 && file.modified <= before + 60000, `modified ${file.modified}, now ${before}`);
  const link = ops.value("stat", { path: path("l"), follow: false });
  equal([link.type, link.uid, link.gid], ["symlink", 5, 6], "not followed");
  equal(link.device, ops.value("stat", { path: folder }).device, "device");
  ok(/^\d+:\d+$/.test(link.device) && link.inode > 0 && link.inode !== file.inode, "device and inode");
  ok(!("node" in file), "a file has no node");
  ops.value("chmod", { path: path("l"), mode: 0o4755 });
  equal(ops.value("stat", { path: path("f") }).mode, 0o4755, "chmod follows");
  ops.value("symlink", { path: path("dangling"), target: "nowhere" });
  expectErrno(ops, "ENOENT", "stat", { path: path("dangling") });
  equal(ops.value("stat", { path: path("dangling"), follow: false }).type, "symlink", "dangling");
  equal(ops.value("stat", { path: "/proc/self", follow: false }).type, "symlink", "proc");
});

const renames = inFolder("rename and remove", (ops, path) => {
  ops.value("write", { path: path("a"), data: "a", mode: 0o600 });
  ops.value("write", { path: path("b"), data: "b", mode: 0o600 });
  ops.value("rename", { from: path("a"), to: path("b") });
  equal(ops.value("read", { path: path("b") }).data, "a", "replaced");
  ops.value("makeDir", { path: path("d/e"), parents: true });
  expectErrno(ops, "EISDIR", "rename", { from: path("b"), to: path("d") });
  expectErrno(ops, "ENOTEMPTY", "remove", { path: path("d") });
  ops.value("rename", { from: path("b"), to: path("d/e/f") });
  ops.value("makeDir", { path: path("g") });
  expectErrno(ops, "ENOTEMPTY", "rename", { from: path("g"), to: path("d") });
  ops.value("remove", { path: path("d/e/f") });
  ops.value("remove", { path: path("d/e") });
  ops.value("remove", { path: path("d/") });
  ops.value("symlink", { path: path("l"), target: "g" });
  ops.value("remove", { path: path("l") });
  equal(ops.value("list", { path: folder }).entries, [{ name: "g", type: "dir" }], "what is left");
  expectErrno(ops, "ENOENT", "remove", { path: path("d") });
  expectErrno(ops, "EBUSY", "remove", { path: "/proc" });
});

const kernelFiles: Case = {
  name: "files of the kernel",
  run(ops) {
    ok(ops.value("read", { path: "/proc/version" }).data.startsWith("Linux version "), "/proc/version");
    ops.value("write", { path: "/proc/sys/kernel/hostname", data: "somewhere" });
    equal(ops.value("read", { path: "/proc/sys/kernel/hostname" }).data, "somewhere\n", "hostname");
    expectErrno(ops, "ENOTDIR", "write", { path: "/proc/sys/kernel/hostname/", data: "x" });
    expectErrno(ops, "EINVAL", "write", { path: "/proc/self/oom_score_adj", data: "x" });
    expectErrno(ops, "EIO", "read", { path: "/proc/self/mem" });
    expectErrno(ops, "EIO", "write", { path: "/proc/version", data: "x" });
    equal(ops.value("readLink", { path: "/proc/mounts" }).target, "self/mounts", "link");
  },
};

const readOnly: Case = {
  name: "read-only and full file systems",
  run(ops) {
    const path = "/tmp/small";
    ops.value("makeDir", { path, parents: true });
    ops.done("mount", { source: "small", target: path, type: "tmpfs", flags: [], data: "size=64k" });
    const full = { path: `${path}/f`, data: "x".repeat(100_000), mode: 0o600 };
    expectErrno(ops, "ENOSPC", "write", full);
    ops.value("remove", { path: `${path}/f` });
    ops.value("write", { path: `${path}/f`, data: "x", mode: 0o600 });
    ops.done("mount", { source: "", target: path, type: "", flags: ["remount", "ro"], data: "" });
    expectErrno(ops, "EROFS", "write", full);
    expectErrno(ops, "EROFS", "makeDir", { path: `${path}/d` });
    expectErrno(ops, "EROFS", "symlink", { path: `${path}/l`, target: "x" });
    expectErrno(ops, "EROFS", "makeNode", { path: `${path}/p`, type: "fifo", mode: 0o600 });
    expectErrno(ops, "EROFS", "rename", { from: `${path}/f`, to: `${path}/g` });
    expectErrno(ops, "EROFS", "remove", { path: `${path}/f` });
    expectErrno(ops, "EROFS", "chmod", { path: `${path}/f`, mode: 0o600 });
    expectErrno(ops, "EROFS", "chown", { path: `${path}/f`, uid: 1, gid: 1 });
    equal(ops.value("read", { path: `${path}/f` }).data, "x", "readable");
    ops.done("unmount", { target: path });
  },
};

export const cases: readonly Case[] = [
  wrongArguments,
  elsewhere,
  lookups,
  contents,
  text,
  names,
  folders,
  links,
  nodes,
  status,
  renames,
  kernelFiles,
  readOnly,
];
