/** What options do to a whole image, built by the program as people run it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFileSync, copyFileSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { openDriverIndex } from "../../../core/rehearsal/driver-index.js";
import { debianKernel } from "../../support/kernels.js";
import { projectFolder } from "../../support/paths.js";
import { type RunOptions, run, tryRun } from "../../support/run.js";
import { staticBusybox } from "../../support/tiny-root.js";
import { scratchFolder } from "./scratch.js";

const kernel = await debianKernel("cloud");
const program = join(projectFolder, "tools/mkinitrd");
const drivers = `usr/lib/modules/${kernel.release}/kernel`;

/** Runs mkinitrd, which succeeds; the image is not compressed. */
async function mkinitrd(words: readonly string[], options?: RunOptions) {
  const result = await tryRun([program, "--no-compress", ...words], options);
  assert.equal(result.status, 0, result.stderr);
  return result;
}

/** Runs mkinitrd where it fails with errors only; folders are left out of what it says. */
async function refused(words: readonly string[], folder: string): Promise<string> {
  const { status, stderr } = await tryRun([program, ...words], { cwd: folder });
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^(mkinitrd: error: .*\n)+$/);
  return stderr.replaceAll("mkinitrd: error: ", "").replaceAll(folder, "F");
}

const forKernel = (image: string) => ["-k", kernel.modules, image, kernel.release];

/** An image's paths, and text of its files. */
async function contentOf(image: string) {
  const paths = (await run(["sh", "-c", `cpio -t --quiet < '${image}'`])).split("\n");
  const text = (path: string) => run(["sh", "-c", `cpio -i --quiet --to-stdout '${path}' < '${image}'`]);
  return { has: (path: string) => paths.includes(path), text, paths };
}

const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

test("--install, --install-optional, --remove, --force-drivers, --filesystems and --printsize", async (context) => {
  const folder = scratchFolder(context, { "big/file": Buffer.alloc(7_000_000) });
  const image = join(folder, "x.img");
  const { stdout, stderr } = await mkinitrd([
    ...["-N", "-I", "lsblk /etc/hosts", "--install-optional=none-such /etc/fstab", "--printsize"],
    ...["--remove", "/etc/group /usr/lib/firstlight/none", "--remove=/opt", "-i", join(folder, "big"), "/srv/big"],
    ...["-i", join(folder, "big"), "/opt/big", "--force-drivers", "nbd", "--filesystems", "xfs", ...forKernel(image)],
  ]);
  const { has, text, paths } = await contentOf(image);
  assert.ok(has("usr/bin/lsblk") && has("etc/hosts") && has("etc/fstab"));
  assert.ok(
    paths.some((path) => /libsmartcols\.so/.test(path)),
    "libraries of lsblk",
  );
  assert.ok(has("srv/big/file") && !has("opt/big/file") && !has("opt") && !has("etc/group") && has("etc/passwd"));
  assert.match(stderr, /warning: --remove: \/usr\/lib\/firstlight\/none is not in the image/);
  assert.ok(has(`${drivers}/drivers/block/nbd.ko`));
  assert.equal(await text("etc/cmdline.d/20-force_drivers.conf"), "rd.driver.pre=nbd\n");
  assert.ok(has(`${drivers}/fs/xfs/xfs.ko`) && !has(`${drivers}/fs/btrfs/btrfs.ko`));
  assert.match(stdout, /^ +14\.0 MB {2}--include$/m);
  assert.match(stdout, /^ +\d+\.\d MB {2}drivers and firmware\n/m);
  assert.match(stdout, /^ +[12]\.\d MB {2}busybox$/m);
});

test("--drivers: these and what they need only", async (context) => {
  const image = join(scratchFolder(context), "x.img");
  await mkinitrd(["-N", "-d", "virtio_blk", "--add-drivers", "dummy", ...forKernel(image)]);
  const names = (await contentOf(image)).paths
    .filter((path) => path.endsWith(".ko"))
    .map((path) => path.replace(/.*\//, ""));
  assert.deepEqual(names.sort(), ["dummy.ko", "virtio.ko", "virtio_blk.ko", "virtio_ring.ko"]);
});

test("--hostonly-mode: a disk at another controller, or only what is there", async (context) => {
  const folder = scratchFolder(context);
  const driversOf = async (...words: string[]) => {
    const image = join(folder, `${words.length}.img`);
    await mkinitrd([...words, ...forKernel(image)]);
    return (await contentOf(image)).paths.filter((path) => path.endsWith(".ko"));
  };
  const [sloppy, strict, generic] = [
    await driversOf(),
    await driversOf("--hostonly-mode", "strict"),
    await driversOf("-N"),
  ];
  const exchangeable = (paths: string[]) =>
    paths.filter((path) => /\/drivers\/(ata|nvme\/host|usb\/(host|storage)|hid|input\/keyboard)\//.test(path));
  assert.ok(exchangeable(generic).length > 3);
  assert.deepEqual(exchangeable(sloppy), exchangeable(generic));
  assert.ok(strict.every((path) => sloppy.includes(path)) && strict.length < sloppy.length);
});

test("what is named and is not there", async (context) => {
  const folder = scratchFolder(context);
  const words = [
    "-N",
    "-I",
    "none-such etc/hosts",
    "--install=/etc/none",
    "--filesystems",
    "zfs",
    ...forKernel("x.img"),
  ];
  assert.equal(
    await refused(words, folder),
    [
      "--install: there is no program none-such: install its package, or say --install-optional",
      '--install: etc/hosts is neither the name of a program nor an absolute path: write it from "/"',
      "--install: there is no file /etc/none: install its package, or say --install-optional",
      `--filesystems needs driver fs-zfs, which kernel ${kernel.release} does not have`,
      "",
    ].join("\n"),
  );
});

test("--rebuild: the same again from another folder, with more, and what is no image of ours", async (context) => {
  const folder = scratchFolder(context, { "src/file": "one", "sub/x": "" });
  const [first, second] = [join(folder, "first.img"), join(folder, "second.img")];
  await mkinitrd(["-N", "-i", "src", "/opt", ...forKernel(first)], { cwd: folder });
  await run([program, "--rebuild", "../first.img", second], { cwd: join(folder, "sub") });
  assert.equal(digest(first), digest(second));
  await run([program, "-q", "--rebuild", first, "-a", "tmpfs-root", "--zstd"]);
  assert.equal(readFileSync(first).toString("hex", 0, 4), "28b52ffd", "replaced, and compressed");
  assert.match(await refused(["--rebuild", first, second], folder), /second\.img exists: overwrite it with -f/);
  await mkinitrd(["--rebuild", first, "--no-compress", "-f", second]);
  const { has } = await contentOf(second);
  assert.ok(has("opt/file") && has("usr/bin/tar"));
  assert.match(
    await refused(["--rebuild", first, "--no-compress", "-f", second, "6.6"], folder),
    /is for 6\.6: say --kver/,
  );

  writeFileSync(join(folder, "damaged.img"), readFileSync(first).subarray(0, 100_000));
  await run(["sh", "-c", `cd '${folder}' && echo src/file | cpio -o -H newc --quiet >foreign.img`]);
  assert.match(await refused(["--rebuild", "foreign.img"], folder), /^foreign\.img has no record of the options/);
  assert.match(await refused(["--rebuild", "damaged.img"], folder), /^damaged\.img is cut off: .*\n$/);
  assert.match(await refused(["--rebuild", "none"], folder), /^none .*no such file or directory.*\n$/);
});

/** A system below a folder: the kernel's drivers, busybox, a module and a configuration of its own. */
async function otherSystem(context: TestContext, releases: readonly string[]): Promise<string> {
  const root = scratchFolder(context, {
    "boot/vmlinuz": "",
    "bin/hello": "#!/bin/busybox sh\n",
    "lib/modules/README": "",
    "etc/firstlight/dracut.conf": 'install_items+=" hello "\ncompress="none"\n',
    "etc/firstlight/modules.d/60own/module-setup.ts": `import { moduleSetup } from "firstlight/hooks";
      export default moduleSetup({ install(image, host) { image.text("/etc/own", host.readFile("/etc/name") ?? ""); } });`,
    "etc/name": "the other system",
  });
  copyFileSync(await staticBusybox(), join(root, "bin/busybox"));
  await run(["chmod", "755", join(root, "bin/busybox"), join(root, "bin/hello")]);
  for (const release of releases) symlinkSync(kernel.modules, join(root, "lib/modules", release));
  return root;
}

test("--sysroot: drivers, programs, modules and configuration of another system", async (context) => {
  const root = await otherSystem(context, [kernel.release]);
  await mkinitrd(["-N", "-r", root]);
  const { has, text } = await contentOf(join(root, "boot", `initramfs-${kernel.release}.img`));
  assert.equal(await text("etc/own"), "the other system");
  assert.ok(has("usr/bin/hello") && has("usr/bin/busybox") && has(`${drivers}/fs/xfs/xfs.ko`));
  assert.match(await run([program, "-r", root, "--list-modules"]), /^own +\/\S+\/firstlight\/modules\.d\/\d\down$/m);
  assert.match(
    await refused(["-N", "-r", root, "x.img", "6.6.6"], root),
    /^F\/lib\/modules has no drivers of kernel 6\.6\.6: /,
  );
});

test("--sysroot, host-only: what is not to be seen of its machine", async (context) => {
  const root = await otherSystem(context, [kernel.release]);
  writeFileSync(join(root, "etc/fstab"), "LABEL=x / xfs defaults 0 0\nLABEL=y /boot ext4 noauto 0 0\n");
  const { stderr } = await mkinitrd(["-r", root, "--hostonly-cmdline"]);
  const lines = stderr.replaceAll(root, "R").split("\n");
  assert.match(
    lines[0] ?? "",
    /^mkinitrd: warning: the machine of the system below R is not to be seen here: .* R\/etc\/fstab$/,
  );
  assert.match(lines[1] ?? "", /^mkinitrd: warning: R\/boot is in R\/etc\/fstab, but not mounted: .* mount R\/boot,/);
  const { has, text } = await contentOf(join(root, "boot", `initramfs-${kernel.release}.img`));
  assert.ok(
    has(`${drivers}/fs/xfs/xfs.ko`) &&
      !has(`${drivers}/fs/btrfs/btrfs.ko`) &&
      has(`${drivers}/drivers/scsi/mpi3mr/mpi3mr.ko`),
  );
  assert.equal(await text("etc/cmdline.d/95-rootfs-block.conf"), "root=LABEL=x rootfstype=xfs\n");
  assert.doesNotMatch((await mkinitrd(["-N", "-fr", root, join(root, "x.img")])).stderr, /warning/);
});

test("in a container: overlay at /, no /sys, /boot not mounted", async (context) => {
  const folder = scratchFolder(context, { "boot/x": "", fstab: "" });
  writeFileSync(join(folder, "fstab"), `UUID=1 ${folder}/boot ext4 noauto 0 0\n`);
  const words = [program, "--no-compress", ...forKernel(join(folder, "boot/x.img"))];
  const script = `mkdir up work all && mount -t tmpfs none up && mkdir up/up up/work
    mount -t overlay -o lowerdir=/,upperdir=up/up,workdir=up/work none all && mount --rbind ${folder} all${folder}
    mount --bind /proc all/proc && mount --bind fstab all/etc/fstab && exec chroot all "$@"`;
  const { status, stderr } = await tryRun(["unshare", "-m", "sh", "-ec", script, "sh", ...words], { cwd: folder });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /warning: no device in \/sys\/devices has a modalias/);
  assert.match(stderr, /warning: what is mounted at \/ is overlay, as in a container, .* all local file systems\n/);
  assert.match(stderr, /warning: \S+\/boot is in \/etc\/fstab, but not mounted: the boot loader will not find /);
  const { has } = await contentOf(join(folder, "boot/x.img"));
  assert.ok(has(`${drivers}/fs/btrfs/btrfs.ko`) && has(`${drivers}/drivers/scsi/mpi3mr/mpi3mr.ko`));
});

test("--regenerate-all: an image for each kernel, as far as they can be built", async (context) => {
  const root = await otherSystem(context, [kernel.release, "0.0-broken"]);
  const images = [kernel.release, "0.0-broken"].map((release) => join(root, "boot", `initramfs-${release}.img`));
  for (const image of images) writeFileSync(image, "old");
  const { status, stderr } = await tryRun([program, "-N", "-r", root, "--regenerate-all"]);
  assert.equal(status, 1);
  assert.match(stderr, /^mkinitrd: error: \S+ is of kernel \S+, but the image is for 0\.0-broken/m);
  assert.deepEqual(
    images.map((image) => readFileSync(image).toString("latin1", 0, 6)),
    ["070701", "old"],
  );
});

test("--no-kernel and --kernel-only are two halves of one image", async (context) => {
  const folder = scratchFolder(context);
  const [half, other] = [join(folder, "half.img"), join(folder, "other.img")];
  await mkinitrd(["-N", "--no-kernel", half]);
  await mkinitrd(["-N", "--kernel-only", ...forKernel(other)]);
  const [{ has, paths }, kernelOnly] = [await contentOf(half), await contentOf(other)];
  assert.ok(has("init") && !paths.some((path) => path.endsWith(".ko")));
  assert.deepEqual(
    kernelOnly.paths.filter((path) => path && !/^usr\/lib\/(modules|firmware)(\/|$)/.test(path)),
    [
      "usr",
      "usr/lib",
      "usr/lib/firstlight",
      "usr/lib/firstlight/drivers.idx",
      "usr/lib/firstlight/options.json",
      "usr/lib/firstlight/version",
    ],
  );
  assert.ok(!existsSync(`${other}.js.map`), "there is no code in it");
  // As the kernel unpacks them, one after the other.
  for (const image of [half, other]) await run(["sh", "-c", `cd '${folder}' && cpio -idmu --quiet < '${image}'`]);
  const index = openDriverIndex(readFileSync(join(folder, "usr/lib/firstlight/drivers.idx")));
  assert.ok(index("virtio:d00000002v00001AF4").length > 0);
  assert.ok(existsSync(join(folder, "init")));
});

test("--noimageifnotneeded", async (context) => {
  const lists = { "6/modules.dep": "", "6/modules.alias": "", "6/modules.builtin": "" };
  const folder = scratchFolder(context, { ...lists, "x.img": "old" });
  const image = join(folder, "x.img");
  const words = ["-f", "--noimageifnotneeded", "-k", join(folder, "6"), image, "6"];
  const { stderr } = await mkinitrd(words);
  assert.match(stderr, /^mkinitrd: no image is needed: /m);
  assert.equal(readFileSync(image, "utf8"), "old");
  await mkinitrd([...words, "--kernel-cmdline", "rd.retry=9"]);
  assert.equal(readFileSync(image).toString("latin1", 0, 6), "070701");
});

test("--print-cmdline and --hostonly-cmdline: the root of this machine, by its fstab or not at all", async (context) => {
  const image = join(scratchFolder(context), "x.img");
  const shown = (await mkinitrd(["--print-cmdline", ...forKernel(image)])).stdout;
  assert.match(shown, /^(root=\S+ rootfstype=\S+.*)?\n$/);
  assert.ok(!existsSync(image));
  const { stderr } = await mkinitrd(["--hostonly-cmdline", ...forKernel(image)]);
  assert.equal(
    /warning: (root=|.*root= is not known)/.test(stderr),
    !/^root=(\w+=|\/dev\/mapper\/)/.test(shown),
    stderr,
  );
  const { has, text } = await contentOf(image);
  const stored = "etc/cmdline.d/95-rootfs-block.conf";
  assert.equal(has(stored) ? await text(stored) : "\n", shown);
  await mkinitrd(["-f", ...forKernel(image)]);
  assert.ok(!(await contentOf(image)).has(stored));
});

test("kernel parameters of the image itself: what would stop every boot is refused", async (context) => {
  const folder = scratchFolder(context, { cmdline: "# no word of this\nrd.shell=maybe" });
  const words = ["-N", "--no-kernel", "-a", "tmpfs-root", "-i", "cmdline", "/etc/cmdline", "x.img"];
  const wrong = "rd.retry=soon rd.retyr=5 root=/dev/vda1 root=nfs:x";
  const { status, stderr } = await tryRun([program, ...words, "--kernel-cmdline", wrong], { cwd: folder });
  assert.equal(status, 1);
  assert.deepEqual(stderr.replaceAll("mkinitrd: ", "").split("\n").slice(0, 3), [
    "warning: --kernel-cmdline (kernel_cmdline): unknown kernel parameter rd.retyr: did you mean rd.retry?",
    "error: --kernel-cmdline (kernel_cmdline): wrong kernel parameter rd.retry=soon (accepted: rd.retry=SECONDS)",
    "error: the image's /etc/cmdline: wrong kernel parameter rd.shell=maybe (accepted: rd.shell=0|1)",
  ]);
  assert.match(
    stderr,
    /\(kernel_cmdline\): wrong kernel parameter root=nfs:x \(accepted: root=tmpfs:.*, root=UUID=…,.*\)\n$/,
  );
  const good = ["-N", "--no-kernel", "--kernel-cmdline", "rd.retry=soon rd.retry=5 root=UUID=ab", "x.img"];
  await mkinitrd(good, { cwd: folder });
  assert.equal(
    await refused([...good, "-f", "--kernel-cmdline", "root=tmpfs:/dev/vda1"], folder),
    "--kernel-cmdline (kernel_cmdline): wrong kernel parameter root=tmpfs:/dev/vda1 (a form of the module tmpfs-root: add it with -a tmpfs-root)\n",
  );
  const byType = [...good, "-f", "--kernel-cmdline", "root=folder rootfstype=virtiofs"];
  assert.equal(
    await refused(byType, folder),
    "--kernel-cmdline (kernel_cmdline): wrong kernel parameter root=folder (a form of the module virtiofs: add it with -a virtiofs)\n",
  );
  await mkinitrd([...byType, "-a", "virtiofs"], { cwd: folder });
  for (const root of ["tmpfs:nonsense", "tmpfs:UUID="])
    assert.ok(
      (await refused([...good, "-f", "-a", "tmpfs-root", "--kernel-cmdline", `root=${root}`], folder)).startsWith(
        `--kernel-cmdline (kernel_cmdline): wrong kernel parameter root=${root} (accepted: root=tmpfs:/dev/…, `,
      ),
    );
});

test("--keep: what the image is made of, also where it cannot be built", async (context) => {
  const folder = scratchFolder(context, { "tmp/x": "" });
  const words = ["-N", "--no-kernel", "--keep", "--tmpdir", "tmp", "-I", "/etc/fstab", "x.img"];
  const keptIn = (stderr: string) => /^mkinitrd: what the image is made of is kept in (.*)$/m.exec(stderr)?.[1] ?? "";
  const kept = keptIn((await mkinitrd(words, { cwd: folder })).stderr);
  assert.equal(dirname(kept), join(folder, "tmp"));
  const files = readFileSync(join(kept, "files.txt"), "utf8");
  assert.match(files, /^\/etc\/fstab\t--install\t\/etc\/fstab$/m);
  assert.match(files, /^\/usr\/bin\/busybox\tbusybox\t\/\S+busybox$/m);
  const modules = JSON.parse(readFileSync(join(kept, "modules.json"), "utf8")) as {
    name: string;
    requests: unknown[];
  }[];
  assert.ok(modules.find(({ name }) => name === "busybox")?.requests.length);
  assert.equal(readFileSync(join(kept, "bundle.js.map"), "utf8"), readFileSync(join(folder, "x.img.js.map"), "utf8"));
  assert.ok((await contentOf(join(folder, "x.img"))).paths.length <= files.split("\n").length + 4);
  const { status, stderr } = await tryRun([program, ...words], { cwd: folder });
  assert.match(stderr, /x\.img exists/);
  assert.ok(status === 1 && existsSync(join(keptIn(stderr), "bundle.js")));
});

test("-l takes modules of the current folder, --force-add one that finds itself unable", async (context) => {
  const folder = scratchFolder(context, {
    "modules.d/60picky/module-setup.ts": `import { moduleSetup } from "firstlight/hooks";
      export default moduleSetup({ check: () => ({ unavailable: "no mood" }), install: (image) => image.text("/etc/picky", "") });`,
  });
  const words = ["-l", "-N", "--no-kernel", "x.img"];
  assert.match(await refused([...words, "-a", "picky"], folder), /module picky, which cannot be used: no mood\n$/);
  await mkinitrd([...words, "--force-add", "picky"], { cwd: folder });
  assert.ok((await contentOf(join(folder, "x.img"))).has("etc/picky"));
  assert.match(await run([program, "-l", "--list-modules"], { cwd: folder }), /^picky +\/\S+\/60picky$/m);
  assert.match(await refused(words, join(folder, "modules.d")), /^there is no directory F\/modules\.d: -l takes/);
});

test("how much is told, where, and with the time", async (context) => {
  const folder = scratchFolder(context);
  const [image, log] = [join(folder, "x.img"), join(folder, "log")];
  const said = async (...words: string[]) =>
    (await mkinitrd(["-fN", "--no-kernel", "--remove", "/none", ...words, image])).stderr.split("\n").slice(0, -1);
  appendFileSync(log, "before\n");
  assert.deepEqual(await said("-L2", "--logfile", log), []);
  assert.match(
    readFileSync(log, "utf8"),
    /^before\nmkinitrd: .*module 99base .*warning: --remove.*x\.img: [\d.]+ MB.*\n$/s,
  );
  assert.match((await said("-L", "3")).join("\n"), /^mkinitrd: warning: .*$/);
  assert.equal((await said()).length, 2);
  const all = await said("--stdlog=5");
  assert.ok(all.length > 4 && all.every((line) => /^mkinitrd: [^[]/.test(line)), all.join("\n"));
  const timed = await said("--debug");
  assert.ok(timed.length === all.length && timed.every((line) => /^mkinitrd: \[ +\d+\.\d{3}\] /.test(line)));
  assert.match(
    await refused(["--no-kernel", "--logfile", "none/log", "y.img"], folder),
    /^the log F\/none\/log cannot be written to/,
  );
});

test("--printconfig, and help for one option", async (context) => {
  const folder = scratchFolder(context, { "dracut.conf": 'add_drivers+=" one "\ncompress="gzip"\n' });
  const words = ["-c", join(folder, "dracut.conf"), "--add-drivers", "three", "--printconfig"];
  const { stdout } = await tryRun([program, ...words], { env: { DRACUT_ADD_DRIVERS: "two", DRACUT_HOSTONLY: "no" } });
  assert.equal(stdout, 'add_drivers+=" one two three "\ncompress="gzip"\nhostonly="no"\n');
  for (const words of [
    ["--help", "kver"],
    ["-v", "-h", "--kver"],
  ])
    assert.match(await run([program, ...words]), /^--kver KVER\n/);
  for (const words of [["x.img", "-h", "x"], ["--none-such", "-h"], ["-fh"]])
    assert.match(await run([program, ...words]), /^usage: /);
  assert.match(await refused(["-hxx"], folder), /^unknown option -x; .*\n$/);
  assert.match(await refused(["--help", "kverr"], folder), /^there is no option kverr: did you mean --kver\?\n$/);
});
