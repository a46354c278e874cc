import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { compileShared, compileStatic } from "../support/compile.js";
import { type InitOptions, runInit } from "../support/init-container.js";
import { bootCode } from "../support/init-suite.js";
import { projectFolder } from "../support/paths.js";

/**
 * Makes /sysroot a new root of its own: busybox, and an init that shows what it finds and powers off. `deleted` waits until PID 1's child, which
 * deletes the old root, has ended.
 */
const newRoot = `
mount -t tmpfs dev dev
mknod -m 666 dev/null c 1 3
mount -t tmpfs new sysroot
mkdir sysroot/bin sysroot/sbin sysroot/proc sysroot/dev sysroot/run sysroot/old
cp -a bin/. sysroot/bin/
cat >sysroot/sbin/init <<'END'
#!/bin/sh
PATH=/bin
echo "init $0 pid $$ arguments $*"
deleted() { while grep -qs "(init) [^Z]" /proc/[2-9]*/stat /proc/1[0-9]*/stat; do :; done; }
eval "$SHOW"
poweroff -f
END
chmod 755 sysroot/sbin/init
`;

/** For a boot that goes on after the switch has failed: the shell that PID 1 starts says nothing and ends, a fresh engine follows. */
const emptyShell = `
rm bin/sh; echo '#!/bin/true' >bin/sh; chmod 755 bin/sh
echo 'shell=1 action=none delay=0' >usr/lib/firstlight/rescue`;

const tellWhatIsThere = `
if (engine === 2) {
  const lines = ops.value("read", { path: "/proc/self/mountinfo" }).data.trim().split("\\n");
  print("mounts " + lines.map((line) => line.split(" ")[4]).sort().join(" "));
  const names = ops.value("list", { path: "/" }).entries.map(({ name }) => name);
  print("files " + names.join(" ") + "; note " + ops.value("read", { path: "/run/note" }).data.trim());
  ops.value("finish", { word: "reboot", action: "poweroff" });
}`;

const noProgram = "is no program for this machine, nor a script that starts with #!";
const noInterpreter = "needs a program to run it (the one after #!, or a loader) that is not there";
const forbidden =
  "may not be executed: it, or the program that runs it, is on a file system mounted noexec, or that program is not executable";

const folder = mkdtempSync(join(tmpdir(), "firstlight-switch-"));
after(() => rmSync(folder, { recursive: true }));
const pause = join(folder, "pause");
before(() => compileStatic(join(projectFolder, "test/support/init-pause.c"), pause));

interface SwitchOptions {
  /** What the last word says; the rest is usual. */
  word?: object;
  /** Shell commands that the new init runs. */
  show?: string;
  /** More shell commands before PID 1 starts. */
  setup?: string;
  plainFolder?: boolean;
  /** Boot code before the last word, in each engine. */
  before?: string;
  files?: InitOptions["files"];
}

async function switchRoot({
  word,
  show = "",
  setup = "",
  plainFolder = false,
  before = "",
  files = {},
}: SwitchOptions) {
  const lastWord = {
    word: "switch",
    root: "/sysroot",
    init: "/sbin/init",
    arguments: [],
    moves: ["/proc", "/dev"],
    ...word,
  };
  const options: InitOptions = {
    setup: `${newRoot}${setup}\nexport SHOW='${show}'`,
    plainFolder,
    files,
    bundle: await bootCode(`
      const lastWord = ${JSON.stringify(lastWord)};
      ${before}
      ops.value("finish", lastWord);`),
  };
  return runInit(options);
}

for (const plainFolder of [false, true])
  test(`the new root's init becomes PID 1: ${plainFolder ? "with the new root moved over the old one" : "by pivot_root"}`, async () => {
    const { console, signal } = await switchRoot({
      plainFolder,
      word: { arguments: ["single", "a b", "\udcff"], moves: ["/run", "/proc", "/dev"] },
      setup: `
        mount -t tmpfs run run; echo kept >run/note
        mount --make-rshared . 2>/dev/null || true
        export BOOT_IMAGE="/vmlinuz a" foo=bar`,
      show: [
        'echo "environment $BOOT_IMAGE $foo"',
        'echo "root" *',
        "echo note $(cat /run/note)",
        'echo mounts $(cut -d" " -f 5 /proc/self/mountinfo | sort)',
        "ls /dev/null",
        "echo stack $(ulimit -s) mask $(umask)",
      ].join("\n"),
    });
    assert.equal(
      console,
      [
        "init /sbin/init pid 1 arguments single a b \ufffd",
        "environment /vmlinuz a bar",
        "root bin dev old proc run sbin",
        "note kept",
        "mounts / /dev /proc /run",
        "/dev/null",
        "stack 8192 mask 0022",
        "",
      ].join("\n"),
    );
    assert.equal(signal, "SIGINT");
  });

test("init starts with a clean signal mask, default handlers, and no descriptors but 0, 1 and 2", async () => {
  const status = await switchRoot({ word: { init: "/bin/cat", arguments: ["/proc/self/status"] } });
  for (const mask of ["SigBlk", "SigIgn", "SigCgt"])
    assert.match(status.console, new RegExp(`^${mask}:\\s0{16}$`, "m"));
  const files = await switchRoot({ word: { init: "/bin/ls", arguments: ["/proc/self/fd"] } });
  assert.equal(files.console, "0\n1\n2\n3\n", "3 is ls's own");
});

test("the old root's files are deleted: links are not followed, mounts are left alone", async () => {
  const { console } = await switchRoot({
    plainFolder: true,
    setup: `
      mkdir -p deep/er extra
      echo x >deep/er/file; ln -s /sysroot/kept link
      echo kept >sysroot/kept
      mount -t tmpfs extra extra; echo kept >extra/file
      mkdir sysroot/extra; mount --bind extra sysroot/extra
      mount --bind .. sysroot/old`,
    show: 'deleted; echo "old" $(cd /old/plain; find . | sort); cat /kept /extra/file',
  });
  assert.match(console, /^firstlight: not all of the initramfs could be deleted: EBUSY$/m);
  assert.match(console, /^old \. \.\/extra\nkept\nkept\n/m);
});

test("with pivot_root the old root is gone as a whole, what is mounted in it included", async () => {
  const { console } = await switchRoot({
    setup: "mkdir extra; mount -t tmpfs extra extra; echo x >extra/file",
    show: 'cut -d" " -f 5 /proc/self/mountinfo | sort',
  });
  assert.equal(console, "init /sbin/init pid 1 arguments \n/\n/dev\n/proc\n");
});

test("a new root on the initramfs's own file system keeps its files", async () => {
  const { console } = await switchRoot({
    plainFolder: true,
    setup: "mkdir own; cp -a sysroot/. own/; umount sysroot; mount --bind own sysroot",
    show: "ls /bin/busybox /sbin/init",
  });
  assert.equal(console, "init /sbin/init pid 1 arguments \n/bin/busybox\n/sbin/init\n");
});

test("a mount point that the new root has no directory for is unmounted, with a warning", async () => {
  const { console } = await switchRoot({
    word: { moves: ["/extra", "/proc", "/dev", "/none"] },
    setup: "mkdir extra; mount -t tmpfs extra extra; ln -s /bin sysroot/none",
    show: "cut -d' ' -f 5 /proc/self/mountinfo | sort | tr '\\n' ' '".replaceAll("'", '"'),
  });
  assert.match(
    console,
    /^firstlight: \/extra does not move into the new root \(no such directory there\): unmounted$/m,
  );
  assert.match(console, /^firstlight: \/none does not move into the new root \(no such directory there\): unmounted$/m);
  assert.match(console, /^\/ \/dev \/proc $/m);
});

test("init is looked up as the new root will see it", async () => {
  const inits: [string, string, string][] = [
    ["an absolute link", "/link", "mount -t tmpfs run run; ln -s /sbin/init sysroot/link"],
    ["a relative link out of the root", "/link", "mount -t tmpfs run run; ln -s ../../../sbin/init sysroot/link"],
    ["a file below a mount that moves", "/run/init", "mount -t tmpfs run run; cp -p sysroot/sbin/init run/init"],
    ["a file in /dev", "/dev/init", "mount -t tmpfs run run; cp -p sysroot/sbin/init dev/init"],
    [
      "a link to there",
      "/link",
      "mount -t tmpfs run run; cp -p sysroot/sbin/init run/init; ln -s /run/init sysroot/link",
    ],
  ];
  for (const [name, init, setup] of inits) {
    const { console } = await switchRoot({ word: { init, moves: ["/run", "/proc", "/dev"] }, setup });
    assert.match(console, new RegExp(`^init ${init} pid 1`), name);
  }
});

const refusals: [name: string, word: object, setup: string, objection: string][] = [
  ["init is missing", { init: "/none" }, "", "/none is not there, or a link to nothing"],
  [
    "init is a link to a file of the initramfs alone",
    { init: "/link" },
    "echo >only; chmod 755 only; ln -s /only sysroot/link",
    "/link is not there, or a link to nothing",
  ],
  ["init is a dangling link", { init: "/link" }, "ln -s none sysroot/link", "/link is not there, or a link to nothing"],
  ["init is a link to itself", { init: "/link" }, "ln -s link sysroot/link", "/link ELOOP"],
  ["init lies below a file", { init: "/sbin/init/x" }, "", "/sbin/init/x ENOTDIR"],
  [
    "init lies below a mount that has no place in the new root",
    { init: "/run/init", moves: ["/run"] },
    "mount -t tmpfs run run; cp -p sysroot/sbin/init run/init; rmdir sysroot/run",
    "/run/init is not there, or a link to nothing",
  ],
  ["init is a directory", { init: "/sbin" }, "", "/sbin is a directory"],
  ["init is a pipe", { init: "/pipe" }, "mkfifo -m 755 sysroot/pipe", "/pipe is no file"],
  ["init is not executable", {}, "chmod 644 sysroot/sbin/init", "/sbin/init is not executable"],
  ["init is empty", {}, ": >sysroot/sbin/init", `/sbin/init ${noProgram}`],
  ["init is a script without #!", {}, "echo 'echo hello' >sysroot/sbin/init", `/sbin/init ${noProgram}`],
  [
    "init is a script whose shell is missing",
    {},
    "echo '#!/bin/bash' >sysroot/sbin/init",
    `/sbin/init ${noInterpreter}`,
  ],
  [
    "init is a script whose shell is not executable",
    {},
    "echo >sysroot/bin/bash; echo '#!/bin/bash' >sysroot/sbin/init",
    `/sbin/init ${forbidden}`,
  ],
  ["init is dynamic, and its loader is missing", {}, "cp init sysroot/sbin/init", `/sbin/init ${noInterpreter}`],
  [
    "init is a program of another architecture",
    {},
    "cp bin/busybox sysroot/sbin/init; printf '\\377\\377' | dd of=sysroot/sbin/init bs=1 seek=18 conv=notrunc 2>/dev/null",
    `/sbin/init ${noProgram}`,
  ],
  ["nothing may be executed in the new root", {}, "mount -o remount,noexec sysroot", `/sbin/init ${forbidden}`],
  ["the root is no mount point", { root: "/tmp" }, "", "/tmp is no mount point"],
  ["the root is not there", { root: "/none" }, "", "/none ENOENT"],
];

for (const [name, word, setup, objection] of refusals)
  test(`no switch: ${name}`, async () => {
    const { console, signal } = await switchRoot({
      word,
      setup,
      before: 'print("objection: " + ops.done("trySwitch", lastWord).objection);',
    });
    const root = "root" in word ? word.root : "/sysroot";
    assert.equal(
      console,
      `objection: ${objection}\nfirstlight: the boot has failed: cannot switch to ${root}: ${objection}\n`,
    );
    assert.equal(signal, "SIGINT", "the policy was followed");
  });

for (const plainFolder of [false, true])
  test(`trying a switch changes nothing, and runs nothing: ${plainFolder ? "without" : "with"} pivot_root`, async () => {
    const { console } = await switchRoot({
      plainFolder,
      word: { moves: ["/run", "/proc", "/dev"] },
      setup: "mount -t tmpfs run run; echo kept >run/note; mount -t tmpfs extra tmp",
      before: `
        const state = () => ["/proc/self/mountinfo", "/run/note"].map((path) => ops.value("read", { path }).data).join("");
        const before = state();
        const word = { ...lastWord, moves: ["/run", "/proc", "/dev", "/tmp", "/none"] };
        for (let i = 0; i < 3; i++) equal(ops.done("trySwitch", word), { objection: null });
        equal(state(), before);
        for (const wrong of [{}, { ...word, root: "sysroot" }, { ...word, moves: 1 }, { word: "reboot", action: "halt" }])
          equal(errnoOf(ops.outcome("trySwitch", wrong)), "EINVAL", JSON.stringify(wrong));
        ops.done("unmount", { target: "/tmp" });`,
    });
    assert.equal(console, "init /sbin/init pid 1 arguments \n");
  });

for (const plainFolder of [false, true])
  test(`only what marked itself with @ lives on, and does not keep the old root's files: ${plainFolder ? "without" : "with"} pivot_root`, async () => {
    const { console } = await switchRoot({
      plainFolder,
      files: { "/bin/@storage": readFileSync(pause), "/bin/other": readFileSync(pause), "/held/file": "x" },
      before: `
        ops.start("run", { argv: ["@storage"], cwd: "/held" });
        ops.start("run", { argv: ["other"], cwd: "/held" });
        ops.done("run", { argv: ["sh", "-c", "setsid other &"] });
        const names = () => ops.value("list", { path: "/proc" }).entries.filter(({ name }) => /^\\d+$/.test(name))
          .map(({ name }) => ops.value("read", { path: "/proc/" + name + "/comm" }).data.trim()).sort().join();
        while (names() !== "@storage,init,init,other,other") ops.wait(2);`,
      show: `
        deleted
        for process in /proc/[0-9]*; do
          read -r name <$process/comm
          [ $name = init ] || echo "$name holds" $process/cwd/*
        done`,
    });
    assert.match(console, /^init \/sbin\/init pid 1 arguments \n@storage holds \/proc\/\d+\/cwd\/\*\n$/);
  });

/** A switch in which the kernel refuses PID 1 something that it has not refused when it was tried. */
async function refusedSwitch(what: "move" | "exec", options: SwitchOptions) {
  const refuse = join(folder, "refuse.so");
  await compileShared(join(projectFolder, "test/support/refuse.c"), refuse);
  return switchRoot({
    plainFolder: true,
    ...options,
    files: { "/refuse.so": readFileSync(refuse), "/etc/ld.so.preload": "/refuse.so" },
    setup: `${options.setup}
      export REFUSE=${what} ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"`,
  });
}

test("a move that the kernel refuses after all: everything is where it was, for the emergency path", async () => {
  const { console } = await refusedSwitch("move", {
    word: { moves: ["/run", "/proc", "/dev"] },
    setup: `${emptyShell}
      mount -t tmpfs -o nosuid,nodev run run; echo kept >run/note`,
    before: tellWhatIsThere,
  });
  assert.match(console, /^firstlight: the boot has failed: cannot make \/sysroot the root: EBUSY$/m);
  assert.match(console, /^mounts \/proc \/run$/m);
  assert.match(console, /^files .*\binit\b.*\bsysroot\b.*; note kept$/m);
});

test("an init that the kernel refuses after all: the emergency path has the old root's files", async () => {
  const { console } = await refusedSwitch("exec", {
    setup: emptyShell,
    before: `
      if (engine === 2) {
        print("files " + ops.value("list", { path: "/" }).entries.map(({ name }) => name).join(" "));
        ops.value("finish", { word: "reboot", action: "poweroff" });
      }`,
  });
  assert.match(console, /^firstlight: the boot has failed: cannot execute \/sbin\/init in the new root: EIO$/m);
  assert.match(console, /^files .*\binit\b.*\bsysroot\b.*\busr\b/m);
});

test("a switch that is refused has taken nothing apart but the new root", async () => {
  const { console } = await switchRoot({
    word: { init: "/none", moves: ["/run", "/proc", "/dev"] },
    setup: `${emptyShell}
      mount -t tmpfs -o nosuid,nodev run run; echo kept >run/note`,
    before: tellWhatIsThere,
  });
  assert.match(console, /^mounts \/ \/proc \/run$/m);
  assert.match(console, /^files .*\binit\b.*\bsysroot\b.*; note kept$/m);
});
