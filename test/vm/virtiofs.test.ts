/** Roots and other folders of the host, by virtiofs: with real virtiofsd, by every form of the command line. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { serveFolders } from "../../core/emulator/virtiofsd.js";
import { bootImage, buildImage, prompt, rootFacts } from "../support/firstlight.js";
import { projectFolder } from "../support/paths.js";
import { run } from "../support/run.js";
import { makeTinyRoot } from "../support/tiny-root.js";

const top = mkdtempSync(join(tmpdir(), "firstlight-virtiofs-"));
after(() => rmSync(top, { recursive: true }));
const [root, code, data] = ["root", "code", "data"].map((name) => join(top, name)) as [string, string, string];
await makeTinyRoot(root);
mkdirSync(join(code, "osbuild"), { recursive: true });
mkdirSync(data);

/** Facts that the tiny root's init does not tell of by itself. */
writeFileSync(
  join(root, "facts.d/surroundings"),
  `for node in kvm loop-control fuse; do echo "NODE $(ls -l /dev/$node)"; done
for link in fd stdin stdout stderr; do echo "LINK /dev/$link $(readlink /dev/$link)"; done
echo "TEMPORARY $(stat -c %a /tmp)"
for folder in code data; do touch /run/mnt/$folder/from-guest 2>&1 | sed "s/^/TOUCH /"; done
`,
);
// What osbuild runs is on a folder of its own.
writeFileSync(join(code, "osbuild/vm.py"), "#!/bin/sh\nexec /sbin/init from-code\n", { mode: 0o755 });

// Of drivers that an image has not the rehearsal thinks that they are built in.
const options = ["-N", "-m", "virtiofs busybox", "--add-drivers", "loop"];
const image = await buildImage("virtiofs", options);
const stops = "rd.shell=0 rd.emergency=poweroff rd.trace=console";

/** By tag: folders of this machine, served as long as the test runs. */
async function served(context: TestContext, folders: Readonly<Record<string, string>>) {
  const { servers, stop } = await serveFolders(Object.entries(folders).map(([tag, folder]) => ({ tag, folder })));
  context.after(stop);
  return servers;
}

/** Does a file come into being in a folder of this machine? Forgets it. */
function taken(path: string): boolean {
  const found = existsSync(path);
  rmSync(path, { force: true });
  return found;
}

test("root=virtiofs:TAG is writable, and boots as any other root", async (context) => {
  const folders = await served(context, { "some folder": root });
  const { init, mounts } = await rootFacts(
    bootImage(context, image, { cmdline: '"root=virtiofs:some folder"', folders }),
  );
  assert.equal(init, "/sbin/init");
  assert.equal(mounts.get("/")?.type, "virtiofs");
  assert.ok(!mounts.has("/tmp") && !mounts.has("/sys/fs/cgroup"), "file systems as in any other boot");
  assert.ok(taken(join(root, "written")), "what the guest writes is on the host");
});

test("rd.overlay makes a read-only folder writable, in memory", async (context) => {
  const folders = await served(context, { top: root });
  const cmdline = "rootfstype=virtiofs root=top ro rd.overlay";
  const { mounts, writable, console } = await rootFacts(bootImage(context, image, { cmdline, folders }));
  assert.equal(mounts.get("/")?.type, "overlay");
  assert.deepEqual(mounts.get("/run/rootfsbase")?.options[0], "ro");
  assert.match(console, /an overlay in memory is laid over the root/);
  assert.ok(writable && !taken(join(root, "written")), "what the guest writes is not on the host");
});

test("osbuild's command line: its file systems, nodes and folders, one of them read-only; an init in one", async (context) => {
  const folders = await served(context, { rootfs: root, code, data });
  const cmdline =
    "security=selinux quiet selinux=1 enforcing=0 rootfstype=virtiofs root=rootfs ro mount=data mount= mount-ro=code init=/run/mnt/code/osbuild/vm.py";
  const { init, mounts, writable, console, links } = await rootFacts(bootImage(context, image, { cmdline, folders }));
  assert.equal(init, "/sbin/init from-code");
  const shown = (point: string) => {
    const { type, options = [] } = mounts.get(point) ?? {};
    return [type, ...options.filter((option) => !/^(relatime|inode64|nr_inodes=.*)$/.test(option))].join(" ");
  };
  assert.deepEqual(
    ["/", "/sys", "/dev", "/proc", "/run", "/tmp", "/sys/fs/cgroup", "/run/mnt/data", "/run/mnt/code"].map(shown),
    [
      "virtiofs ro",
      "sysfs rw nosuid nodev noexec",
      "devtmpfs rw nosuid size=4096k mode=755",
      "proc rw nosuid nodev noexec",
      "tmpfs rw nosuid nodev size=65536k mode=755",
      "tmpfs rw nosuid nodev size=131072k",
      "cgroup2 rw nosuid nodev noexec",
      "virtiofs rw",
      "virtiofs ro",
    ],
  );
  const order = [...mounts.keys()];
  assert.ok(order.indexOf("/run/mnt/data") < order.indexOf("/run/mnt/code"), "in the order of the command line");
  // Before there is a policy, the option that is given where SELinux is active shows nowhere.
  assert.match(console, /^TEMPORARY 1777$/m);
  for (const node of [
    /crw-rw---- .* 10, 232 .*kvm/,
    /crw-rw---- .* 10, 237 .*loop-control/,
    /crw-rw-rw- .* 10, 229 .*fuse/,
  ])
    assert.match(console, new RegExp(`^NODE ${node.source}`, "m"));
  assert.deepEqual(
    ["fd", "stdin", "stdout", "stderr"].map((name) => links.get(`/dev/${name}`)),
    ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"],
  );
  assert.ok(!writable);
  assert.match(console, /^TOUCH .*code.*Read-only file system$/m);
  assert.ok(taken(join(data, "from-guest")) && !taken(join(code, "from-guest")));
});

test("one program and drivers beside it: rootfs= has a default, is read-only, and its init is a shell; a file that is no driver is told of", async (context) => {
  const folders = await served(context, { rootfs: root });
  const cmdline = "rootfs= debug rd.emergency=poweroff -- -c /sbin/init";
  const notRehearsed = "of drivers that an image has not the rehearsal thinks that they are built in: loop";
  const guest = bootImage(context, await staticImage(), { cmdline, folders, notRehearsed });
  const { init, mounts, writable, console } = await rootFacts(guest);
  assert.equal(init, "/sbin/init");
  assert.deepEqual([mounts.get("/")?.type, mounts.get("/")?.options[0], writable], ["virtiofs", "ro", false]);
  assert.match(console, /\] phase pre-mount$/m, "debug shows more");
  assert.match(console, /\/usr\/lib\/modules\/000-empty\.ko cannot be loaded: the file is empty/);
  assert.match(console, /\/usr\/lib\/modules\/900-text\.ko cannot be loaded: ENOEXEC/);
});

/** A static init with the drivers of virtiofs, and two files that look like drivers, in an archive of their own: the kernel unpacks both. */
async function staticImage() {
  const { kernel } = image;
  const [program, file, folder] = [join(top, "initrd"), join(top, "static.img"), join(top, "drivers")];
  const tool = (name: string) => join(projectFolder, "tools", name);
  await run([tool("mkinitrd"), "-q", "--static-init", program, "-m", "virtiofs"]);
  await run([tool("mkvirtinitrd"), program, kernel.modules, file]);
  mkdirSync(join(folder, "usr/lib/modules"), { recursive: true });
  writeFileSync(join(folder, "usr/lib/modules/000-empty.ko"), "");
  writeFileSync(join(folder, "usr/lib/modules/900-text.ko"), "no driver");
  await run(["sh", "-c", 'find usr | cpio --quiet -o -H newc >>"$1"', "sh", file], { cwd: folder });
  return { file, kernel };
}

test("a tag that the machine has not: waited for, then the report says what is there", async (context) => {
  const folders = await served(context, { other: root });
  const cmdline = `root=virtiofs:missing rd.retry=8 ${stops}`;
  const console = await bootImage(context, image, { cmdline, folders }).ended();
  assert.match(console, /What: +virtiofs tag missing, wanted for root, has not come/);
  assert.match(console, /there is (one virtiofs device: only kernels since 6\.9 tell|virtiofs tag other)/);
});

test("a tag that leads elsewhere is refused", async (context) => {
  const folders = await served(context, { rootfs: root });
  const console = await bootImage(context, image, { cmdline: `rootfs mount=.. ${stops}`, folders }).ended();
  assert.match(
    console,
    /What: +mount=\.\.: a tag with "\/", or one that is "\." or "\.\.", would be mounted elsewhere/,
  );
});

test("a second try of the boot comes as far as the first one; a virtiofsd that has died by then: the report names its tag", async (context) => {
  const folders = await served(context, { rootfs: root, data });
  const cmdline = "root=virtiofs:rootfs mount=data init=/missing rd.break=mount rd.retry=12";
  const guest = bootImage(context, image, { cmdline, folders, notRehearsed: "a person ends a server in between" });
  const leaveShell = async () => {
    await guest.waitFor(prompt);
    guest.type("exit\n");
  };
  // Before the mount, after the report, and so again.
  for (const _ of ["first", "second"]) {
    await leaveShell();
    await guest.waitFor(/What: +the new root has no init to run: \/missing is not there/);
    await leaveShell();
  }
  await guest.waitFor(prompt);
  folders[0]?.child.kill("SIGKILL");
  guest.type("exit\n");
  await guest.waitFor(
    /What: +virtiofs tag rootfs is mounted on \/sysroot, but its virtiofsd has not answered within 12 s/,
  );
  await guest.waitFor(prompt);
});

test("a kernel without virtiofs: the report says so", async (context) => {
  const folders = await served(context, { rootfs: root });
  const without = await buildImage("virtiofs-missing", [...options, "--omit-drivers", "virtiofs"]);
  const described = { kernel: { lacks: ["virtiofs"] } };
  // Debian 13's kernel has it built in: it is told not to start it.
  const cmdline = `rootfs=rootfs initcall_blacklist=virtio_fs_init ${stops}`;
  const guest = bootImage(context, without, { cmdline, folders, described });
  const console = await guest.ended();
  assert.match(console, /What: +the kernel \S+ has no virtiofs: it is not built in, and no driver of it was loaded/);
});
