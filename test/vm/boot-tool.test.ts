/** tools/boot, as somebody would type it at a terminal: it boots, ends, and leaves nothing behind. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { traceEnd, tracePath } from "../../core/abi/index.js";
import { consoleParameters } from "../../core/emulator/qemu.js";
import { unifiedImage } from "../fuzz/binary-readers.js";
import { assertFaithful } from "../support/faithful.js";
import { buildImage, mkinitrdCommand } from "../support/firstlight.js";
import { projectFolder } from "../support/paths.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run, tryRun } from "../support/run.js";
import { type AtTerminal, atTerminal, processesWith } from "../support/terminal.js";
import { linkPrograms, systemdStub } from "../support/uefi.js";

const { rootDisk } = await diskFixtures();
const { file: image, kernel } = await buildImage("boot-tool", ["-N", "--compress", "zstd -1"]);
const program = join(projectFolder, "tools/boot");
const folder = mkdtempSync(join(tmpdir(), "firstlight-boot-"));
after(() => rmSync(folder, { recursive: true }));

test("an image boots to the root on a disk, with the kernel that it was built for, as rehearsed; the disk stays as it was", async () => {
  const digest = async () => (await run(["sha256sum", rootDisk])).split(" ")[0];
  const old = await digest();
  // Shows the recording before the root's own init runs.
  const script = `dmesg -n 1; cat ${tracePath}; echo ${traceEnd}; exec /sbin/init`;
  const cmdline = `root=UUID=${rootVolume.uuid} rw init=/bin/sh -- -c "${script}"`;
  const guest = atTerminal(folder, "whole", [program, image, "--disk", rootDisk, "-c", cmdline]);
  const { status, text } = await guest.end();
  assert.match(text, /^boot: vmlinuz-\S+-cloud-amd64, 1G of memory, with/m);
  assert.match(text, /^ROOT-REACHED \/sbin\/init/m);
  assert.match(text, /^ROOT-WRITABLE/m);
  assert.equal(status, 0, text);
  guest.terminalIsAsBefore();
  assert.equal(await digest(), old);
  const commandLine = `${consoleParameters} ${cmdline}`;
  const settings = { disks: [{ file: rootDisk }], memory: 1024 };
  await assertFaithful(Buffer.from(text), { image, commandLine, settings }, { whole: true });
});

test("a unified kernel image boots with its own kernel and command line, or another one that is named", async () => {
  const file = join(folder, "whole.efi");
  const cmdline = `root=UUID=${rootVolume.uuid} ro -- of the image`;
  const words = ["-q", "-N", "--uefi", "--uefi-stub", await systemdStub(), "--kernel-cmdline", cmdline];
  await run(mkinitrdCommand(words, file, kernel));
  const own = await atTerminal(folder, "unified", [program, file, "--disk", rootDisk]).end();
  assert.match(own.text, /^boot: the image's kernel \S+-cloud-amd64, 1G of memory/m);
  assert.match(own.text, /^ROOT-REACHED \/sbin\/init of the image/m);
  assert.equal(own.status, 0);
  const other = atTerminal(folder, "named", [program, file, "-c", "rdinit=/none named=here", "-k", kernel.image]);
  await other.waitFor(/Command line: console=ttyS0 panic=-1 rdinit=\/none named=here/);
  other.type("\u0001x");
  assert.equal((await other.end()).status, 0);
});

test("keys, signals and its death end QEMU, and the terminal is as before", async () => {
  const ends: [name: string, status: number, end: (guest: AtTerminal) => void][] = [
    ["keys", 0, ({ type }) => type("\u0001x")],
    ["SIGINT", 130, ({ signal }) => signal("SIGINT")],
    ["SIGTERM", 143, ({ signal }) => signal("SIGTERM")],
    ["SIGHUP", 129, ({ signal }) => signal("SIGHUP")],
    ["SIGKILL", 137, ({ signal }) => signal("SIGKILL")],
  ];
  for (const [name, expected, end] of ends) {
    const mark = `mark-of-${name}-${process.pid}`;
    const guest = atTerminal(folder, name, [program, image, "-c", `${mark} rd.break=cmdline`]);
    await guest.waitFor(/Linux version/);
    assert.notDeepEqual(processesWith(mark), []);
    end(guest);
    const { status, text } = await guest.end();
    assert.equal(status, expected, text);
    // Who is killed cannot wait for it.
    for (let left = 600; name === "SIGKILL" && left && processesWith(mark).length; left--) await setTimeout(50);
    assert.deepEqual(processesWith(mark), [], name);
    if (name !== "SIGKILL") guest.terminalIsAsBefore();
  }
});

/** An image, of whatever generator, with these files. */
async function foreign(name: string, files: readonly string[]): Promise<string> {
  const list = join(folder, `${name}.list`);
  writeFileSync(list, files.map((file) => `file ${file} ${list} 644 0 0\n`).join(""));
  await run([join(projectFolder, "tools/gen-init-cpio"), "-o", join(folder, name), list]);
  return join(folder, name);
}

test("what cannot be booted is told of, with what to name or to install", async () => {
  const none = await foreign("none", ["/init"]);
  const unknown = await foreign("unknown", ["/init", "/usr/lib/modules/9.9.9/a.ko"]);
  const several = await foreign("several", ["/lib/modules/9.9.9/a.ko", "/lib/modules/9.9.10/a.ko"]);
  const [unified, damaged] = [join(folder, "unified.efi"), join(folder, "damaged.efi")];
  writeFileSync(unified, unifiedImage(Buffer.from("an initramfs image")));
  writeFileSync(damaged, "MZ");
  const wrong: [words: string[], says: RegExp][] = [
    [[], /name one IMAGE: see boot --help/],
    [[image, image], /name one IMAGE/],
    [[image, "--dsik", rootDisk], /Unknown option '--dsik': see boot --help/],
    [[image, "-m", "lots"], /--memory=lots: a size as 512M or 4G/],
    [[join(folder, "no")], /no cannot be read: no such file/],
    [[folder], /is not a regular file: name an image/],
    [[image, "-d", join(folder, "no")], /no cannot be read: no such file/],
    [[image, "-k", image], /boot-tool\.img is no kernel for x86-64: name one/],
    [[image, "-k", folder], /the kernel \S+ cannot be read: it is a directory/],
    [[image, "-k", ""], /"" is no name of a kernel: name its file, or leave --kernel out/],
    [[none], /has no drivers that tell which kernel it is for: name one by --kernel FILE/],
    [[unknown], /is for the kernel 9\.9\.9, whose vmlinuz is not on this machine: .*\/boot\/vmlinuz-9\.9\.9/],
    [[several], /has drivers of several kernels \(9\.9\.9, 9\.9\.10\): name one by --kernel FILE/],
    [[unified], /the image's kernel .*is no kernel for x86-64/],
    [[damaged, "-k", kernel.image], /damaged\.efi .*build the image again/],
  ];
  for (const [words, says] of wrong) {
    const { status, stdout, stderr } = await tryRun([program, ...words]);
    assert.deepEqual([status, stdout], [1, ""], words.join(" "));
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /^ +at /m);
  }
  const env = { PATH: linkPrograms(join(folder, "programs"), ["qemu-system-x86_64"]) };
  const { status, stderr } = await tryRun([program, image], { env });
  assert.equal(status, 1);
  assert.match(stderr, /qemu-system-x86_64 is not installed: install Debian's package qemu-system-x86/);
});
