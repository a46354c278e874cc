/** Checks of file systems, those that are mounted before the switch of root, and hibernation, by the real programs and kernel. */
import assert from "node:assert/strict";
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { DiskPart } from "../../core/schema/machine.js";
import { cachedFolder } from "../support/cache.js";
import { descriptionOf, makeExt4 } from "../support/disks.js";
import { bootImage, buildImage, prompt, rootFacts } from "../support/firstlight.js";
import { outFolder } from "../support/paths.js";
import { run, runAsRoot } from "../support/run.js";
import { makeTinyRoot } from "../support/tiny-root.js";

const volumes = {
  root: { uuid: "6c5b0f4e-3f6a-4a55-8d3e-6f7a0c1d2e01", label: "ROOT", size: 16 },
  usr: { uuid: "6c5b0f4e-3f6a-4a55-8d3e-6f7a0c1d2e02", label: "the usr", size: 16 },
  whole: { uuid: "6c5b0f4e-3f6a-4a55-8d3e-6f7a0c1d2e03", label: "WHOLE", size: 32 },
};

const fstab = `
UUID=${volumes.root.uuid} / ext4 defaults 0 1
LABEL="the\\040usr" /usr ext4 nodev 0 2
not-a-line
/usr/share /srv/a\\040place none noauto,bind,ro 0 0
tmpfs /srv tmpfs noauto,mode=0750 0 0
UUID=absent /mnt xfs nofail,x-initrd.mount 0 2
`;

const facts = `
for file in /run/initramfs/*; do echo "INITRAMFS $file"; done
cat "/srv/a place/fact" 2>/dev/null
`;

/** It goes on in the boot after that in which it began. */
const hibernate = `
grep -q wake-me /proc/cmdline || return 0
echo shutdown >/sys/power/disk
swapon /dev/disk/by-label/SWAP
word="woken by $(cat /proc/cmdline)"
echo GOING-TO-SLEEP
echo disk >/sys/power/state
echo "WORD $word"
`;

/** Makes a file system dirty by debugfs: it has to be checked, and this is wrong with it. */
async function damage(image: string, commands: readonly string[], status: number): Promise<void> {
  for (const command of [...commands, "ssv state 0"]) await run(["debugfs", "-w", "-R", command, image]);
  const described = JSON.parse(await readFile(descriptionOf(image), "utf8")) as DiskPart;
  await writeFile(descriptionOf(image), JSON.stringify({ ...described, fsck: status }));
}

const recipe = { volumes, fstab, facts, hibernate, version: 2 };

const folder = await cachedFolder("usr-disks", recipe, async (unfinished) => {
  const [whole, root] = [join(unfinished, "whole"), join(unfinished, "root")];
  const image = (name: string) => join(unfinished, `${name}.img`);
  await makeTinyRoot(whole);
  await writeFile(join(whole, "facts.d/facts"), facts);
  await writeFile(join(whole, "facts.d/hibernate"), hibernate);
  await mkdir(join(whole, "usr/share"), { recursive: true });
  await mkdir(join(whole, "srv"));
  await mkdir(join(whole, "mnt"));
  await mkdir(join(whole, "lost"));
  await writeFile(join(whole, "lost/file"), "lost\n");
  await writeFile(join(whole, "usr/share/fact"), "BOUND\n");
  await makeExt4(image("whole"), { ...volumes.whole, content: whole });
  await cp(image("whole"), image("broken"));
  await cp(descriptionOf(image("whole")), descriptionOf(image("broken")));
  // What lost+found is for: e2fsck -p does not decide on it.
  await damage(image("broken"), ["clri /lost"], 4);
  // All programs are on /usr.
  await rename(whole, root);
  for (const name of ["bin", "sbin"]) {
    await rename(join(root, name), join(root, "usr", name));
    await symlink(`usr/${name}`, join(root, name));
  }
  await makeExt4(image("usr"), { ...volumes.usr, content: join(root, "usr") });
  await damage(image("usr"), ["ssv free_blocks_count 7"], 1);
  await rm(join(root, "usr"), { recursive: true });
  await mkdir(join(root, "usr"));
  await writeFile(join(root, "etc/fstab"), fstab);
  await makeExt4(image("root"), { ...volumes.root, content: root });
  await damage(image("root"), ["sif /etc/fstab links_count 9"], 1);
  await runAsRoot(["rm", "-r", root]);
});

const disk = (name: string) => ({ file: join(folder, `${name}.img`) });
const image = await buildImage("usr", ["-N", "-a", "fsck usr-mount resume"]);

test("a dirty root and a dirty /usr are repaired; /usr, and what rd.mountpoints names, is there before init", async (context) => {
  const guest = bootImage(context, image, {
    cmdline: `root=UUID=${volumes.root.uuid} ro rd.mountpoints=/srv,/srv/a\\040place`,
    disks: [disk("root"), disk("usr")],
  });
  const { mounts, console } = await rootFacts(guest);
  assert.deepEqual(mounts.get("/usr")?.options.slice(0, 2), ["rw", "nodev"]);
  assert.equal(mounts.get("/srv")?.type, "tmpfs");
  assert.ok(mounts.get("/srv/a\\040place")?.options.includes("ro"));
  assert.match(console, /^BOUND$/m);
  for (const name of ["root", "usr"]) assert.match(console, new RegExp(`^INITRAMFS /run/initramfs/fsck-${name}$`, "m"));
  assert.match(console, /Inode \d+ ref count is 9, should be 1\. {2}FIXED/);
});

const whole = `root=UUID=${volumes.whole.uuid} ro`;

test("what e2fsck does not repair by itself is the rescue shell's; repaired there by hand, the boot goes on", async (context) => {
  const guest = bootImage(context, image, {
    cmdline: whole,
    disks: [disk("broken")],
    notRehearsed: "the disk's file system is repaired by hand",
  });
  await guest.waitFor(/^What: +errors are left on the file system of \/dev\/vda \(the root\): fsck\.ext4 .*status 4/m);
  await guest.waitFor(/^Remedy: +Run "fsck\.ext4 \/dev\/vda" here/m);
  await guest.waitFor(prompt);
  guest.type("fsck.ext4 -y /dev/vda; echo by-hand=$?; exit\n");
  await guest.waitFor(/^by-hand=1\n/m);
  await rootFacts(guest);
});

/** As a drive that takes its time: a check of all lasts for seconds. */
const slowly = (name: string) => [
  ...["-drive", `file=${join(folder, `${name}.img`)},format=raw,snapshot=on,if=none,id=slow,throttling.iops-total=25`],
  ...["-device", "virtio-blk-pci,drive=slow"],
];

test("Ctrl-C cancels the check, and not the boot", async (context) => {
  const guest = bootImage(context, image, {
    cmdline: `${whole} fsck.mode=force`,
    qemuArguments: slowly("whole"),
    notRehearsed: "a person interrupts a program",
  });
  await guest.waitFor(/WHOLE: \|=+/);
  guest.type("\x03");
  await guest.waitFor(/^What: +the check of \/dev\/vda \(the root\) was cancelled\n/m);
  await guest.waitFor(prompt);
  guest.type("continue-boot\n");
  const { run: files } = await rootFacts(guest);
  assert.ok(files.includes("/run/initramfs"));
});

test("a machine that has hibernated goes on where it was, before anything is checked or mounted", async (context) => {
  const swap = join(outFolder, "tests", "layers-usr-swap.img");
  await writeFile(swap, "");
  await run(["truncate", "-s", "256M", swap]);
  await run(["mkswap", "-q", "-L", "SWAP", swap]);
  context.after(() => rm(swap));
  const boot = {
    disks: [disk("whole")],
    memory: 256,
    qemuArguments: [
      ...["-drive", `file=${swap},format=raw,cache=unsafe,if=none,id=swap`],
      ...["-device", "virtio-blk-pci,drive=swap"],
    ],
    notRehearsed: "what is written to the swap stays on its disk",
  };
  const asleep = bootImage(context, image, { ...boot, cmdline: `${whole} resume=LABEL=SWAP wake-me=first` });
  await asleep.waitFor(/no hibernated system was found on \/dev\/vdb/);
  await asleep.waitFor(/^GOING-TO-SLEEP\n/m);
  await asleep.ended();
  const awake = bootImage(context, image, { ...boot, cmdline: `${whole} resume=LABEL=SWAP wake-me=second` });
  await awake.waitFor(/looking for a hibernated system on \/dev\/vdb/);
  await awake.waitFor(/^WORD woken by .*wake-me=first/m);
  assert.doesNotMatch(await awake.ended(), /checking|phase pre-mount|ROOT-REACHED/);
});
