/** A boot that cannot go on says why, gives a shell where one may run, and else does what the command line says. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ProgramPart } from "../../core/schema/machine.js";
import { bootImage, buildImage, prompt, tryAgain, wordsInShell } from "../support/firstlight.js";
import { outFolder } from "../support/paths.js";
import type { Disk } from "../support/qemu.js";
import { replayOf } from "../support/replay.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";

const { rootDisk } = await diskFixtures();
const image = await buildImage("emergency", ["-N"]);
const disks = [{ file: rootDisk }];
/** One digit away from the disk that is there. */
const missing = rootVolume.uuid.replace("00361d4f", "00361d4e");
const noShell = "rd.shell=0 rd.emergency=poweroff rd.trace=console";
/** What a person does at a shell, before `continue-boot` or (without) `exit`. */
const atShell = (does: Omit<ProgramPart, "argv">, { goesOn = true } = {}) => ({
  programs: [{ argv: ["shell"], ...does, ...(goesOn ? { signal: "SIGUSR1" } : {}) }],
});

function reportedLine(console: string, name: string): string {
  return new RegExp(`^${name}: +(.*)$`, "m").exec(console)?.[1] ?? "";
}

test("a missing device: the report names what was wanted, for what, and the nearest that is there; the recording shows it again", async (context) => {
  const cmdline = `root=UUID=${missing} rd.retry=12 ${noShell}`;
  const guest = bootImage(context, image, { cmdline, disks });
  const console = await guest.ended();
  assert.match(reportedLine(console, "What"), new RegExp(`UUID=${missing}.*for root`));
  assert.match(reportedLine(console, "Where"), /initqueue.*rootfs-block/);
  assert.match(reportedLine(console, "Waiting"), new RegExp(`UUID=${missing}.*for root`));
  assert.match(console, new RegExp(`there is vda1 UUID=${rootVolume.uuid} .*ext4`));
  assert.doesNotMatch(console, /ROOT-REACHED/);
  assert.match(console, /reboot: Power down/);
  // Up to where the recording was shown.
  assert.equal((await replayOf(guest.bytes(), image.file)).end, "recording");
});

test("no disk at all: the report says so", async (context) => {
  const console = await bootImage(context, image, { cmdline: `root=UUID=${missing} rd.retry=12 ${noShell}` }).ended();
  assert.match(console, /no block device is there at all/);
});

test("the emergency shell answers on the console, and leaving it tries the boot again", async (context) => {
  const guest = bootImage(context, image, { cmdline: `root=UUID=${missing} rd.retry=12`, disks });
  await guest.waitFor(/^Waiting:/m);
  await guest.waitFor(prompt);
  guest.type("echo answer-$((6 * 7)) from $$\n");
  const [, pid] = await guest.waitFor(/^answer-42 from (\d+)\n/m);
  assert.notEqual(pid, "1");
  guest.type("cat /run/initramfs/report.txt\n");
  await guest.waitFor(/^What: +UUID=/m);
  guest.type("exit\n");
  await guest.waitFor(/^What: +UUID=/m);
  await guest.waitFor(prompt);
  await guest.left();
});

test("leaving the shell goes on where the reason has gone", async (context) => {
  const described = atShell({ files: { "/dev/other-name": { link: "vda1" } } }, { goesOn: false });
  const guest = bootImage(context, image, { cmdline: `root=/dev/other-name rd.retry=12`, disks, described });
  await guest.waitFor(prompt);
  guest.type("ln -s vda1 /dev/other-name; exit\n");
  await guest.waitFor(/^ROOT-REACHED/m);
  await guest.ended();
});

test("a shell with a password; job control; a disk that comes meanwhile is told of; continue-boot goes on with it", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "firstlight-emergency-"));
  context.after(() => rm(folder, { recursive: true }));
  const configuration = join(folder, "dracut.conf");
  // "open sesame"
  await writeFile(
    configuration,
    "emergency_password_hash='$6$firstlight$nkHk8CspploD787olisBcV4l4wWeAuQf/w4jlDfxNmXKSOrV.iambD98WuzyeL4WrALdPDrxMd/o2Sihy/IOv1'\n",
  );
  const asking = await buildImage("emergency-password", ["-N", "-c", configuration]);
  const late: Disk = { file: rootDisk, bus: "virtio-scsi", late: true };
  const cmdline = `root=UUID=${rootVolume.uuid} rd.retry=12`;
  const described = atShell({ lasts: 60 });
  const guest = bootImage(context, asking, { cmdline, disks: [late], described });
  await guest.waitFor(/^Password of the rescue shell .*: /m);
  guest.type("sesame open\n");
  await guest.waitFor(/^That is not the password\.$/m);
  await guest.waitFor(/^Password of the rescue shell .*: /m);
  guest.type("open sesame\n");
  await guest.waitFor(prompt);
  guest.type("sh -c 'echo started; exec sleep 1000'\n");
  await guest.waitFor(/^started\n/m);
  guest.type("\x03");
  await guest.waitFor(prompt);
  guest.plug(late);
  await guest.waitFor(new RegExp(`^UUID=${rootVolume.uuid} has arrived: exit to go on\\.\n`, "m"));
  guest.type("continue-boot\n");
  await guest.waitFor(/^ROOT-REACHED/m);
  assert.doesNotMatch(await guest.ended(), /sesame|job control turned off/);
});

test("a root that was mounted by hand is gone on with; the steps are told on another line", async (context) => {
  const log = join(outFolder, "tests", "emergency-serial.log");
  const guest = bootImage(context, image, {
    cmdline: `root=UUID=${missing} rd.retry=12 quiet rd.log=/dev/ttyS1`,
    disks,
    qemuArguments: ["-serial", `file:${log}`],
    described: atShell({ mounts: [{ device: "/dev/vda1", on: "/sysroot", type: "ext4", readOnly: true }] }),
  });
  await guest.waitFor(prompt);
  guest.type("mount -t ext4 -o ro /dev/vda1 /sysroot; continue-boot\n");
  await guest.waitFor(/^ROOT-REACHED/m);
  await guest.ended();
  const steps = (await readFile(log, "utf8")).split("\r\n");
  const order = [
    /^firstlight: firstlight .*, kernel /,
    /^firstlight: phase cmdline: rootfs-block$/,
    /^firstlight: phase initqueue: rootfs-block$/,
    /^firstlight: \/sysroot is mounted already/,
    /^firstlight: switching to \/sysroot, \/sbin\/init$/,
  ].map((pattern) => steps.findIndex((step) => pattern.test(step)));
  assert.ok(
    order.every((place, index) => place >= 0 && place >= (order[index - 1] ?? 0)),
    `${order}\n${steps.join("\n")}`,
  );
});

test("rd.break opens a shell before the phase, and goes on after it", async (context) => {
  const guest = bootImage(context, image, {
    cmdline: `root=UUID=${rootVolume.uuid} rd.break=mount`,
    disks,
    // That of grep, which finds nothing.
    described: atShell({ status: 1 }, { goesOn: false }),
  });
  await guest.waitFor(prompt);
  guest.type("grep -c ' /sysroot ' /proc/mounts; exit\n");
  await guest.waitFor(/^0\n/m);
  await guest.waitFor(/^ROOT-REACHED/m);
  await guest.ended();
});

test("what the kernel asks modprobe for by itself is loaded", async (context) => {
  const guest = bootImage(context, image, { cmdline: `root=UUID=${rootVolume.uuid} rd.break`, disks });
  await guest.waitFor(prompt);
  // No xfs is on it, but that is for the driver to say.
  guest.type("grep -c xfs /proc/filesystems; mount -t xfs /dev/vda1 /tmp; grep -c xfs /proc/filesystems; exit\n");
  await guest.waitFor(/^0\n/m);
  await guest.waitFor(/^1\n/m);
  await guest.waitFor(/^ROOT-REACHED/m);
  await guest.ended();
});

test("rd.shell=0 rd.emergency=reboot", async (context) => {
  const cmdline = `root=UUID=${missing} rd.retry=12 rd.shell=0 rd.emergency=reboot rd.trace=console`;
  const console = await bootImage(context, image, { cmdline, disks }).ended();
  assert.match(console, /^What: +UUID=/m);
  assert.match(console, /reboot: Restarting system/);
  assert.doesNotMatch(console, prompt);
  // A kernel that restarts sends nothing more for us: PID 1 has waited until the line had it all.
  assert.ok(console.search(/^firstlight: the boot has failed/m) < console.search(/Preparing to enter|\] reboot: /));
});

/** Command lines that nobody can boot, and what the report says of each. */
const wrongCommandLines: Record<string, RegExp> = {
  "root=nothing:at-all": /no module.*root=nothing:at-all/,
  "root=tmpfs:UUID=x": /no module.*root=tmpfs:UUID=x/,
  [`root=UUID=${rootVolume.uuid} rd.retry=soon`]: /wrong value.*rd\.retry=soon.*accepted/,
  [`root=UUID=${rootVolume.uuid} rootfstype=vfat`]: /vfat/,
  [`root=UUID=${rootVolume.uuid} rootflags=nonsense`]: /nonsense|EINVAL|invalid/i,
  [`root=UUID=${rootVolume.uuid} init=/sbin/nothing`]: /no init.*\/sbin\/nothing/,
};

test("command lines that nobody can boot, one after the other in one guest; the remedy names a module that is left out", async (context) => {
  const lines = Object.entries(wrongCommandLines);
  const described = wordsInShell(lines.at(-1)?.[0] ?? "");
  const guest = bootImage(context, image, { cmdline: "", disks, described });
  const reportOf = async () => {
    const [, reason = ""] = await guest.waitFor(/^What: +(.*)\n/m);
    const [, remedy = ""] = await guest.waitFor(/^Remedy: +(\S.*)\n/m);
    return { reason, remedy };
  };
  assert.match((await reportOf()).reason, /no root= on the kernel command line/);
  for (const [words, expected] of lines) {
    await tryAgain(guest, words);
    const { reason, remedy } = await reportOf();
    assert.match(reason, expected);
    if (words.includes("tmpfs")) assert.match(remedy, /mkinitrd -a tmpfs-root/);
  }
  await guest.waitFor(prompt);
  assert.doesNotMatch(guest.console(), /ROOT-REACHED/);
  await guest.left();
});

test("an unknown rd. parameter is a warning that names the nearest known one", async (context) => {
  const cmdline = `root=UUID=${rootVolume.uuid} rd.retri=5`;
  const guest = bootImage(context, image, { cmdline, disks });
  await guest.waitFor(/unknown kernel parameter rd\.retri: did you mean rd\.retry\?/);
  await guest.waitFor(/^ROOT-REACHED/m);
  await guest.ended();
});
