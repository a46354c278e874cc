import assert from "node:assert/strict";
import { test } from "node:test";
import { type InitOptions, runInit } from "../support/init-container.js";
import { bootCode } from "../support/init-suite.js";

/** Makes /sysroot a new root of its own: busybox, and an init that shows what it finds and powers off. */
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
eval "$SHOW"
poweroff -f
END
chmod 755 sysroot/sbin/init
`;

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
}

async function switchRoot({ word, show = "", setup = "", plainFolder = false, before = "" }: SwitchOptions) {
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
    bundle: await bootCode(`${before}\nops.value("finish", ${JSON.stringify(lastWord)});`),
  };
  return runInit(options);
}

for (const plainFolder of [false, true])
  test(`the new root's init becomes PID 1: ${plainFolder ? "with the new root moved over the old one" : "by pivot_root"}`, async () => {
    const { console, signal } = await switchRoot({
      plainFolder,
      word: { arguments: ["single", "a b"], moves: ["/run", "/proc", "/dev"] },
      setup: "mount -t tmpfs run run; echo kept >run/note",
      show: [
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
        "init /sbin/init pid 1 arguments single a b",
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
    show: 'echo "old" $(cd /old/plain; find . | sort); cat /kept /extra/file',
  });
  assert.equal(
    console,
    "firstlight: not all of the initramfs could be deleted: EBUSY\n" +
      "init /sbin/init pid 1 arguments \nold . ./extra\nkept\nkept\n",
  );
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

const refusals: [name: string, word: object, setup: string, reason: RegExp][] = [
  ["init is missing", { init: "/none" }, "", /^cannot switch to \/sysroot, init \/none: its init is not there$/],
  [
    "init is a link to a file of the initramfs alone",
    { init: "/link" },
    "echo >only; chmod 755 only; ln -s /only sysroot/link",
    /its init is not there$/,
  ],
  ["init cannot be executed", {}, "chmod 644 sysroot/sbin/init", /its init cannot be executed$/],
  ["init is a directory", { init: "/sbin" }, "", /its init is no file$/],
  ["init is a dangling link", { init: "/link" }, "ln -s none sysroot/link", /its init is not there$/],
  ["init is a link to itself", { init: "/link" }, "ln -s link sysroot/link", /ELOOP$/],
  ["the root is no mount point", { root: "/tmp" }, "", /the new root is no mount point$/],
  ["the root is not there", { root: "/none" }, "", /init \/sbin\/init: ENOENT$/],
];

for (const [name, word, setup, reason] of refusals)
  test(`no switch: ${name}`, async () => {
    const { console, signal } = await switchRoot({ word, setup });
    assert.match(/^firstlight: the boot has failed: (.*)$/m.exec(console)?.[1] ?? "", reason);
    assert.equal(signal, "SIGINT", "the policy was followed");
  });

test("a switch that is refused has taken nothing apart but the new root", async () => {
  const { console } = await switchRoot({
    word: { init: "/none", moves: ["/run", "/proc", "/dev"] },
    // The shell that PID 1 starts says nothing and ends: a fresh engine follows.
    setup: `
      mount -t tmpfs -o nosuid,nodev run run
      rm bin/sh; echo '#!/bin/true' >bin/sh; chmod 755 bin/sh
      echo 'shell=1 action=none delay=0' >usr/lib/firstlight/rescue`,
    before: `
      if (engine === 2) {
        const lines = ops.value("read", { path: "/proc/self/mounts" }).data.trim().split("\\n");
        print("mounts " + lines.map((line) => line.split(" ")[1]).sort().join(" "));
        print("files " + ops.value("list", { path: "/" }).entries.map(({ name }) => name).join(" "));
        ops.value("finish", { word: "reboot", action: "poweroff" });
      }`,
  });
  assert.match(console, /^mounts \/ \/proc \/run$/m);
  assert.match(console, /^files .*\binit\b.*\bsysroot\b/m);
});

test("an init that turns out not to be a program: the reason, then the policy", async () => {
  const { console, signal } = await switchRoot({ setup: "echo nonsense >sysroot/sbin/init" });
  assert.equal(console, "firstlight: the boot has failed: cannot execute /sbin/init in the new root: ENOEXEC\n");
  assert.equal(signal, "SIGINT");
});
