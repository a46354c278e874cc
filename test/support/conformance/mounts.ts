/** Mounts and trees. Expects /proc mounted, loop devices under /dev, and /image: an ext4 file system with the label `tested` and a file `hello`. */
import { type Case, equal, errnoOf, type OpsUnderTest, ok } from "./suite.js";

interface MountEntry {
  path: string;
  type: string;
  options: string;
}

function mountsBelow(ops: OpsUnderTest, folder: string): MountEntry[] {
  const lines = ops.value("read", { path: "/proc/self/mounts" }).data.trim().split("\n");
  return lines
    .map((line) => line.split(" "))
    .map(([, path = "", type = "", options = ""]) => ({ path, type, options }))
    .filter(({ path }) => path.startsWith(folder));
}

function tmpfs(ops: OpsUnderTest, target: string): void {
  ops.value("makeDir", { path: target, parents: true });
  ops.done("mount", { source: "tmpfs", target, type: "tmpfs", flags: [], data: "" });
}

function expectJob(
  ops: OpsUnderTest,
  expected: string,
  name: Parameters<OpsUnderTest["job"]>[0],
  request: unknown,
): void {
  const outcome = ops.job(name, request as never);
  equal(errnoOf(outcome), expected, `${name} ${JSON.stringify(request)}: ${JSON.stringify(outcome)}`);
}

const flags: Case = {
  name: "mount with flags and data, remount, unmount",
  run(ops) {
    ops.value("makeDir", { path: "/tmp/m" });
    const target = "/tmp/m";
    ops.done("mount", {
      source: "any text",
      target,
      type: "tmpfs",
      flags: ["nosuid", "nodev", "noexec", "ro"],
      data: "mode=0700,size=1m",
    });
    const [mount] = mountsBelow(ops, target);
    for (const option of ["ro", "nosuid", "nodev", "noexec", "mode=700", "size=1024k"])
      ok(mount?.options.split(",").includes(option) === true, `${option} in ${mount?.options}`);
    ops.done("mount", { source: "", target, type: "", flags: ["remount", "nosuid"], data: "" });
    equal(mountsBelow(ops, target)[0]?.options.startsWith("rw,nosuid,"), true, "remounted");
    ops.done("unmount", { target });
    equal(mountsBelow(ops, target), [], "unmounted");
  },
};

const virtual: Case = {
  name: "mountVirtual mounts what waits for no device, and nothing else",
  run(ops) {
    const target = "/tmp/virtual";
    ops.value("makeDir", { path: target });
    ops.value("mountVirtual", { type: "tmpfs", target, flags: ["nosuid"], data: "mode=0700" });
    const [mount] = mountsBelow(ops, target);
    equal(mount?.type, "tmpfs", "type");
    for (const option of ["nosuid", "mode=700"]) ok(mount?.options.split(",").includes(option) === true, option);
    for (const type of ["ext4", "efivarfs", "virtiofs", ""])
      equal(errnoOf(ops.outcome("mountVirtual", { type, target, flags: [], data: "" })), "EXDEV", type);
    equal(
      errnoOf(ops.outcome("mountVirtual", { type: "tmpfs", target: "/tmp/none", flags: [], data: "" })),
      "ENOENT",
      "no mount point",
    );
    ops.done("unmount", { target });
  },
};

const binds: Case = {
  name: "bind mounts have their flags at once, with what lies below or without",
  run(ops) {
    tmpfs(ops, "/tmp/from");
    tmpfs(ops, "/tmp/from/below");
    for (const path of ["/tmp/one", "/tmp/all"]) ops.value("makeDir", { path });
    ops.done("mount", { source: "/tmp/from", target: "/tmp/one", type: "", flags: ["bind", "ro", "nosuid"], data: "" });
    ops.done("mount", { source: "/tmp/from", target: "/tmp/all", type: "", flags: ["rbind", "private"], data: "" });
    equal(
      mountsBelow(ops, "/tmp/one").map(({ path, options }) => [path, options.slice(0, 9)]),
      [["/tmp/one", "ro,nosuid"]],
      "one",
    );
    equal(
      mountsBelow(ops, "/tmp/all").map(({ path }) => path),
      ["/tmp/all", "/tmp/all/below"],
      "all",
    );
    equal(
      errnoOf(ops.outcome("write", { path: "/tmp/one/x", data: "", mode: 0o600 })),
      "EROFS",
      "write to the read-only one",
    );
    ops.value("write", { path: "/tmp/all/x", data: "", mode: 0o600 });
    for (const target of ["/tmp/one", "/tmp/all/below", "/tmp/all", "/tmp/from/below", "/tmp/from"])
      ops.done("unmount", { target });
  },
};

const moves: Case = {
  name: "move, and unmounting what is busy only lazily",
  run(ops) {
    tmpfs(ops, "/tmp/a");
    ops.value("makeDir", { path: "/tmp/b" });
    ops.value("write", { path: "/tmp/a/f", data: "f", mode: 0o600 });
    ops.done("move", { from: "/tmp/a", to: "/tmp/b" });
    equal(ops.value("read", { path: "/tmp/b/f" }).data, "f", "moved");
    expectJob(ops, "EINVAL", "move", { from: "/tmp/a", to: "/tmp/b" });
    tmpfs(ops, "/tmp/b/below");
    expectJob(ops, "EBUSY", "unmount", { target: "/tmp/b" });
    ops.done("unmount", { target: "/tmp/b", lazy: true });
    equal(mountsBelow(ops, "/tmp/b"), [], "gone");
  },
};

const mountErrors: Case = {
  name: "errnos of mount, unmount and move",
  run(ops) {
    const request = { source: "x", target: "/tmp", type: "tmpfs", flags: [], data: "" };
    expectJob(ops, "ENODEV", "mount", { ...request, type: "nosuchfs" });
    expectJob(ops, "ENOENT", "mount", { ...request, target: "/none" });
    expectJob(ops, "ENOTDIR", "mount", { ...request, target: "/bin/busybox" });
    for (const data of ["nonsense=1", "mpol=bind:1023", "mpol=bind", "mpol=nonsense:0", "size=much"])
      expectJob(ops, "EINVAL", "mount", { ...request, data });
    expectJob(ops, "ENOENT", "mount", { ...request, type: "ext4", source: "/dev/none" });
    expectJob(ops, "ENOTBLK", "mount", { ...request, type: "ext4", source: "/bin/busybox" });
    expectJob(ops, "EINVAL", "unmount", { target: "/tmp" });
    expectJob(ops, "ENOENT", "unmount", { target: "/none" });
    expectJob(ops, "ENOENT", "move", { from: "/proc", to: "/none" });
    for (const flags of [["nonsense"], [1], "ro", undefined])
      equal(errnoOf(ops.outcome("mount", { ...request, flags })), "EINVAL", `flags ${JSON.stringify(flags)}`);
  },
};

const loops: Case = {
  name: "loop devices: attach, mount, probe, detach",
  run(ops) {
    const { device } = ops.done("loopAttach", { file: "/image", readOnly: true });
    try {
      const probed = ops.done("probe", { device });
      equal(
        [probed.tags.TYPE, probed.tags.LABEL, probed.tags.USAGE, probed.ambivalent],
        ["ext4", "tested", "filesystem", false],
        "tags",
      );
      equal([probed.size, probed.sectorSize], [4 << 20, 512], "sizes");
      ok(/^[0-9a-f-]{36}$/.test(probed.tags.UUID ?? ""), `UUID ${probed.tags.UUID}`);
      ops.value("makeDir", { path: "/tmp/disk", parents: true });
      ops.done("mount", { source: device, target: "/tmp/disk", type: "ext4", flags: ["ro"], data: "" });
      equal(ops.done("readFile", { path: "/tmp/disk/hello" }), { data: "hello\n", size: 6 }, "file");
      ops.done("unmount", { target: "/tmp/disk" });
      const request = { source: device, target: "/tmp/disk", type: "ext4", flags: [], data: "" };
      expectJob(ops, "EACCES", "mount", request);
      expectJob(ops, "EINVAL", "mount", { ...request, data: "noload,nonsense" });
    } finally {
      ops.done("loopDetach", { device });
    }
    expectJob(ops, "ENXIO", "loopDetach", { device });
    const shifted = ops.done("loopAttach", { file: "/image", readOnly: true, offset: 1 << 20 }).device;
    equal(
      ops.done("probe", { device: shifted }),
      { tags: {}, ambivalent: false, size: 3 << 20, sectorSize: 512 },
      "with an offset",
    );
    ops.done("loopDetach", { device: shifted });
    expectJob(ops, "ENOENT", "loopAttach", { file: "/none", readOnly: true });
    equal(errnoOf(ops.outcome("loopAttach", { file: "/image" })), "EINVAL", "readOnly is left out");
    expectJob(ops, "ENXIO", "loopDetach", { device: "/image" });
  },
};

const stops: Case = {
  name: "errnos of removeMapping, stopArray and swapOff",
  run(ops) {
    expectJob(ops, "ENAMETOOLONG", "removeMapping", { name: "x".repeat(128) });
    equal(errnoOf(ops.outcome("removeMapping", { name: "" })), "EINVAL", "no name");
    expectJob(ops, "ENOENT", "stopArray", { device: "/dev/none" });
    expectJob(ops, "ENXIO", "stopArray", { device: "/dev/null" });
    expectJob(ops, "ENXIO", "stopArray", { device: "/image" });
    expectJob(ops, "ENOENT", "swapOff", { device: "/dev/none" });
    expectJob(ops, "EINVAL", "swapOff", { device: "/image" });
  },
};

const probes: Case = {
  name: "errnos of probe",
  run(ops) {
    expectJob(ops, "ENOENT", "probe", { device: "/dev/none" });
    expectJob(ops, "ENOTBLK", "probe", { device: "/image" });
    expectJob(ops, "ENOTBLK", "probe", { device: "/dev/null" });
    ops.value("makeNode", { path: "/tmp/nobody", type: "block", mode: 0o600, major: 240, minor: 12345 });
    expectJob(ops, "ENXIO", "probe", { device: "/tmp/nobody" });
  },
};

const trees: Case = {
  name: "removeTree neither follows links nor crosses mounts",
  run(ops) {
    const top = "/tmp/tree";
    ops.value("makeDir", { path: `${top}/a/b/c`, parents: true });
    ops.value("makeDir", { path: "/tmp/kept", parents: true });
    ops.value("write", { path: "/tmp/kept/file", data: "kept", mode: 0o600 });
    for (const name of ["a/f", "a/b/f", "a/b/c/\udcff", "a/b/c/g"])
      ops.value("write", { path: `${top}/${name}`, data: "", mode: 0o400 });
    ops.value("symlink", { path: `${top}/a/out`, target: "/tmp/kept" });
    ops.value("symlink", { path: `${top}/a/file`, target: "/tmp/kept/file" });
    equal(ops.done("removeTree", { path: top }), { removed: 10 }, "removed");
    expectJob(ops, "ENOENT", "removeTree", { path: top });
    ops.value("symlink", { path: "/tmp/link", target: "kept" });
    equal(ops.done("removeTree", { path: "/tmp/link" }), { removed: 1 }, "a link");
    equal(ops.value("read", { path: "/tmp/kept/file" }).data, "kept", "what links lead to");

    ops.value("makeDir", { path: `${top}/other`, parents: true });
    ops.value("makeDir", { path: `${top}/same` });
    ops.value("write", { path: `${top}/f`, data: "", mode: 0o600 });
    tmpfs(ops, `${top}/other`);
    ops.value("write", { path: `${top}/other/f`, data: "kept", mode: 0o600 });
    ops.done("mount", { source: "/tmp/kept", target: `${top}/same`, type: "", flags: ["bind"], data: "" });
    expectJob(ops, "EBUSY", "removeTree", { path: top });
    equal(
      ops.value("list", { path: top }).entries.map(({ name }) => name),
      ["other", "same"],
      "all but the mounts",
    );
    equal(ops.value("read", { path: `${top}/other/f` }).data, "kept", "another file system");
    equal(ops.value("read", { path: "/tmp/kept/file" }).data, "kept", "the same file system, bound");
    for (const name of ["other", "same"]) ops.done("unmount", { target: `${top}/${name}` });
    equal(ops.done("removeTree", { path: top }), { removed: 3 }, "in the end");
  },
};

const rooted: Case = {
  name: "readFile and statFile, also as seen from another root; writeFile",
  run(ops) {
    const root = "/tmp/root";
    ops.value("makeDir", { path: `${root}/etc`, parents: true });
    ops.value("write", { path: `${root}/etc/real`, data: "inside\udcff", mode: 0o640 });
    ops.value("symlink", { path: `${root}/etc/absolute`, target: "/etc/real" });
    ops.value("symlink", { path: `${root}/etc/up`, target: "../../../../../../etc/real" });
    ops.value("write", { path: `${root}/etc/program`, data: "#!/bin/sh\n", mode: 0o755 });
    for (const path of ["/etc/real", "etc/real", "/etc/absolute", "/etc/up"])
      equal(ops.done("readFile", { root, path }), { data: "inside\udcff", size: 7 }, path);
    expectJob(ops, "ENOENT", "readFile", { path: `${root}/etc/absolute` });
    equal(ops.done("readFile", { root, path: "/etc/real", offset: 2, length: 3 }), { data: "sid", size: 7 }, "a part");
    equal(ops.done("readFile", { root, path: "/etc/real", offset: 100, length: 3 }).data, "", "beyond the end");
    equal(ops.done("readFile", { root, path: "/etc/real", length: 100 }).data, "inside\udcff", "more than there is");
    expectJob(ops, "ENOENT", "readFile", { root: "/none", path: "/x" });
    expectJob(ops, "ENOTDIR", "readFile", { root: "/bin/busybox", path: "/x" });
    expectJob(ops, "EISDIR", "readFile", { path: "/tmp" });
    ok(ops.done("readFile", { path: "/proc/version" }).data.startsWith("Linux"), "a file without a size");
    const busybox = ops.done("statFile", { path: "/bin/busybox" });
    ok(busybox.executable && busybox.size > 100_000, "busybox can be executed");
    equal(ops.done("statFile", { root, path: "/etc/absolute" }).executable, false, "a file that cannot");
    equal(ops.done("statFile", { root, path: "/etc/program" }).executable, true, "a script that can");
    equal(ops.done("statFile", { root, path: "/etc/absolute", follow: false }).type, "symlink", "not followed");
    expectJob(ops, "ENOENT", "statFile", { root, path: "/etc/none" });
    ops.value("write", { path: "/tmp/big", data: "x".repeat(1 << 20), mode: 0o600 });
    equal(ops.done("readFile", { path: "/tmp/big" }).data.length, 1 << 20, "1 MiB");
    ops.value("write", { path: "/tmp/big", data: "y", append: true });
    expectJob(ops, "EFBIG", "readFile", { path: "/tmp/big" });
    equal(
      ops.done("readFile", { path: "/tmp/big", offset: 1 << 20, length: 5 }),
      { data: "y", size: (1 << 20) + 1 },
      "its end",
    );
    equal(ops.done("sync", {}), {}, "sync");
    const score = "/proc/self/oom_score_adj";
    equal(ops.done("writeFile", { path: score, data: "0" }), {}, "writeFile");
    expectJob(ops, "EINVAL", "writeFile", { path: score, data: "none" });
    ops.value("write", { path: "/tmp/written", data: "before", mode: 0o600 });
    ops.done("writeFile", { path: "/tmp/written", data: "\udcff\0" });
    equal(ops.value("read", { path: "/tmp/written" }).data, "\udcff\0fore", "in place of as many bytes");
    expectJob(ops, "ENOENT", "writeFile", { path: "/tmp/none", data: "" });
    expectJob(ops, "EISDIR", "writeFile", { path: "/tmp", data: "" });
  },
};

export const cases: readonly Case[] = [flags, virtual, binds, moves, mountErrors, loops, stops, probes, trees, rooted];
