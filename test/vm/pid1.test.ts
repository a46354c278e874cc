/** The initramfs is the whole system: two stages under PID 1, and the kernel that follows (module pid1). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { applianceFolder, glibc, kexecTools, runit } from "../support/appliance.js";
import { bootImage, buildImage, guestParameters, type Image } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { projectFolder } from "../support/paths.js";
import { run } from "../support/run.js";

/** The third kernel's: the static init, and nothing else of firstlight. Its only stage wants a restart by the firmware. */
const thirdBoot = `#!/bin/sh
echo "THIRD $(uname -r) $(cat /proc/cmdline)"
ls /init /usr/lib/firstlight 2>&1 | sed 's/^/THIRD /'
sed -n 's/^Rss: */THIRD Rss /p' /proc/1/smaps_rollup
: >/reboot
`;

/** The second kernel's, which loads the next one by itself. */
const secondBoot = `#!/bin/sh
echo "SECOND $(uname -r) $(cat /proc/cmdline)"
[ -e /from-initrd ] && echo "SECOND with its initrd"
`;
const ownKexec = `#!/bin/sh
kexec -l /next/kernel --initrd=/next/initrd --reuse-cmdline && kexec -e
`;

/** What a stage sees, in the first round; then services, until somebody ends them. */
const firstRound = `
sed 's/^/MOUNT /' /proc/mounts
for process in 1 $$; do
  for fd in 0 1 2; do echo "FD $process $fd $(readlink /proc/$process/fd/$fd)"; done
  grep -E '^(SigBlk|SigIgn):' /proc/$process/status | sed "s/^/SIGNALS $process /"
done
cut -d' ' -f6 /proc/$$/stat | sed "s/^$$$/its own/; s/^/SESSION /"
for link in /etc/mtab /dev/fd /dev/stdin /dev/stdout /dev/stderr; do echo "LINK $link $(readlink $link)"; done
stat -c 'MODE %n %a' /tmp /dev/shm
echo "COMMAND $(tr '\\0' ' ' </proc/1/cmdline)"
echo "ENVIRONMENT $TERM $PATH $HOME"
echo "INIT $(ls /init 2>&1)"
for signal in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 34 40 64; do kill -$signal 1; done
n=0
while [ $n -lt 200 ]; do (sleep 0 &); n=$((n + 1)); done
zombies() { grep -s '^State:.*zombie' /proc/[0-9]*/status | grep -c .; }
n=0
while [ "$(zombies)" != 0 ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
echo "ZOMBIES $(zombies)"
sed -n 's/^Rss: */RSS /p' /proc/1/smaps_rollup
echo "<3>service: failed badly" >&2
echo "<7>service: of no interest" >&2
n=0
while [ $n -lt 30 ]; do echo "<6>service: line $n" >&2; n=$((n + 1)); done
echo "RING $(dmesg | grep -c 'service: line')"
cat /run/initramfs/trace >/dev/ttyS3
exec runsvdir -P /run/service
`;

const boot = `#!/bin/sh
read round </round
echo $((round + 1)) >/round
echo "BOOT $round"
[ $round = 1 ] && {${firstRound}}
[ $round = 2 ] && { sleep 1000 & kill -KILL $$; }
`;
const reboot = `#!/bin/sh
left() { ps | grep -c 'sleep 100[0]'; }
: \${ROUND:=$(cat /round)}
# What runsvdir has ended takes its time.
n=0
while [ $ROUND = 2 ] && [ "$(left)" != 0 ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
echo "REBOOT $((ROUND - 1)) $(pidof runsv | wc -w) $(left)"
case $ROUND in
2) rm -rf /usr/lib/firstlight ;;
3) mv /etc/boot /etc/boot.away; echo 4 >/round; echo nonsense >/kernel ;;
4) rm /kernel; mv /etc/boot.away /etc/boot; echo 5 >/round
   mv /next/kernel /kernel; mv /next/initrd /kernel.initrd; echo "$(cat /proc/cmdline) second=1" >/kernel.cmdline ;;
esac
`;

/** Killed once by another service, it comes back; with that, the supervisor is ended as the seed has it. */
const supervised = `#!/bin/sh
echo "SERVICE $(($(cat /starts 2>/dev/null) + 1))"
echo $(($(cat /starts 2>/dev/null) + 1)) >/starts
echo $$ >/pid
exec sleep 1000
`;
const ending = `#!/bin/sh
while [ ! -s /starts ]; do sleep 0.1; done
kill $(cat /pid)
while [ "$(cat /starts)" -lt 2 ]; do sleep 0.1; done
exec pkill -HUP runsvdir
`;

let image: Image;
before(async () => {
  const kernel = (await debianKernel("cloud")).image;
  const third = await applianceFolder("pid1-third", { "etc/boot": thirdBoot });
  await run([join(projectFolder, "tools/mkinitrd"), "-q", "-m", "pid1", "--static-init", "/init"], {
    env: { DESTDIR: third },
  });
  const archive = `${third}.cpio`;
  await run([
    "sh",
    "-c",
    'cd "$1" && mkdir dev && mknod dev/console c 5 1 && find . | cpio -oH newc --quiet >"$2"',
    "sh",
    third,
    archive,
  ]);
  const second = await applianceFolder(
    "pid1-second",
    { "etc/boot": secondBoot, "etc/reboot": ownKexec, "from-initrd": "" },
    [...(await kexecTools()), ["next/kernel", kernel], ["next/initrd", archive]],
  );
  const options = (folder: string) => ["-m", "pid1", "-i", folder, "/", "-I", glibc, "--compress", "zstd -1"];
  const { file } = await buildImage("pid1-second", options(second));
  const services = { "run/service/supervised/run": supervised, "run/service/ending/run": ending };
  const first = await applianceFolder(
    "pid1-first",
    { "etc/boot": boot, "etc/reboot": reboot, round: "1\n", ...services },
    [...(await runit()), ["next/kernel", kernel], ["next/initrd", file]],
  );
  image = await buildImage("pid1", options(first));
});

/** As the seed has /proc/mounts. The root's source is the kernel's own; options that count are those of mount(2) and devpts(5). */
const mounts = [
  "/ rootfs nosuid,rw",
  "none /dev devtmpfs noexec,nosuid,rw",
  "devpts /dev/pts devpts gid=5,mode=620,noexec,nosuid,ptmxmode=000,relatime,rw",
  "none /proc proc nodev,noexec,nosuid,relatime,rw",
  "none /sys sysfs nodev,noexec,nosuid,relatime,rw",
  "none /sys/fs/cgroup cgroup2 nodev,noexec,nosuid,relatime,rw",
];

function comparableMount(line: string): string {
  const [source, point, type, options = ""] = line.split(" ");
  const kernelOwn = type === "devpts" ? /^$/ : /^(size|nr_inodes|mode|inode64)\b/;
  const told = options.split(",").filter((option) => !kernelOwn.test(option));
  return [...(point === "/" ? [] : [source]), point, type, told.sort().join()].join(" ");
}

test("the life of a system: services, warm restarts, a stage that is killed, one that is missing, and three kernels", async (context) => {
  const guest = bootImage(context, image, {
    cmdline: "loglevel=7 rd.trace=1 -- argument",
    memory: 1024,
  });
  const console = await guest.ended();
  const lines = (name: string) =>
    [...console.matchAll(new RegExp(`^${name} (.*)$`, "gm"))].map(([, text = ""]) => text.trim());

  assert.deepEqual(lines("MOUNT").map(comparableMount).sort(), mounts.sort());
  const streams = ["0 /dev/null", "1 /dev/console", "2 /dev/kmsg"];
  assert.deepEqual(
    lines("FD").map((line) => line.replace(/^\d+ /, "")),
    [...streams, ...streams],
  );
  const masks = lines("SIGNALS");
  assert.match(masks[0] ?? "", /^1 SigBlk:\tfffffffe7ffbfeff$/, "all that can be blocked");
  assert.match(masks[2] ?? "", /^\d+ SigBlk:\t0{16}$/, "none");
  assert.deepEqual(lines("SESSION"), ["its own"]);
  assert.deepEqual(lines("LINK"), [
    "/etc/mtab /proc/mounts",
    "/dev/fd /proc/self/fd",
    "/dev/stdin /proc/self/fd/0",
    "/dev/stdout /proc/self/fd/1",
    "/dev/stderr /proc/self/fd/2",
  ]);
  assert.deepEqual(lines("MODE"), ["/tmp 1777", "/dev/shm 1777"]);
  assert.deepEqual(lines("COMMAND"), ["/init"]);
  assert.deepEqual(lines("ENVIRONMENT"), ["linux /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /"]);
  assert.match(lines("INIT").join(), /No such file/);
  assert.deepEqual(lines("ZOMBIES"), ["0"]);
  for (const size of [...lines("RSS"), ...lines("THIRD Rss")]) assert.ok(Number.parseInt(size, 10) <= 1024, size);

  // The console shows what is more urgent than loglevel=.
  assert.match(console, /^\[ *[\d.]+\] service: failed badly$/m);
  assert.doesNotMatch(console, /of no interest/);
  assert.deepEqual(lines("RING"), ["30"], "none is lost");
  assert.deepEqual(lines("SERVICE"), ["1", "2"]);
  assert.deepEqual(lines("BOOT"), ["1", "2"]);
  assert.deepEqual(
    lines("REBOOT").map((line) => line.replace(/^(\d) \d/, "$1")),
    ["1 0", "2 1", "3 0"],
    "what a stage has left runs until the restart",
  );

  const said = [...console.matchAll(/^\[ *[\d.]+\] \/init: (.*)$/gm)].map(([, text]) => text);
  const round = (boot: string) => [
    "/etc/boot starts",
    `/etc/boot ${boot}`,
    "/etc/reboot starts",
    "/etc/reboot has ended",
  ];
  const commandLine = `${guestParameters} loglevel=7 rd.trace=1 -- argument second=1`;
  assert.deepEqual(said, [
    ...round("has ended with status 111"),
    ...round("has ended with status 137 (signal 9)"),
    "/kernel cannot be loaded: OpError: kexecLoad: ENOEXEC (not a program that this machine can run): /kernel",
    ...round("cannot be started: ENOENT, it is not there, or the program behind its #! is not"),
    `/kernel follows, with the command line: ${commandLine}`,
    ...round("has ended").slice(0, 3),
    ...round("has ended").slice(0, 2),
    "/etc/reboot starts",
    "/etc/reboot cannot be started: ENOENT, it is not there, or the program behind its #! is not",
    "/reboot is there: the machine restarts",
  ]);

  assert.equal([...console.matchAll(/\bLinux version /g)].length, 3);
  assert.deepEqual(lines("SECOND"), [`${image.kernel.release} ${commandLine}`, "with its initrd"]);
  const third = lines("THIRD");
  assert.equal(third[0], `${image.kernel.release} ${commandLine}`);
  assert.deepEqual(
    third.filter((line) => line.includes("No such file")).length,
    2,
    "neither /init nor another file of firstlight is there",
  );
  assert.match(console, /reboot: Restarting system/);
});
