/** The program as people run it: whole images for Debian's cloud kernel, and what it says when it cannot make one. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { buildImage } from "../../../core/generator/build-image.js";
import { parseCommandLine } from "../../../core/generator/command-line.js";
import { makeSettings } from "../../../core/generator/settings.js";
import { openDriverIndex } from "../../../core/rehearsal/driver-index.js";
import { mkinitrdCommand } from "../../support/firstlight.js";
import { debianKernel, unpackedDrivers } from "../../support/kernels.js";
import { projectFolder } from "../../support/paths.js";
import { type RunOptions, run, tryRun } from "../../support/run.js";
import { staticBusybox } from "../../support/tiny-root.js";
import { keepReport, scratchFolder } from "./scratch.js";

const kernel = await debianKernel("cloud");
const program = join(projectFolder, "tools/mkinitrd");

/** The image's bytes, and its files unpacked by cpio(1). */
async function build(context: TestContext, words: readonly string[], options?: RunOptions) {
  const folder = scratchFolder(context);
  const file = join(folder, "x.img");
  const result = await tryRun(mkinitrdCommand(["--compress", "zstd -1", ...words], file, kernel), options);
  assert.equal(result.status, 0, result.stderr);
  const root = mkdtempSync(join(folder, "root-"));
  await run(["sh", "-c", `cd '${root}' && zstd -dcq < '${file}' | cpio -idm --quiet`]);
  return { file, root, said: result.stderr, has: (path: string) => existsSync(join(root, path)) };
}

const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

test("a generic image: PID 1, bundle, index, drivers, shell, and nothing that is dangling", async (context) => {
  const { file, root, has, said } = await build(context, ["-N", "-a", "tmpfs-root"]);
  assert.match(said, /^mkinitrd: \S+x\.img: [\d.]+ MB, \d+ files, \d+ of them drivers, in [\d.]+ s\n$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(`${file}.js.map`).mode & 0o777, 0o600);

  for (const path of [
    "init",
    "usr/lib/firstlight/bundle.js",
    "etc/initrd-release",
    "proc",
    "sys",
    "dev",
    "run",
    "sysroot",
    "tmp",
  ])
    assert.ok(has(path), path);
  assert.equal(digest(join(root, "init")), digest(join(projectFolder, "dist/init/init")));
  assert.equal(readFileSync(join(root, "usr/lib/firstlight/rescue"), "utf8"), "shell=1 action=none delay=10\n");
  const console = statSync(join(root, "dev/console"));
  assert.deepEqual([console.isCharacterDevice(), console.rdev, console.mode & 0o777], [true, 0x501, 0o600]);
  // GNU tar, not busybox's.
  assert.match(await run(["chroot", root, "/usr/bin/tar", "--version"]), /GNU tar/);
  for (const name of ["sh", "gzip", "xz", "zstd", "lz4", "bzip2"])
    await run(["chroot", root, "/bin/sh", "-c", `command -v ${name}`]);
  assert.equal(await run(["find", root, "-xtype", "l", "-not", "-lname", "/init"]), "");

  const applets = (await run([await staticBusybox(), "--list"])).split("\n");
  const links = await run(["find", root, "-lname", "*busybox", "-printf", "%f\\n"]);
  assert.match(links, /^sh$/m);
  assert.deepEqual(
    links.split("\n").filter((name) => !applets.includes(name)),
    [],
    "no applet is missing in Debian's busybox",
  );

  const resolve = openDriverIndex(readFileSync(join(root, "usr/lib/firstlight/drivers.idx")));
  for (const alias of ["virtio:d00000002v00001AF4", "fs-xfs", "crypto-crc32c", "efivarfs"]) {
    const matches = resolve(alias);
    assert.ok(matches.length > 0, alias);
    for (const { chain } of matches) for (const { path } of chain) assert.ok(has(path), path);
  }
  assert.deepEqual(resolve("fs-ext4")[0]?.chain, [], "built into this kernel");
});

test("same input, same bytes, at another time and in another place, too", async (context) => {
  const first = await build(context, ["-N", "-a", "tmpfs-root"]);
  const elsewhere = { cwd: "/", env: { TZ: "Asia/Tokyo", LC_ALL: "C", HOME: "/nowhere" } };
  const second = await build(context, ["-N", "-a", "tmpfs-root"], elsewhere);
  assert.equal(digest(first.file), digest(second.file));
  const clamped = await build(context, ["-N", "-a", "tmpfs-root"], { env: { SOURCE_DATE_EPOCH: "1000000000" } });
  const times = await run(["find", clamped.root, "-type", "f", "-printf", "%T@\n"]);
  assert.deepEqual([...new Set(times.split("\n").filter(Boolean).map(Number.parseFloat))], [1_000_000_000]);
});

test("no privilege is needed", async (context) => {
  const image = join(scratchFolder(context), "x.img");
  // Root by name only: no capability to make device nodes, or to read what its owner may not.
  const powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
  await run([...powerless, ...mkinitrdCommand(["-Nq", "-a", "tmpfs-root"], image, kernel)]);
  const privileged = join(scratchFolder(context), "x.img");
  await run(mkinitrdCommand(["-Nq", "-a", "tmpfs-root"], privileged, kernel));
  assert.equal(digest(image), digest(privileged));
});

test("a host-only image is smaller", async (context) => {
  const generic = await build(context, ["-N"]);
  const own = await build(context, ["-H", "--kernel-cmdline", "rd.retry=7"]);
  assert.ok(statSync(own.file).size < statSync(generic.file).size);
  assert.equal(readFileSync(join(own.root, "etc/cmdline.d/01-default.conf"), "utf8"), "rd.retry=7\n");
});

test("--include, --add-drivers, --omit-drivers, -o, and the levels of talk", async (context) => {
  const source = scratchFolder(context, { "tree/file": "mine", passwd: "mine" });
  const words = [
    "-Nv",
    "-i",
    join(source, "tree"),
    "/opt/tree",
    "-i",
    join(source, "passwd"),
    "/etc/passwd",
    "--add-drivers",
    "nbd dummy",
  ];
  const { root, has, said } = await build(context, [...words, "--omit-drivers", "floppy xfs", "-o", "busybox"]);
  assert.equal(readFileSync(join(root, "opt/tree/file"), "utf8"), "mine");
  assert.equal(
    readFileSync(join(root, "etc/passwd"), "utf8"),
    "mine",
    "what a person names stands for a module's file",
  );
  const drivers = join("usr/lib/modules", kernel.release, "kernel");
  assert.ok(has(join(drivers, "drivers/block/nbd.ko")) && has(join(drivers, "drivers/net/dummy.ko")));
  assert.ok(!has(join(drivers, "fs/xfs/xfs.ko")));
  assert.ok(!has("bin/sh"));
  assert.equal(readFileSync(join(root, "usr/lib/firstlight/rescue"), "utf8"), "shell=0 action=none delay=10\n");
  assert.match(said, /module 99base \(.*\)\n.*drivers: .*nbd/s);
  assert.equal((await build(context, ["-Nq"])).said, "");
});

test("a kernel-independent image has no drivers and needs no kernel", async (context) => {
  const file = join(scratchFolder(context), "x.img");
  await run([program, "-Nq", "--no-kernel", "--no-compress", file]);
  const list = await run(["sh", "-c", `cpio -t --quiet < '${file}'`]);
  assert.match(list, /^init$/m);
  assert.doesNotMatch(list, /lib\/modules/);
  const index = await promisify(execFile)("sh", ["-c", `cpio -i --quiet --to-stdout '*/drivers.idx' < '${file}'`], {
    encoding: "buffer",
  });
  assert.deepEqual(openDriverIndex(index.stdout)("virtio:d00000002v00001AF4"), []);
});

test("drivers of DKMS, a shell that leads nowhere, a source map that cannot be written", async (context) => {
  const folder = scratchFolder(context, { "x.img.js.map/file": "" });
  const modules = join(folder, "lib/modules", kernel.release);
  for (const path of ["updates/dkms", "kernel", "bin"]) mkdirSync(join(modules, path), { recursive: true });
  await run(["cp", ...["order", "builtin"].map((list) => join(kernel.modules, `modules.${list}`)), modules]);
  const [dummy] = await unpackedDrivers(kernel, ["dummy"]);
  writeFileSync(join(modules, "updates/dkms/dummy.ko"), dummy?.content ?? "");
  await run(["depmod", "-b", folder, kernel.release]);
  await run(["ln", "-s", "nowhere", join(modules, "bin/sh")]);
  const words = ["-N", "--no-compress", "-i", join(modules, "bin"), "/usr/bin", "-k", modules, join(folder, "x.img")];
  const { status, stderr } = await tryRun([program, ...words]);
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /warning: module busybox is in the image, but \/bin\/sh leads nowhere: there is no emergency shell/,
  );
  assert.match(stderr, /warning: \S+x\.img\.js\.map cannot be written, and is as it was: /);
  const list = await run(["sh", "-c", `cpio -t --quiet < '${join(folder, "x.img")}'`]);
  assert.match(list, /\/updates\/dkms\/dummy\.ko$/m);
});

test("a module of one's own, which stands for one of firstlight's, and its hook", async (context) => {
  const folder = scratchFolder(context, {
    "etc/90busybox/module-setup.ts": `import { moduleSetup } from "firstlight/hooks";
      export default moduleSetup({ install(image) { image.text("/etc/mine", "own"); } });`,
    "etc/90busybox/pre-pivot.ts": `import { hook } from "firstlight/hooks";
      export default hook({ run: ({ log }) => log.info("a hook of one's own") });`,
  });
  const image = join(folder, "x.img");
  const words = ["-N", "--no-compress", "-k", kernel.modules, image, kernel.release];
  const settings = makeSettings(parseCommandLine(words), {}, {});
  const moduleFolders = [join(projectFolder, "modules.d"), join(folder, "etc")];
  await buildImage(settings, { report: keepReport(), signal: new AbortController().signal, moduleFolders });
  const archive = readFileSync(image, "latin1");
  assert.match(archive, /etc\/mine\0/);
  assert.match(archive, /a hook of one's own/);
  assert.doesNotMatch(archive, /usr\/bin\/busybox\0/);
});

test("a configuration file that -c names", async (context) => {
  const folder = scratchFolder(context, {
    "dracut.conf": 'hostonly="no"\nomit_dracutmodules+=" busybox "\ncompress="gzip -1"\n',
  });
  const file = join(folder, "x.img");
  await run([program, "-q", "-c", join(folder, "dracut.conf"), "-k", kernel.modules, file, kernel.release]);
  assert.equal(readFileSync(file).readUInt16BE(0), 0x1f8b);
});

/** Runs mkinitrd where it cannot succeed: exit status 1, errors only, the old image as it was. */
async function refused(context: TestContext, words: readonly string[], image = "x.img"): Promise<string[]> {
  const folder = scratchFolder(context, { "x.img": "old" });
  const result = await tryRun([program, ...words, join(folder, image)], { cwd: folder });
  assert.equal(result.status, 1, result.stderr);
  assert.deepEqual(readdirSync(folder), ["x.img"]);
  assert.equal(readFileSync(join(folder, "x.img"), "utf8"), "old");
  assert.doesNotMatch(result.stderr, /^ +at /m, "no stack trace");
  return result.stderr
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      assert.match(line, /^mkinitrd: (error|warning): /);
      return line.replace(/^mkinitrd: (error: )?/, "").replaceAll(folder, "F");
    });
}

test("errors are told together, each with its remedy, and nothing is changed", async (context) => {
  const forKernel = ["-k", kernel.modules, "--kver", kernel.release];
  assert.deepEqual(await refused(context, ["-N", "-a", "tmpfs-rot jukebox", "--add-drivers", "xfz", ...forKernel]), [
    "F/x.img exists: overwrite it with -f, or name another file",
    "the command line or configuration asks for module tmpfs-rot, which does not exist: did you mean tmpfs-root?",
    "the command line or configuration asks for module jukebox, which does not exist: mkinitrd --list-modules shows all",
    `--add-drivers needs driver xfz, which kernel ${kernel.release} does not have: did you mean xfs?`,
  ]);
  assert.deepEqual(await refused(context, ["-f", "-i", "/none/such", "/x", ...forKernel]), [
    "--include /none/such: there is no file /none/such: install its package",
  ]);
  assert.deepEqual(await refused(context, ["-N", "-f", "--fwdir", "none:/usr", ...forKernel]), [
    "there is no directory F/none: --fwdir (fw_dir) takes directories of firmware",
  ]);
  assert.deepEqual(await refused(context, ["--frobnicate"]), [
    "unknown option --frobnicate; mkinitrd --help shows all",
  ]);
  assert.match(
    (await refused(context, ["-f", "--kver", "0.0-none"]))[0] ?? "",
    /has no drivers of kernel 0\.0-none: .*--no-kernel/,
  );
  assert.deepEqual(await refused(context, ["-c", "none.conf"]), ["configuration none.conf: no such file or directory"]);
  assert.deepEqual(await refused(context, ["-N", ...forKernel], "none/x.img"), [
    "F/none cannot be written to: no such file or directory",
  ]);
  assert.deepEqual(await refused(context, ["-f", "--compress", "rar", ...forKernel]), [
    'unknown compression "rar": zstd, gzip, xz, lz4, lzo, bzip2, lzma or none, with a level if you like ("zstd -15")',
  ]);
});

test("a compressor that is not installed", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  mkdirSync(join(folder, "bin"));
  for (const name of ["node", "sh", "readlink", "dirname"]) {
    const path = (await run(["sh", "-c", `command -v ${name}`])).trim();
    await run(["ln", "-s", path, join(folder, "bin", name)]);
  }
  const words = ["-N", "-f", "-k", kernel.modules, join(folder, "x.img"), kernel.release];
  const child = spawn(program, words, { env: { PATH: join(folder, "bin") }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  for await (const chunk of child.stderr) said += chunk;
  assert.match(
    said,
    /^mkinitrd: error: zstd is not installed: install the package zstd, or choose another compression/,
  );
  assert.equal(readFileSync(join(folder, "x.img"), "utf8"), "old");
});

test("ended by a signal: the old image stays, and nothing beside it", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  const words = ["-Nf", "--compress", "zstd -19", "-k", kernel.modules, join(folder, "x.img"), kernel.release];
  for (const [name, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
  ] as const) {
    const child = spawn(program, words, { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    // The temporary file tells that the compressor is at work.
    while (readdirSync(folder).length < 2 && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill(name);
    assert.equal(await ended, status);
    assert.deepEqual(readdirSync(folder), ["x.img"]);
    assert.equal(readFileSync(join(folder, "x.img"), "utf8"), "old");
  }
});

test("killed at any moment: an image is whole, the old or the new one, and the next build sweeps what was left", async (context) => {
  const old = "old".repeat(1000);
  const folder = scratchFolder(context, { "x.img": old });
  const image = join(folder, "x.img");
  const words = ["-Nfq", "--compress", "zstd -3", "-k", kernel.modules, image, kernel.release];
  const started = Date.now();
  await run([program, ...words]);
  const duration = Date.now() - started;
  const whole = readFileSync(image);
  const moments = 12;
  for (let moment = 0; moment < moments; moment++) {
    writeFileSync(image, old);
    const child = spawn(program, words, { stdio: "ignore", detached: true });
    const ended = new Promise((resolve) => child.on("close", resolve));
    await new Promise((resolve) => setTimeout(resolve, (duration * (moment + 0.5)) / moments));
    // The whole group: esbuild and the compressor, too. It may have ended already.
    if (child.exitCode === null) process.kill(-(child.pid ?? 0), "SIGKILL");
    await ended;
    const found = readFileSync(image);
    assert.ok(found.equals(Buffer.from(old)) || found.equals(whole), `at moment ${moment}`);
  }
  // In the middle of the writing, where there is something to sweep.
  const child = spawn(program, ["-Nfq", "--compress", "zstd -19", ...words.slice(3)], {
    stdio: "ignore",
    detached: true,
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const isTemporary = (name: string) => name.startsWith(".mkinitrd-");
  const temporaries = () => readdirSync(folder).filter(isTemporary);
  const before = temporaries();
  while (temporaries().every((name) => before.includes(name))) await new Promise((resolve) => setTimeout(resolve, 5));
  process.kill(-(child.pid ?? 0), "SIGKILL");
  await ended;
  assert.ok(temporaries().length);
  await run([program, ...words]);
  assert.deepEqual(readdirSync(folder).sort(), ["x.img", "x.img.js.map"]);
  assert.ok(readFileSync(image).equals(whole));
});

test("two builds of one image at once", async (context) => {
  const image = join(scratchFolder(context), "x.img");
  const words = ["-Nfq", "--compress", "zstd -3", "-k", kernel.modules, image, kernel.release];
  await Promise.all([run([program, ...words]), run([program, ...words])]);
  const both = readFileSync(image);
  assert.deepEqual(readdirSync(dirname(image)).sort(), ["x.img", "x.img.js.map"]);
  await run([program, ...words]);
  assert.ok(readFileSync(image).equals(both));
});

test("Ctrl-C, which reaches esbuild and the compressors, too", async (context) => {
  const folder = scratchFolder(context, { "x.img": "old" });
  const words = ["-Nfv", "--compress", "zstd -19", "-k", kernel.modules, join(folder, "x.img"), kernel.release];
  const isWriting = () => readdirSync(folder).length > 1;
  for (const moment of [() => true, (said: string) => said.includes("module 99base"), isWriting]) {
    const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"], detached: true });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const ended = new Promise((resolve) => child.on("close", resolve));
    while (!(said && moment(said)) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    process.kill(-(child.pid ?? 0), "SIGINT");
    assert.equal(await ended, 130, said);
    assert.match(said, /^mkinitrd: ended by SIGINT; nothing was changed\n$/m);
    assert.doesNotMatch(said, /error|^ +at /m);
    assert.deepEqual(readdirSync(folder), ["x.img"]);
  }
});

test("nobody reads what it says", async (context) => {
  const folder = scratchFolder(context);
  const command = mkinitrdCommand(["-Nv", "--compress", "zstd -1"], join(folder, "x.img"), kernel);
  const { status } = await tryRun([
    ...["bash", "-c", 'set -o pipefail; "$@" 2>&1 >/dev/null | true', "bash"],
    ...command,
  ]);
  assert.equal(status, 0);
  assert.deepEqual(readdirSync(folder), ["x.img", "x.img.js.map"]);
});

test("through a link to the program, from another folder", async (context) => {
  const folder = scratchFolder(context);
  await run(["ln", "-s", program, join(folder, "mkinitrd")]);
  assert.match(await run([join(folder, "mkinitrd"), "--version"], { cwd: folder }), /^firstlight \d/);
  assert.match(await run([join(folder, "mkinitrd"), "-h"]), /^usage: mkinitrd/);
  const list = await run([join(folder, "mkinitrd"), "--list-modules"]);
  const names = list.split("\n").map((line) => line.split(" ")[0]);
  for (const name of ["base", "busybox", "tmpfs-root", "rootfs-block"]) assert.ok(names.includes(name), name);
});

test("before it is built it says how", async (context) => {
  const folder = scratchFolder(context, { "tools/mkinitrd": readFileSync(program) });
  const { status, stderr } = await tryRun(["sh", join(folder, "tools/mkinitrd")]);
  assert.equal(status, 1);
  assert.match(stderr, /^mkinitrd: error: firstlight is not built yet: run "npm ci && npm run build" in \S+\n$/);
});
