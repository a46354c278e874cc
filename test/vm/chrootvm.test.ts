/** tools/chrootvm with a Debian in a folder, as somebody would type it: the command's output and exit status, and nothing left behind. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { debianFolder } from "../support/debian-root.js";
import { debianKernel } from "../support/kernels.js";
import { projectFolder } from "../support/paths.js";
import { run, tryRun } from "../support/run.js";
import { type AtTerminal, atTerminal, processesWith } from "../support/terminal.js";
import { makeTinyRoot } from "../support/tiny-root.js";
import { linkPrograms } from "../support/uefi.js";

const root = await debianFolder();
const program = join(projectFolder, "tools/chrootvm");
const folder = mkdtempSync(join(tmpdir(), "firstlight-chrootvm-"));
after(() => rmSync(folder, { recursive: true }));
const [writable, readOnly, temporary] = ["writable", "read-only", "temporary"].map((name) => {
  mkdirSync(join(folder, name));
  return join(folder, name);
}) as [string, string, string];

/** Where Debian 12's virtiofsd has its locks; ours are apart from those of the other tests' guests, which come and go meanwhile. */
const lockFolder = "/run/virtiofsd";
const locks = join(folder, "locks");
mkdirSync(locks);
const ownLocks = `mkdir -p ${lockFolder} && mount --bind ${locks} ${lockFolder}`;

/** A /dev/kvm with which no kernel starts, as virtual machines may have one, is found out in five seconds; elsewhere guests are to be the same as here. */
const hideKvm = '[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm; exec "$@"';
const inSpace = (prepare: string, words: readonly string[]) => [
  ...["unshare", "--mount", "sh", "-c", `${ownLocks} && { ${prepare}; }`, "sh"],
  ...["env", `TMPDIR=${temporary}`, "TERM=vt100", program, ...words],
];
/** A guest that hangs fails its test only: each takes seconds. */
const limit = ["timeout", "--kill-after=10", "300"];
const chrootvm = (...words: string[]) => tryRun([...limit, ...inSpace(hideKvm, words)]);

/** No process, no file, no socket and no lock of a guest; those of one that was killed may be gone a moment later. */
async function assertNothingIsLeft(what: string): Promise<void> {
  const left = () => [...processesWith(temporary), ...readdirSync(temporary), ...readdirSync(locks)];
  for (let tries = 1200; tries && left().length; tries--) await sleep(25);
  assert.deepEqual(left(), [], what);
}

test("a command finds its arguments, its folders and an empty input; its output and exit status arrive as they are", async () => {
  writeFileSync(join(readOnly, "given"), "from the host\n");
  const script = `
    printf '<%s>' "$@"; echo
    echo "$PATH $HOME $TERM $PWD"; uname -r; cat
    grep -c '^rootfs / virtiofs ro,' /proc/mounts; touch /new || echo the root is read-only
    cat /run/mnt/ro/given; touch /run/mnt/ro/new || echo so is the folder
    echo from the guest >/run/mnt/rw/made; ls -1d /dev/null /sys/fs /proc/1; echo >/tmp/file && tail -c 3 /tmp/file
    printf 'bytes \\r\\n\\377'; exit 42`;
  const words = ["a  b", "", "'\"$x\n", "--help", "é"];
  const mounts = ["--mount", "rw", writable, "--mount-ro", "ro", readOnly];
  const { status, stdout, stderr } = await chrootvm(
    ...mounts,
    root,
    "sh",
    "-c",
    `exec 2>&1; ${script}`,
    "sh",
    ...words,
  );
  const { release } = await debianKernel("cloud");
  assert.equal(
    stdout.replaceAll(/^touch: .*\n/gm, ""),
    [
      `<${words.join("><")}>`,
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root vt100 /",
      ...[
        release,
        "1",
        "the root is read-only",
        "from the host",
        "so is the folder",
        "/dev/null",
        "/proc/1",
        "/sys/fs",
      ],
      "\nbytes \r\n\ufffd",
    ].join("\n"),
  );
  assert.equal(status, 42);
  const [start = "", rest = ""] = stderr.split(/(?=, without)/);
  assert.equal(start, `chrootvm: kernel ${release}`);
  assert.match(rest, /^, without KVM \(.*\): this is slow; Ctrl-A X ends it\n$/);
  assert.equal(readFileSync(join(writable, "made"), "utf8"), "from the guest\n");
  assert.ok(!existsSync(join(readOnly, "new")) && !existsSync(join(root, "new")));
  await assertNothingIsLeft("after exit 42");
});

test("a command that succeeds; one that cannot be started", async () => {
  const options = ["--cpus", "2", "--memory", "256M", "--qemu-arg", "-device", "--qemu-arg", "virtio-rng-pci"];
  const good = await chrootvm(...options, root, "/bin/true");
  assert.deepEqual([good.status, good.stdout], [0, ""], good.stderr);
  const file = join(writable, "no-interpreter");
  writeFileSync(file, "#!/no/such/interpreter\n", { mode: 0o755 });
  const { status, stdout, stderr } = await chrootvm("--mount-ro", "m", writable, root, "/run/mnt/m/no-interpreter");
  assert.deepEqual([status, stdout], [127, ""]);
  assert.match(stderr, /error: \/run\/mnt\/m\/no-interpreter cannot be started: ENOENT: see whether its interpreter/);
  await assertNothingIsLeft("after its end");
});

test("at a terminal: a shell that is typed to, an end by a signal; the terminal is as before", async () => {
  const guest = atTerminal(folder, "shell", inSpace(hideKvm, [root]));
  await guest.waitFor(/# /);
  guest.type("sleep 1000; echo interrupted $((1 + 1))\n");
  await guest.waitFor(/sleep 1000[^\n]*\n/);
  // What is interrupted has to run: between fork(2) and execve(2) a shell's child takes the signal for the shell's, and goes on.
  await sleep(3000);
  guest.type("\u0003");
  await guest.waitFor(/\^C[\s\S]*# /);
  guest.type("tty; kill -9 $$\n");
  const { status, text } = await guest.end();
  assert.equal(status, 137, text);
  assert.match(text, /^\/dev\/console/m);
  assert.doesNotMatch(text, /interrupted 2|Power down/);
  guest.terminalIsAsBefore();
  await assertNothingIsLeft("after a session");
});

/** The processes of a guest with this in their names, once there are some. */
async function processesOf(guest: AtTerminal, name: string): Promise<number[]> {
  await guest.waitFor(/Ctrl-A X ends it/);
  for (let tries = 3000; tries; tries--) {
    const found = processesWith(`${name} `).filter((pid) => processesWith(temporary).includes(pid));
    if (found.length) return found;
    await sleep(10);
  }
  assert.fail(`no process of the guest is ${name}`);
}

const kill = (pids: readonly number[]) => {
  for (const pid of pids) process.kill(pid, "SIGKILL");
};

test("keys, signals, a closed terminal, and the death of any process end it, and leave nothing behind", async () => {
  const ends: [name: string, status: number, says: RegExp, end: (guest: AtTerminal) => unknown][] = [
    ["keys", 125, /the guest has ended before \/usr\/bin\/sh has/, ({ type }) => type("\u0001x")],
    ["SIGINT", 130, /./, ({ signal }) => signal("SIGINT")],
    ["SIGTERM", 143, /./, ({ signal }) => signal("SIGTERM")],
    ["SIGHUP", 129, /./, ({ signal }) => signal("SIGHUP")],
    ["SIGKILL", 137, /./, ({ signal }) => signal("SIGKILL")],
    ["closed", Number.NaN, /./, ({ close }) => close()],
    ["QEMU", 125, /ended before .*QEMU: 137/, async (guest) => kill(await processesOf(guest, "qemu-system-x86_64"))],
    [
      "virtiofsd",
      125,
      /virtiofsd, which shares \S+ as [\w ]+, has ended \(SIGKILL\): start the guest again/,
      async (guest) => {
        await guest.waitFor(/READY/);
        kill((await processesOf(guest, "virtiofsd")).slice(-1));
      },
    ],
  ];
  for (const [name, expected, says, end] of ends) {
    const words = ["--mount", "a b", writable, root, "sh", "-c", "echo READY; exec sleep 1000"];
    const guest = atTerminal(folder, name, inSpace(hideKvm, words));
    await processesOf(guest, "qemu-system-x86_64");
    await end(guest);
    const { status, text } = await guest.end();
    assert.equal(status, expected, text);
    assert.match(text, says);
    await assertNothingIsLeft(name);
    if (!["SIGKILL", "closed"].includes(name)) guest.terminalIsAsBefore();
  }
});

test("a whole system boots, writes into memory, and powers off; one whose init is none ends with the report", async () => {
  const tiny = join(folder, "tiny");
  await makeTinyRoot(tiny);
  const { image, modules } = await debianKernel("cloud");
  const kernel = ["--kernel", image, "--kernel-modules", modules];
  const { status, stdout, stderr } = await chrootvm(...kernel, tiny, "/sbin/init", "two words", "three");
  assert.match(stdout, /^ROOT-REACHED \/sbin\/init two words three$/m, stderr);
  assert.match(stdout, /^MOUNT \S+ \/ overlay rw,/m);
  assert.match(stdout, /^ROOT-WRITABLE$/m);
  assert.equal(status, 0);
  assert.ok(!existsSync(join(tiny, "written")));
  writeFileSync(join(tiny, "sbin/systemd"), "#!/no/such/interpreter\n", { mode: 0o755 });
  const failed = await chrootvm(...kernel, "--mount", "a b", writable, tiny, "/sbin/systemd");
  assert.match(failed.stdout, /^What: {4}the new root has no init to run: .*systemd/m);
  assert.deepEqual(
    [failed.status, /error: .*/.exec(failed.stderr)?.[0]],
    [125, "error: the boot has stopped: see its report above"],
  );
  await assertNothingIsLeft("after a system");
});

test("what cannot be begun is told of, with what to do about it", async () => {
  const [empty, noKernel] = [join(folder, "empty"), join(folder, "no-kernel")];
  mkdirSync(empty);
  await run(["mkdir", "-p", join(noKernel, "bin"), join(noKernel, "usr/lib/modules/6.1")]);
  await run(["cp", "/bin/true", join(noKernel, "bin/sh")]);
  const { modules } = await debianKernel("cloud");
  const file = join(empty, "file");
  writeFileSync(file, "");
  const wrong: [words: string[], status: number, says: RegExp][] = [
    [[], 125, /name the folder ROOTFS: see chrootvm --help/],
    [["--moutn", "a", "b", root], 125, /there is no option --moutn/],
    [[join(folder, "gone")], 125, /gone cannot be shared with a guest: no such file/],
    [[file], 125, /file cannot be shared with a guest: it is not a directory/],
    [["--mount", "a/b", folder, root], 125, /"a\/b" is no tag for virtiofs/],
    [["--mount", "a", file, root], 125, /file cannot be shared/],
    [["--mount", "rootfs", folder, root], 125, /the tag rootfs is ROOTFS's own: give the folder another one/],
    [[empty], 125, /empty has no kernel to boot .*: install one in it .*or name another one by --kernel/],
    [[noKernel], 125, /no-kernel has no kernel to boot \(drivers of 6\.1, but no/],
    [
      ["--kernel", file, "--kernel-modules", empty, root],
      125,
      /--kernel-modules \S+\/empty has no modules\.dep: it is/,
    ],
    [["--kernel", file, "--kernel-modules", modules, noKernel], 125, /file is no kernel for x86-64/],
    [
      [root, "no-such-program"],
      127,
      /has no program no-such-program that can be executed \(looked for in \/usr\/local\/sbin,/,
    ],
    [[root, "/etc/passwd"], 127, /has no program \/etc\/passwd that can be executed: name one that it has/],
  ];
  for (const [words, expected, says] of wrong) {
    const { status, stdout, stderr } = await tryRun([program, ...words]);
    assert.deepEqual([status, stdout], [expected, ""], `${words.join(" ")}: ${stderr}`);
    assert.match(stderr, says);
    assert.match(stderr, /^chrootvm: error: [^\n]*\n$/);
  }
  const { stdout } = await tryRun([program, "--help"]);
  assert.match(stdout, /^usage: chrootvm \[OPTIONS\] ROOTFS \[INIT \[ARGUMENTS\.\.\.\]\]/);
});

test("without QEMU or virtiofsd, it says what to install", async () => {
  const hidden = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"];
  const hide = `for each in ${hidden.join(" ")}; do [ ! -e $each ] || mount --bind /dev/null $each; done; ${hideKvm}`;
  const path = linkPrograms(join(folder, "programs"), ["qemu-system-x86_64", "virtiofsd"]);
  const bare = await tryRun([program, root], { env: { PATH: path } });
  assert.match(bare.stderr, /error: qemu-system-x86_64 is not installed: install Debian's package qemu-system-x86\n$/);
  const { status, stderr } = await tryRun(inSpace(hide, [root]));
  assert.equal(status, 125);
  assert.match(stderr, /error: virtiofsd is not installed: install Debian's package virtiofsd/);
  await assertNothingIsLeft("where it could not begin");
});
