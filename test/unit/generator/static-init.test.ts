/** mkinitrd --static-init as people run it: one program that is a whole initramfs, and what it says when it cannot make one. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseCommandLine } from "../../../core/generator/command-line.js";
import { makeSettings } from "../../../core/generator/settings.js";
import { findOwnFiles, makeStaticInit } from "../../../core/generator/static-init.js";
import { projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { problemsOf, scratchFolder } from "./scratch.js";

const tool = (name: string) => join(projectFolder, "tools", name);
const init = readFileSync(join(projectFolder, "dist/init/init"));

/** Runs mkinitrd --static-init in a folder, whose modules.d counts; no other configuration than its own. */
function build(folder: string, ...words: string[]) {
  const inFolder = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", folder];
  for (const name of ["none", "modules.d"]) mkdirSync(join(folder, name), { recursive: true });
  return tryRun([...inFolder, tool("mkinitrd"), "--static-init", "--local", "--confdir", "none", ...words]);
}

async function built(folder: string, ...words: string[]): Promise<Buffer> {
  const { status, stderr } = await build(folder, "-q", ...words, "initrd");
  assert.equal(status, 0, stderr);
  return readFileSync(join(folder, "initrd"));
}

async function errorsOf(folder: string, ...words: string[]): Promise<string[]> {
  const { status, stderr } = await build(folder, ...words);
  assert.equal(status, 1, stderr);
  return stderr
    .trimEnd()
    .split("\n")
    .map((line) => line.replace("mkinitrd: error: ", ""));
}

test("the program is small, valid, the same each time, and outlives strip", async (context) => {
  const folder = scratchFolder(context);
  const { stderr: said } = await build(folder, "-m", "virtiofs", "initrd");
  assert.match(said, /^mkinitrd: \S+initrd: 2\.\d MB, one program, in [\d.]+ s\n$/);
  const program = await built(folder, "-f", "-m", "virtiofs");
  const file = join(folder, "initrd");
  // Of the same source, Debian 13's wasm2c, compiler and C library make 3 to 4 % more than those of 12.
  const isDebian12 = readFileSync("/etc/os-release", "utf8").includes('\nVERSION_ID="12"\n');
  assert.ok(program.length <= (isDebian12 ? 2.5e6 : 2.6e6), `${program.length} bytes`);
  const packed = Number(await run(["sh", "-c", 'zstd -19 -c "$1" | wc -c', "sh", file]));
  assert.ok(packed <= (isDebian12 ? 1e6 : 1.05e6), `${packed} bytes by zstd -19`);
  assert.equal(statSync(file).mode & 0o7777, 0o755);
  assert.deepEqual(readdirSync(folder).sort(), ["initrd", "initrd.js.map", "modules.d", "none"]);

  const { stdout, stderr } = await tryRun(["readelf", "-aW", file]);
  assert.equal(stderr, "");
  assert.doesNotMatch(stdout, /warning|error|corrupt/i);
  assert.match(stdout, /\.firstlight +PROGBITS +0+10000000 /);
  // The C library's tables for exceptions, a 30th of the program, are left out.
  const [, tables = "0"] = /\.eh_frame +PROGBITS +\w+ \w+ (\w+) /.exec(stdout) ?? [];
  assert.ok(Number.parseInt(tables, 16) < 64, `.eh_frame: 0x${tables} bytes`);
  await run(["strip", "-o", join(folder, "stripped"), file]);
  assert.ok(readFileSync(join(folder, "stripped")).equals(program));

  const other = scratchFolder(context);
  assert.ok((await built(other, "-m", "virtiofs")).equals(program));
  const started = await tryRun([file]);
  assert.equal(started.status, 1);
  assert.match(started.stderr, /only the kernel can start it/);
});

test("what image files hold beside the bundle is inside, for lsinitrd and --rebuild", async (context) => {
  const folder = scratchFolder(context);
  const words = ["-m", "base", "--kernel-cmdline", "panic=7 rd.shell=0"];
  const program = await built(folder, ...words);
  const file = join(folder, "initrd");
  const listed = await run([tool("lsinitrd"), file]);
  assert.match(listed, /^Static init: a program; its own files take \d+\.\d kB$/m);
  assert.match(listed, /^Arguments: --static-init --modules=base '--kernel-cmdline=panic=7 rd\.shell=0'$/m);
  assert.match(listed, /^Modules: base$/m);
  for (const name of ["bundle.js", "bundle.snapshot", "drivers.idx", "modules", "options.json", "rescue", "version"])
    assert.match(listed, new RegExp(`^-rw-r--r-- .* usr/lib/firstlight/${name}$`, "m"));
  const text = (path: string) => run([tool("lsinitrd"), file, path]);
  assert.equal(await text("usr/lib/firstlight/rescue"), "shell=0 action=reboot delay=7\n");
  assert.equal(await text("etc/cmdline.d/01-default.conf"), "panic=7 rd.shell=0\n");

  writeFileSync(file, program);
  const { status, stderr } = await tryRun([
    tool("mkinitrd"),
    "-q",
    "--confdir",
    join(folder, "none"),
    "--rebuild",
    file,
  ]);
  assert.equal(status, 0, stderr);
  assert.ok(readFileSync(file).equals(program));
});

test("rehearse boots the program, by itself or in an archive, with its own kernel parameters", async (context) => {
  const machine = JSON.stringify({ virtiofs: [{ tag: "top", files: { "sbin/init": { mode: "0755" } } }] });
  const folder = scratchFolder(context, { "machine.json": machine });
  await built(folder, "-m", "virtiofs", "--kernel-cmdline", "rootfstype=virtiofs root=top ro init=/sbin/init");
  await run(["sh", "-c", 'cd "$1" && mv initrd init && echo init | cpio -o -H newc --quiet >archive', "sh", folder]);
  for (const image of ["init", "archive"]) {
    const rehearse = (cmdline: string) =>
      tryRun([tool("rehearse"), image, "--cmdline", cmdline, "--machine", "machine.json"], { cwd: folder });
    const good = await rehearse("");
    assert.match(good.stdout, /would switch to \/sysroot and run \/sbin\/init\n$/);
    assert.equal(good.status, 0, good.stderr);
    const wrong = await rehearse("rd.retry=soon");
    assert.match(wrong.stdout, /wrong value .*rd\.retry=soon/s);
    assert.equal(wrong.status, 1);
  }
});

test("the configuration is about images with files, and does not count", async (context) => {
  const conf = 'add_dracutmodules+=" busybox "\nkernel_cmdline="panic=5"\ncompress="xz"\nuefi="yes"\nhostonly="yes"\n';
  const folder = scratchFolder(context, { conf });
  const program = await built(folder, "-m", "base");
  assert.ok((await built(folder, "-f", "-c", "conf", "-m", "base")).equals(program));
});

test("modules that want more than boot code are refused by name and file, and the old program stays", async (context) => {
  const setup = `import { moduleSetup } from "firstlight/hooks";
export default moduleSetup({ check: () => "on-request", install(image, host) {
  if (!host.staticInit) return;
  image.program(["one", "two"]);
  image.file("/etc/passwd");
  image.library("libx.so.1");
  image.text("/etc/x", "");
  image.directory("/srv/x");
  image.symlink("/etc/y", "x");
  image.node("/dev/z", "char", 1, 3, 0o600);
  image.drivers(["xfs"]);
  image.warning("it is said");
} });`;
  const folder = scratchFolder(context, {
    "modules.d/50greedy/module-setup.ts": setup,
    "modules.d/60above/module-setup.ts": 'export default { check: () => "on-request", depends: () => ["greedy"] };',
    initrd: "old",
  });
  const said = await errorsOf(folder, "-f", "-m", "greedy", "initrd");
  const things = [
    "program one or two",
    "file /etc/passwd",
    "library libx.so.1",
    "file /etc/x",
    "directory /srv/x",
    "symlink /etc/y",
  ];
  const place = `${folder}/modules.d/50greedy/module-setup.ts`;
  const named = [...things, "device node /dev/z"].map(
    (what, index) => `the ${what} (asked for at ${place}:${index + 4})`,
  );
  assert.deepEqual(said, [
    "mkinitrd: warning: module greedy: it is said",
    `module greedy cannot be in a static init, which is one file: it installs ${named.join(", ")}; leave it out, or build an image without --static-init`,
  ]);
  const [busybox] = await errorsOf(folder, "-f", "-m", "busybox", "initrd");
  assert.match(
    busybox ?? "",
    /^module busybox cannot .* the program \S+busybox \(asked .*, and \d+ more; leave it out/,
  );
  assert.match(
    (await errorsOf(folder, "-f", "-m", "above", "initrd")).join(),
    /module greedy, on which above depends, cannot/,
  );
  assert.equal(readFileSync(join(folder, "initrd"), "utf8"), "old");
});

test("what has no meaning for one program is an error that names it", async (context) => {
  const folder = scratchFolder(context, { initrd: "old" });
  const meaningless = [
    ...["--uefi", "--no-kernel", "--kernel-only", "--regenerate-all", "--hostonly", "--print-cmdline", "--no-rehearse"],
    ...["--zstd", "--compress=zstd", "--no-compress", "--strip", "--no-early-microcode", "--add-drivers=xfs"],
    ...[
      "--force-drivers=xfs",
      "--filesystems=xfs",
      "--fwdir=/x",
      "--kmoddir=/x",
      "--install=tar",
      "--remove=/x",
      "--sysroot=/",
    ],
  ];
  for (const word of [...meaningless, "--include=/etc/passwd"]) {
    const words = ["--static-init", "-m", "base", "initrd", word, ...(word.startsWith("--include") ? ["/x"] : [])];
    assert.deepEqual(await problemsOf(() => makeSettings(parseCommandLine(words), {}, {})), [
      `${word.replace(/=.*/, "")} has no meaning with --static-init, which writes a program of boot code only: leave one of them out`,
    ]);
  }
  assert.match((await errorsOf(folder, "-f", "-m", "base", "--uefi", "initrd")).join(), /^--uefi has no meaning/);
  assert.deepEqual(await errorsOf(folder, "-m", "base"), ["--static-init: name the file to write"]);
  assert.deepEqual(await errorsOf(folder, "-f", "initrd", "6.1.0"), [
    '--static-init: the program is for any kernel: leave the word "6.1.0" after initrd out',
    "--static-init: name the modules that are to be in the program with -m",
  ]);
  assert.match((await errorsOf(folder, "-m", "base", "initrd")).join(), /initrd exists: overwrite it with -f/);
  assert.match(
    (await errorsOf(folder, "-f", "-m", "base", "--kernel-cmdline", "rd.retry=soon", "initrd")).join(),
    /--kernel-cmdline .*wrong kernel parameter rd\.retry=soon/,
  );
  assert.equal(readFileSync(join(folder, "initrd"), "utf8"), "old");
  assert.ok(!existsSync(join(folder, "initrd.js.map")));
});

/** A program that holds this, where its archive should be. */
function damagedInit(context: TestContext, damage: (program: Buffer) => Buffer): string {
  const folder = scratchFolder(context, { initrd: damage(makeStaticInit(init, Buffer.alloc(100))) });
  return join(folder, "initrd");
}

test("a program without a place for files, or with damaged ones, is told of", async (context) => {
  const noPlace = await problemsOf(() => makeStaticInit(readFileSync("/bin/true"), Buffer.alloc(0)));
  assert.deepEqual(noPlace, ['PID 1 has no place for files of its own: run "npm run build"']);
  assert.deepEqual(await problemsOf(() => makeStaticInit(Buffer.from("#!/bin/sh"), Buffer.alloc(0))), noPlace);
  assert.equal(findOwnFiles(init), undefined);

  const cases: [damage: (program: Buffer) => Buffer, says: RegExp][] = [
    [(program) => program, /at byte \d+ is neither a cpio archive|holds nothing: name an initramfs image/],
    [(program) => program.subarray(0, 1000), /is damaged: it ends before byte/],
    [() => init, /is a program without an initramfs image in it: name an initramfs image/],
  ];
  for (const [damage, says] of cases) {
    const { status, stderr } = await tryRun([tool("lsinitrd"), damagedInit(context, damage)]);
    assert.equal(status, 1);
    assert.match(stderr, says);
    const rehearsed = await tryRun([tool("rehearse"), damagedInit(context, damage), "--cmdline", ""]);
    assert.equal(rehearsed.status, 3, rehearsed.stderr);
    assert.doesNotMatch(rehearsed.stderr, /\.mjs|\.ts:/);
  }
});
