/** What the build side of fsck, usr-mount and resume makes of a host and of a person's wishes. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseCommandLine } from "../../../core/generator/command-line.js";
import { readOtherHost } from "../../../core/generator/host-devices.js";
import { readResume } from "../../../core/generator/host-resume.js";
import { makeFstab } from "../../../core/generator/image-fstab.js";
import { findModules } from "../../../core/generator/module-folders.js";
import { createProblems } from "../../../core/generator/problems.js";
import { project } from "../../../core/generator/project.js";
import { selectModules } from "../../../core/generator/select-modules.js";
import { makeSettings } from "../../../core/generator/settings.js";
import type { HostFacts } from "../../../core/generator/setup-guest.js";
import { bundleSetups } from "../../../core/generator/setup-runner.js";
import type { Configuration } from "../../../core/schema/configuration.js";
import { facts } from "../generator/load-setups.js";
import { problemsOf, scratchFolder } from "../generator/scratch.js";

const settings = (words: readonly string[], files: Partial<Configuration> = {}) =>
  makeSettings(parseCommandLine(words), files, {});

test("--mount and --add-fstab, and their keys: lines with what dracut has where it is left out", (context) => {
  const folder = scratchFolder(context, {
    fstab: "# one\n\nLABEL=a /a ext4\nUUID=s none swap sw\n  tmpfs /sysroot/t\\040t tmpfs size=1m 0 0\n",
  });
  const words = [
    "--mount",
    "LABEL=b /b xfs ro",
    "--add-fstab",
    join(folder, "fstab"),
    "--mount=LABEL=c /c btrfs ro 1 0",
  ];
  const made = makeFstab(settings(words, { fstab_lines: "x /x y;z /z y" }));
  assert.equal(
    made?.text,
    [
      "LABEL=a /a ext4 defaults 0 2",
      "tmpfs /sysroot/t\\040t tmpfs size=1m 0 0",
      "x /x y defaults 0 2",
      "z /z y defaults 0 2",
      "LABEL=b /b xfs ro 0 2",
      "LABEL=c /c btrfs ro 1 0",
      "",
    ].join("\n"),
  );
  assert.deepEqual(made?.types, ["ext4", "tmpfs", "y", "y", "xfs", "btrfs"]);
  assert.equal(makeFstab(settings([])), undefined);
});

test("lines that nothing can be mounted by, and files that are not there, are refused, each by its place", async (context) => {
  const folder = scratchFolder(context, { fstab: "\nonly two\n" });
  const words = ["--mount", "a b c", "--add-fstab", `${join(folder, "fstab")} ${join(folder, "none")}`];
  const expected = "DEVICE /MOUNT/POINT TYPE [OPTIONS [DUMP [PASS]]] is expected";
  const problems = await problemsOf(() => makeFstab(settings(words)));
  assert.equal(problems[0], `--add-fstab ${folder}/fstab:2 "only two": ${expected}`);
  assert.match(problems[1] ?? "", /^--add-fstab .*none cannot be read: .*no such file/);
  assert.equal(problems[2], `--mount "a b c": ${expected}`);
});

/** Of the image for a host with this fstab, the programs that check, and the kernel parameters for hibernation. */
async function selected(host: Partial<HostFacts>, fstab = "", add: readonly string[] = []) {
  const problems = createProblems();
  const answers: Record<string, unknown> = { facts: { ...facts, hostOnly: true, ...host }, readFile: fstab };
  const { modules } = await selectModules(
    bundleSetups(findModules([project.modules], problems)),
    { modules: undefined, add, force: [], omit: ["busybox"] },
    (question, argument) => (question === "findProgram" ? `/usr/sbin/${argument}` : (answers[question] ?? null)),
    problems,
    { warning: (text) => assert.fail(text), note: () => {} },
  );
  problems.check();
  const ours = modules.filter(({ name }) => ["fsck", "usr-mount", "resume"].includes(name));
  return {
    names: ours.map(({ name }) => name),
    programs: ours.flatMap(({ requests }) => requests.flatMap((each) => (each.kind === "program" ? each.names : []))),
    cmdline: ours.flatMap(({ cmdline }) => cmdline),
  };
}

test("a host-only image has what this machine's fstab and kernel ask for; a generic one by -a", async () => {
  const ext4 = { fileSystems: ["ext4"] };
  assert.deepEqual(await selected(ext4), { names: ["fsck"], programs: ["fsck.ext4"], cmdline: [] });
  assert.deepEqual((await selected({ fileSystems: ["xfs"] })).names, []);
  assert.deepEqual((await selected({ ...ext4, hostOnly: false }, "UUID=a /usr ext4\nUUID=b none swap sw\n")).names, []);
  for (const line of ["UUID=a /usr xfs", "UUID=a /var xfs nofail,x-initrd.mount"])
    assert.deepEqual((await selected({ fileSystems: ["xfs"] }, `${line}\n`)).names, ["fsck", "usr-mount"], line);
  assert.deepEqual((await selected({ fileSystems: ["xfs"] }, "UUID=b none swap sw 0 0\n")).names, ["resume"]);
  const all = await selected({ hostOnly: false }, "", ["fsck"]);
  assert.deepEqual(
    all.programs,
    ["ext2", "ext3", "ext4", "vfat", "f2fs"].map((type) => `fsck.${type}`),
  );
});

test("--fscks names the programs that check, --nofscks none; resume= as the kernel has been told", async () => {
  const { fsck } = settings(["--fscks", "fsck.jfs fsck.xfs"]);
  assert.deepEqual(fsck, ["fsck.jfs", "fsck.xfs"]);
  assert.deepEqual((await selected({ fsck: fsck ?? [] })).programs, ["fsck.jfs", "fsck.xfs"]);
  const none = settings(["--nofscks"], { fscks: ["fsck.jfs"] }).fsck;
  assert.deepEqual(none, []);
  assert.deepEqual((await selected({ fsck: [], fileSystems: ["ext4"] })).names, []);
  assert.deepEqual((await selected({ fsck: [], fileSystems: ["ext4"] }, "a /usr ext4\n")).programs, []);
  const { names, cmdline } = await selected({ resume: { device: "UUID=x", offset: 7 } });
  assert.deepEqual([names, cmdline], [["resume"], ["resume=UUID=x", "resume_offset=7"]]);
});

test("where this machine hibernates to: a UUID that udev knows, else a name that stays; a file's place; or nowhere", (context) => {
  const files = {
    "sys/power/resume": "254:3\n",
    "sys/power/resume_offset": "0\n",
    "sys/devices/vda/vda3/partition": "3\n",
  };
  const host = (more = {}) => {
    const root = scratchFolder(context, { ...files, ...more });
    mkdirSync(join(root, "sys/dev/block"), { recursive: true });
    symlinkSync("../../devices/vda/vda3", join(root, "sys/dev/block/254:3"));
    return root;
  };
  assert.deepEqual(readResume(host()), { device: "/dev/vda3" });
  assert.deepEqual(
    readResume(host({ "run/udev/data/b254:3": "E:ID_FS_UUID=abc\n", "sys/power/resume_offset": "38912\n" })),
    {
      device: "UUID=abc",
      offset: 38912,
    },
  );
  assert.deepEqual(readResume(host({ "sys/devices/vda/vda3/dm/name": "vg-swap\n" })), {
    device: "/dev/mapper/vg-swap",
  });
  for (const told of ["0:0\n", "8:1\n"]) assert.equal(readResume(host({ "sys/power/resume": told })), undefined);
  assert.equal(readResume(scratchFolder(context, {})), undefined);
});

test("what fstab has mounted as early as / has its driver in a host-only image", (context) => {
  const fstab = "UUID=r / ext4\nUUID=v /var xfs x-initrd.mount\n/a /b none bind,x-initrd.mount\nUUID=h /home btrfs\n";
  const root = scratchFolder(context, { "etc/fstab": fstab });
  assert.deepEqual(readOtherHost(root, []).fileSystems, ["ext4", "xfs"]);
});
