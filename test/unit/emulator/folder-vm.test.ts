/** What chrootvm makes of its command line, and what it finds in a root. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { parseFolderCommandLine } from "../../../core/emulator/folder-command-line.js";
import { kernelOfRoot } from "../../../core/emulator/folder-kernel.js";
import { findInit } from "../../../core/emulator/folder-program.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-folder-vm-"));
after(() => rmSync(folder, { recursive: true }));

/** A root with these files; those below a folder "bin" can be executed. */
function rootWith(name: string, files: readonly string[]): string {
  const root = join(folder, name);
  mkdirSync(root);
  for (const file of files) {
    const path = join(root, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
    chmodSync(path, /bin\//.test(file) ? 0o755 : 0o644);
  }
  return root;
}

test("options come before the folder; what follows INIT is its own", () => {
  const modules = rootWith("6.1", ["modules.dep"]);
  const words = ["--mount", "a", "/srv/a", "--memory=2G", "--debug", "--mount-ro=b", "/srv/b", "--cpus", "3"];
  const more = [
    "--qemu-arg",
    "-device",
    "--qemu-arg=virtio-rng-pci",
    "--kernel",
    "vm",
    "--kernel-modules",
    `${modules}/`,
  ];
  assert.deepEqual(parseFolderCommandLine([...words, ...more, "root", "ls", "--debug", "--", "-h"]), {
    root: "root",
    init: "ls",
    arguments: ["--debug", "--", "-h"],
    mounts: [
      { tag: "a", folder: "/srv/a", readOnly: false },
      { tag: "b", folder: "/srv/b", readOnly: true },
    ],
    debug: true,
    memory: "2G",
    cpus: 3,
    kernel: { release: "6.1", image: "vm", modules: `${modules}/` },
    qemuArguments: ["-device", "virtio-rng-pci"],
  });
  assert.deepEqual(parseFolderCommandLine(["--", "-root"])?.root, "-root");
  const plain = parseFolderCommandLine(["root"]);
  assert.deepEqual([plain?.init, plain?.memory, plain?.cpus, plain?.kernel], ["/bin/sh", "1G", 1, undefined]);
  for (const help of ["-h", "--help"]) assert.equal(parseFolderCommandLine([help]), undefined);
});

test("a command line that cannot be meant is refused, with what can", () => {
  const wrong: [words: string[], says: RegExp][] = [
    [[], /^name the folder ROOTFS: see chrootvm --help$/],
    [[""], /name the folder ROOTFS/],
    [["root", ""], /INIT is empty/],
    [["--moutn", "a", "b", "root"], /there is no option --moutn: see/],
    [["-x", "root"], /there is no option -x/],
    [["--mount", "a"], /--mount takes TAG and PATH/],
    [["--memory"], /--memory takes one value/],
    [["--debug=1", "root"], /--debug takes no value/],
    [["--memory", "lots", "root"], /--memory=lots: a size as 512M or 4G/],
    [["--cpus", "0", "root"], /--cpus=0: a number of processors/],
    [["--kernel", "vmlinuz", "root"], /--kernel FILE and --kernel-modules DIR belong together/],
  ];
  for (const [words, message] of wrong)
    assert.throws(() => parseFolderCommandLine(words), { name: "BuildError", message }, words.join(" "));
});

test("the root's highest kernel is taken that can be started and has drivers, wherever the distribution has it", () => {
  const drivers = (release: string) => `usr/lib/modules/${release}/modules.dep`;
  const debian = rootWith("debian", [drivers("6.1.0-9-amd64"), drivers("6.1.0-56-amd64"), drivers("6.2.0-1-amd64")]);
  for (const release of ["6.1.0-9-amd64", "6.1.0-56-amd64"]) {
    mkdirSync(join(debian, "boot"), { recursive: true });
    writeFileSync(join(debian, `boot/vmlinuz-${release}`), "");
  }
  const release = "6.1.0-56-amd64";
  const modules = join(debian, "usr/lib/modules", release);
  assert.deepEqual(kernelOfRoot(debian), { release, image: join(debian, `boot/vmlinuz-${release}`), modules });
  writeFileSync(join(modules, "vmlinuz"), "");
  assert.equal(kernelOfRoot(debian).image, join(modules, "vmlinuz"));
  // An absolute link is the root's own.
  symlinkSync("/boot/vmlinuz-6.1.0-9-amd64", join(debian, "usr/lib/modules/6.2.0-1-amd64/vmlinuz"));
  assert.equal(kernelOfRoot(debian).image, join(debian, "boot/vmlinuz-6.1.0-9-amd64"));
  const old = rootWith("old", ["lib/modules/5.10/modules.dep", "lib/modules/5.10/vmlinuz"]);
  assert.equal(kernelOfRoot(old).release, "5.10");
});

test("a root without a kernel: what it has, and what to do", () => {
  const remedy = /: install one in it \("chroot .*"\), or name another one by --kernel FILE --kernel-modules DIR$/;
  const half = rootWith("half", ["usr/lib/modules/6.1/vmlinuz", "usr/lib/modules/6.2/modules.dep"]);
  assert.throws(() => kernelOfRoot(half), { message: /half has no kernel to boot \(drivers of 6\.2, 6\.1, but no / });
  assert.throws(() => kernelOfRoot(half), { message: remedy });
  assert.throws(() => kernelOfRoot(rootWith("none", [])), { message: /no usr\/lib\/modules\/KVER\): install/ });
});

test("INIT is a path in the root, a name in its PATH, or in a folder that is mounted there", () => {
  const root = rootWith("root", ["usr/bin/tool", "usr/local/bin/tool", "usr/bin/other", "etc/passwd"]);
  symlinkSync("usr/bin", join(root, "bin"));
  symlinkSync("/bin/other", join(root, "usr/bin/link"));
  symlinkSync("/usr/bin/env", join(root, "usr/bin/env"));
  mkdirSync(join(root, "usr/bin/folder"));
  const mounts = [{ tag: "m", folder: rootWith("mounted", ["bin/run"]) }];
  const found = (name: string) => findInit(root, mounts, name);
  assert.equal(found("tool"), "/usr/local/bin/tool");
  assert.equal(found("other"), "/usr/bin/other");
  assert.equal(found("bin/other"), "/bin/other");
  assert.equal(found("/bin/link"), "/bin/link");
  assert.equal(found("/run/mnt/m/bin/run"), "/run/mnt/m/bin/run");
  for (const name of ["none", "/etc/passwd", "folder", "env", "/run/mnt/m/bin/tool", "/run/mnt/n/bin/run"])
    assert.equal(found(name), undefined, name);
});
