/** Host-only builds as people run them, on a host that is made up in a mount namespace: what its boot, rehearsed, does to the old image. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostCommandLine } from "../../../core/scenario/host-command-line.js";
import { mkinitrdCommand } from "../../support/firstlight.js";
import { debianKernel } from "../../support/kernels.js";
import { projectFolder } from "../../support/paths.js";
import { tryRun } from "../../support/run.js";
import { systemdStub } from "../../support/uefi.js";
import { scratchFolder } from "../generator/scratch.js";

const program = join(projectFolder, "tools/mkinitrd");
const worker = join(projectFolder, "dist/tools/host-rehearsal-worker.mjs");
const oldImage = "the old image";

interface Host {
  cmdline: string;
  /** Of its only partition; left out: udev does not know it. */
  uuid?: string;
  /** What mkinitrd has for a rehearsal. */
  worker?: string;
}

/**
 * Makes a root of its own out of the host's folders, whatever that is made of, and starts a command there. Of capabilities it has not all that PID 1
 * has, and so cannot see that this is a chroot. $1: the scratch folder; $2: the partition's folder in sysfs; $3: the worker.
 */
const enter = `set -e
folder=$1 partition=$2 worker=$3
shift 3
root=$folder/root
mkdir -p "$root" "$folder/sys/dev/block"
mount -t tmpfs none "$root"
for place in /*; do
  if [ -L "$place" ]; then cp -a "$place" "$root$place"
  elif [ -d "$place" ]; then mkdir "$root$place"; mount --rbind "$place" "$root$place"
  fi
done
ln -sfn "$partition" "$folder/sys/dev/block/$(stat -c %Hd:%Ld "$root")"
# Without what tells of a container.
mount -t tmpfs none "$root/run"
mkdir "$root/run/udev"
mount --bind "$folder/udev" "$root/run/udev"
mount --bind "$folder/sys" "$root/sys"
mount --bind "$folder/cmdline" "$root/proc/cmdline"
mount --bind "$folder/worker.mjs" "$root$worker"
exec setpriv --bounding-set -sys_ptrace,-kill --inh-caps -all chroot "$root" "$@"`;

/** A virtio disk with a partition, which is mounted at /. */
function makeHost(context: TestContext, { cmdline, uuid, worker: replacement }: Host) {
  const device = "devices/pci0000:00/0000:00:04.0";
  const disk = `${device}/virtio1/block/vdx`;
  const folder = scratchFolder(context, {
    [`sys/${device}/modalias`]: "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00\n",
    [`sys/${device}/driver/module/initstate`]: "live\n",
    [`sys/${device}/virtio1/modalias`]: "virtio:d00000002v00001AF4\n",
    [`sys/${device}/virtio1/driver/module/initstate`]: "live\n",
    [`sys/${disk}/dev`]: "254:0\n",
    [`sys/${disk}/size`]: "4096000\n",
    [`sys/${disk}/vdx1/dev`]: "254:1\n",
    [`sys/${disk}/vdx1/size`]: "4094000\n",
    [`sys/${disk}/vdx1/partition`]: "1\n",
    "udev/data/b254:0": "E:ID_PART_TABLE_TYPE=gpt\n",
    ...(uuid === undefined ? {} : { "udev/data/b254:1": `E:ID_FS_TYPE=ext4\nE:ID_FS_UUID=${uuid}\n` }),
    cmdline: `${cmdline}\n`,
    "worker.mjs": replacement ?? readFileSync(worker),
    "boot/x.img": oldImage,
  });
  for (const [link, target] of Object.entries({
    "class/block/vdx": disk,
    "class/block/vdx1": `${disk}/vdx1`,
  })) {
    mkdirSync(dirname(join(folder, "sys", link)), { recursive: true });
    symlinkSync(join("/sys", target), join(folder, "sys", link));
  }
  const image = join(folder, "boot/x.img");
  return {
    image,
    /** What runs a command there. */
    within: (command: readonly string[]) => [
      ...["unshare", "-m", "sh", "-c", enter, "sh", folder, `/sys/${disk}/vdx1`, worker],
      ...command,
    ],
    left: () => [readdirSync(dirname(image)), readFileSync(image, "latin1") === oldImage] as const,
  };
}

const untouched = [["x.img"], true];
const replaced = [["x.img", "x.img.js.map"], false];

/** A build of an image without drivers. */
async function build(context: TestContext, host: Host, words: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const { image, within, left } = makeHost(context, host);
  const result = await tryRun(within([program, "--no-kernel", ...words, "-f", image]), { env });
  return { ...result, image, left: left() };
}

const good = { cmdline: "BOOT_IMAGE=/vmlinuz root=UUID=1-2 ro", uuid: "1-2" };
const bad = { ...good, cmdline: "BOOT_IMAGE=/vmlinuz root=UUID=9-9 ro" };

test("a boot that reaches its root: the image is replaced, without a word", async (context) => {
  const { status, stderr, left } = await build(context, good);
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /rehears/);
  assert.deepEqual(left, replaced);
});

test("a boot that stops keeps the old image, and nothing else; the error is its report", async (context) => {
  const { status, stderr, left, image } = await build(context, bad);
  assert.equal(status, 1);
  assert.deepEqual(left, untouched);
  const [, error = ""] = stderr.split("error: ");
  assert.ok(error.startsWith(`${image} is as it was: with the new image this machine would not boot`), stderr);
  for (const line of [
    /^ {4}What: {4}UUID=9-9, wanted for root, has not come$/m,
    /^ {13}there is vdx1 UUID=1-2 ext4$/m,
    /^ {4}Command: root=UUID=9-9 ro$/m,
    /--no-rehearse$/m,
  ])
    assert.match(error, line);
});

for (const { words = [], env = {} } of [
  { words: ["--no-rehearse"] },
  { env: { DRACUT_REHEARSE: "no" } },
  { words: ["-N"] },
])
  test(`no rehearsal: ${[...words, ...Object.entries(env)].join(" ")}`, async (context) => {
    const { status, stderr, left } = await build(context, bad, words, env);
    assert.equal(status, 0, stderr);
    assert.deepEqual(left, replaced);
  });

test("what cannot be seen of the host is a warning", async (context) => {
  const { status, stderr, left } = await build(context, { cmdline: bad.cmdline });
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /warning: the rehearsal .* leaves open whether it boots: it stops \(UUID=9-9, .*\); not known: what is on \/dev\/vdx1: /,
  );
  assert.deepEqual(left, replaced);
});

test("without root= no boot is rehearsed, and -v says so", async (context) => {
  const { status, stderr, left } = await build(context, { ...bad, cmdline: "quiet" }, ["-v"]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^mkinitrd: no boot is rehearsed: neither .* says root=$/m);
  assert.deepEqual(left, replaced);
});

test("the root= that the image brings is rehearsed, too", async (context) => {
  const host = { ...good, cmdline: "quiet" };
  const { status, stderr } = await build(context, host, ["--kernel-cmdline", "root=UUID=9-9"]);
  assert.equal(status, 1);
  assert.match(stderr, /UUID=9-9, wanted for root, has not come/);
});

test("a rehearsal that fails by itself is a warning", async (context) => {
  const { status, stderr, left } = await build(context, { ...bad, worker: "throw new Error('a defect');" });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /warning: the boot of this machine cannot be rehearsed, .*: Error: a defect$/m);
  assert.deepEqual(left, replaced);
});

test("a build that is ended during the rehearsal leaves the old image", async (context) => {
  const { image, within, left } = makeHost(context, { ...good, worker: "setInterval(() => {}, 1000);" });
  const [command = "", ...words] = within([program, "--no-kernel", "-f", image]);
  const child = spawn(command, words, { stdio: "ignore" });
  const ended = once(child, "exit");
  while (readdirSync(dirname(image)).length === 1) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [143, null]);
  assert.deepEqual(left(), untouched);
});

test("drivers, and the command line of a unified kernel image", async (context) => {
  const kernel = await debianKernel("cloud");
  const { image, within, left } = makeHost(context, good);
  const build = (words: readonly string[]) => tryRun(within(mkinitrdCommand(["--zstd", ...words], image, kernel)));
  const lacking = await build(["--omit-drivers", "virtio_blk"]);
  assert.equal(lacking.status, 1, lacking.stderr);
  assert.match(lacking.stderr, /UUID=1-2, wanted for root, has not come/);
  const uki = ["--uefi", "--uefi-stub", await systemdStub()];
  const wrong = await build([...uki, "--kernel-cmdline", "root=UUID=9-9"]);
  assert.equal(wrong.status, 1, wrong.stderr);
  assert.match(wrong.stderr, /UUID=9-9, wanted for root, has not come/);
  assert.deepEqual(left(), untouched);
  const whole = await build([...uki, "--kernel-cmdline", "root=UUID=1-2"]);
  assert.equal(whole.status, 0, whole.stderr);
  assert.doesNotMatch(whole.stderr, /rehears/);
  assert.deepEqual(left(), replaced);
});

test("--regenerate-all: each kernel's image is rehearsed; of one without the disk's driver the old one stays", async (context) => {
  const [whole, lacking] = [await debianKernel("cloud"), await debianKernel("full")];
  const { image, within } = makeHost(context, good);
  const imageOf = (release: string) => join(dirname(image), `initramfs-${release}.img`);
  for (const { release } of [whole, lacking]) writeFileSync(imageOf(release), oldImage);
  const over = (folder: string, layer: string) =>
    `mkdir -p /mnt/${layer}/upper /mnt/${layer}/work; mount -t overlay none -o lowerdir=${folder},upperdir=/mnt/${layer}/upper,workdir=/mnt/${layer}/work`;
  const script = `set -e
    mount -t tmpfs none /mnt
    ${over("/usr/lib", "lib")} /usr/lib
    mkdir -p /usr/lib/modules
    mount -t tmpfs none /usr/lib/modules
    cd /usr/lib/modules
    mkdir ${whole.release} ${lacking.release}
    mount --bind ${whole.modules} ${whole.release}
    ${over(lacking.modules, "lacking")} ${lacking.release}
    find ${lacking.release} -name 'virtio_blk.ko*' -delete
    depmod ${lacking.release}
    mount --bind ${dirname(image)} /boot
    exec "$@"`;
  const command = ["sh", "-c", script, "sh", program, "--regenerate-all", "--compress", "zstd -1"];
  const { status, stderr } = await tryRun(within(command));
  assert.equal(status, 1, stderr);
  const [, error = "", ...others] = stderr.split("error: ");
  assert.deepEqual(others, []);
  assert.ok(error.startsWith(`/boot/initramfs-${lacking.release}.img is as it was: `), stderr);
  assert.match(error, /^ +What: +UUID=1-2, wanted for root, has not come$/m);
  const isOld = ({ release }: typeof whole) => readFileSync(imageOf(release), "latin1") === oldImage;
  assert.deepEqual([isOld(whole), isOld(lacking)], [false, true]);
});

test("the command line that a host would boot an image with", (context) => {
  const mountinfo = (type: string) => ({ "proc/self/mountinfo": `1 0 8:1 / / rw - ${type} /dev/sda1 rw\n` });
  const host = { ...mountinfo("ext4"), "proc/cmdline": 'BOOT_IMAGE=/v initrd=\\i.img root="LABEL=my root" ro\n' };
  const ask = (files: Readonly<Record<string, string>>, commandLine = "", ownParameters: string[] = []) =>
    hostCommandLine({ commandLine, ownParameters }, scratchFolder(context, files));
  assert.deepEqual(ask(host), { commandLine: 'root="LABEL=my root" ro' });
  assert.deepEqual(ask(host, "root=/dev/sdb quiet"), { commandLine: "root=/dev/sdb quiet" });
  assert.deepEqual(ask({ ...host, "proc/cmdline": "ro\n" }, "", ["rd.retry=7\n", "root=/dev/sdb\n"]), {
    commandLine: "ro",
  });
  assert.match(JSON.stringify(ask({ ...host, "proc/cmdline": "ro\n" })), /"unknown":"neither/);
  for (const contained of [
    { ...host, ...mountinfo("overlay") },
    { "proc/cmdline": "root=/dev/sda1" },
    { ...host, "run/systemd/container": "systemd-nspawn" },
    { ...host, "run/.containerenv": "" },
    { ...host, "proc/1/root/etc/hostname": "of the system around a chroot" },
  ])
    assert.match(JSON.stringify(ask(contained)), /"unknown":"in a container or chroot/);
});
