/** tools/rehearse as people run it: a real image on machines that are described, assumed, or described wrong. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { engineHash, snapshotPath } from "../../core/abi/index.js";
import { type MachineFile, machineSchema } from "../../core/schema/machine.js";
import { buildImage } from "../support/firstlight.js";
import { projectFolder } from "../support/paths.js";
import { run, tryRun } from "../support/run.js";

const program = join(projectFolder, "tools/rehearse");
const example = join(projectFolder, "docs/machine.json");
const uuid = "00361d4e-646b-478c-9947-73b9bec8531e";
const folder = mkdtempSync(join(tmpdir(), "firstlight-rehearse-"));
after(() => rmSync(folder, { recursive: true }));
const { file: image } = await buildImage("rehearse", ["-N", "-a", "tmpfs-root", "--compress", "zstd -1"]);
const unpacked = join(folder, "unpacked");
await run([join(projectFolder, "tools/lsinitrd"), `--unpack=${unpacked}`, image]);

async function rehearse(...words: string[]) {
  const { status, stdout, stderr } = await tryRun([program, ...words]);
  assert.doesNotMatch(stderr, /^ +at /m, "no stack trace");
  return { status, text: stdout, problems: stderr };
}

function machineFile(machine: MachineFile | string): string {
  const file = join(folder, "machine.json");
  writeFileSync(file, typeof machine === "string" ? machine : JSON.stringify(machine));
  return file;
}

test("the example of the manual boots its root, by the image's own drivers", async () => {
  const picture = join(folder, "picture.svg");
  const words = ["--cmdline", `root=UUID=${uuid} ro`, "--machine", example, "--svg", picture];
  const { status, text } = await rehearse(image, ...words);
  assert.equal(status, 0, text);
  assert.match(text, /insert .*virtio_pci \[5 ms\]\n.*insert virtio_blk \[200 ms\]\n/);
  assert.match(text, /^ +3\.7\d\d · mount \/dev\/vda2 on \/sysroot \(ext4, ro\) \[1 ms\]$/m);
  assert.match(text, /\n +\S+ would switch to \/sysroot and run \/sbin\/init\n$/);
  const drawn = readFileSync(picture, "utf8");
  assert.match(
    drawn,
    />rehearse\.img, rehearsed<.*: would switch to \/sysroot and run .*>initqueue: tmpfs-root, rootfs-block, /s,
  );
  assert.match(drawn, />virtio_blk, 200 ms<.*>mount \/dev\/vda2 on \/sysroot \(ext4, ro\), 1 ms</s);
});

test("the manual names every key of a machine file", () => {
  const manual = readFileSync(join(projectFolder, "docs/rehearse.md"), "utf8");
  const keysOf = (part: unknown): string[] => {
    if (typeof part !== "object" || part === null) return [];
    const { properties = {} } = part as { properties?: object };
    return [...Object.keys(properties), ...Object.values(part).flatMap(keysOf)];
  };
  const keys = new Set(keysOf(machineSchema).filter((key) => key !== "properties"));
  assert.ok(keys.size > 25, "keys were found");
  assert.deepEqual(
    [...keys].filter((key) => !new RegExp(`[\`{ "]${key}[\`" :]`).test(manual)),
    [],
  );
});

test("a root in memory: it fits, or the report says why not", async () => {
  const line = `root=tmpfs:UUID=${uuid} rd.tmpfs.size=`;
  const fits = await rehearse(image, "-c", `${line}3G`, "-m", example);
  assert.equal(fits.status, 0, fits.text);
  assert.match(fits.text, /rootfs\.tar\.zst: 50 % of 734 MB unpacked/);
  const full = await rehearse(image, "-c", `${line}1G`, "-m", example);
  assert.equal(full.status, 1, full.text);
  assert.match(full.text, /What: {4}the archive rootfs\.tar\.zst does not fit .*rd\.tmpfs\.size=1G/);
  assert.match(full.text, /\n +\S+ would stop: the archive .* does not fit/);
});

test("a disk whose driver is not in the image, or does not load, never comes", async () => {
  const described = JSON.parse(readFileSync(example, "utf8")) as MachineFile;
  const [disk] = described.disks ?? [];
  assert.ok(disk);
  const line = `root=UUID=${uuid} rd.retry=5`;
  const other = machineFile({ disks: [{ ...disk, behind: ["pci:v0000DEADd0000BEEFsv0sd0bc01sc00i00"] }] });
  const unknown = await rehearse(image, "-c", line, "-m", other);
  assert.equal(unknown.status, 1, unknown.text);
  assert.match(unknown.text, /no block device is there at all/);
  const broken = machineFile({ ...described, drivers: { virtio_blk: { fails: "ENOEXEC" } } });
  const fails = await rehearse(image, "-c", line, "-m", broken);
  assert.equal(fails.status, 1);
  assert.match(fails.text, /insert virtio_blk: virtio_blk ENOEXEC/);
});

test("a person at the shell mounts the root by hand, and goes on; what cannot be mounted so is left open", async () => {
  const described = JSON.parse(readFileSync(example, "utf8")) as MachineFile;
  const rehearsed = (device: string) => {
    const mounts = [{ device, on: "/sysroot", type: "ext4", readOnly: true }];
    const programs = [{ argv: ["shell"], lasts: 7, mounts, signal: "SIGUSR1" }];
    return rehearse(image, "-c", "root=LABEL=other rd.retry=4", "-m", machineFile({ ...described, programs }));
  };
  const { status, text } = await rehearsed("/dev/vda2");
  assert.equal(status, 0, text);
  assert.match(
    text,
    /What: +LABEL=other.*\/sysroot is mounted already.* would switch to \/sysroot and run \/sbin\/init\n$/s,
  );
  const open = await rehearsed("/dev/vdb");
  assert.equal(open.status, 2, open.text);
  assert.match(open.text, /left open: how shell mounts \/dev\/vdb on \/sysroot \(ext4\): ENOENT\nDescribe that/);
});

test("a person at the shell does what was missing, and leaves it: the boot is tried again, once", async () => {
  const described = JSON.parse(readFileSync(example, "utf8")) as MachineFile;
  const rehearsed = (link: string) => {
    const programs = [{ argv: ["shell"], files: { "/dev/other": { link } } }];
    return rehearse(image, "-c", "root=/dev/other rd.retry=4", "-m", machineFile({ ...described, programs }));
  };
  const { status, text } = await rehearsed("vda2");
  assert.equal(status, 0, text);
  assert.equal(text.match(/phase initqueue: /g)?.length, 2);
  assert.match(text, /What: +\/dev\/other.* would switch to \/sysroot and run \/sbin\/init\n$/s);
  const vain = await rehearsed("vdb");
  assert.equal(vain.status, 1, vain.text);
  assert.equal(vain.text.match(/What: +\/dev\/other/g)?.length, 2);
});

test("an image without drivers is for a kernel that has them built in", async () => {
  const file = join(folder, "no-kernel.img");
  await run([join(projectFolder, "tools/mkinitrd"), "-qN", "--no-kernel", "--compress", "zstd -1", file]);
  const { status, text } = await rehearse(file, "-c", `root=UUID=${uuid}`, "-m", example);
  assert.equal(status, 0, text);
  assert.doesNotMatch(text, /insert/);
});

test("without a machine, but with words of virtiofs: folders are assumed, with what init= names in one", async () => {
  const { file } = await buildImage("rehearse-virtiofs", ["-N", "-m", "virtiofs"]);
  for (const [cmdline, tags] of [
    ["root=virtiofs:top", "a folder of the host is assumed, by virtiofs: top;"],
    ["rootfstype=virtiofs root=rootfs mount=mnt0 init=/run/mnt/mnt0/osbuild/vm.py", "virtiofs: rootfs, mnt0;"],
    ["rootfs=", "virtiofs: rootfs;"],
  ] as const) {
    const { status, text } = await rehearse(file, "--cmdline", cmdline);
    assert.equal(status, 0, text);
    assert.ok(text.includes(tags), text);
  }
});

test("without a machine: one is assumed, and said; a name by hardware leaves it open", async () => {
  for (const root of [`UUID=${uuid}`, "LABEL=x", "PARTUUID=x", "PARTLABEL=x", "/dev/nvme0n1p2", "tmpfs:UUID=x"]) {
    const { status, text } = await rehearse(image, "-c", `ro root=${root}`);
    assert.equal(status, 0, text);
    assert.match(text, /^\(no machine is described: a disk is assumed/);
  }
  const hardware = await rehearse(image, "-c", "root=/dev/disk/by-id/x rd.retry=1");
  assert.equal(hardware.status, 2, hardware.text);
  assert.match(hardware.text, /left open: on which machine it boots.*\nDescribe that in the machine file/);
  const none = await rehearse(image, "-c", "ro");
  assert.equal(none.status, 1);
  assert.match(none.text, /there is no root=/);
});

test("this host as the machine: whatever can be seen of it", async () => {
  const { status, text } = await rehearse(image, "-c", "root=/dev/nothing rd.retry=1", "-m", "host");
  assert.match(text, /^\(the machine is this host, with what can be seen of it/);
  assert.equal(status, /^[^\n]*; /.test(text) ? 2 : 1, text);
});

test("what the description leaves open: an archive of which nothing is said", async () => {
  const data = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
  writeFileSync(join(folder, "x.tar.zst"), data);
  const described = machineFile({
    disks: [{ name: "sda", tags: { TYPE: "ext4" }, files: { "rootfs.tar.zst": { from: "x.tar.zst" } } }],
  });
  const { status, text } = await rehearse(image, "-c", "root=tmpfs:/dev/sda", "-m", described);
  assert.equal(status, 2, text);
  assert.match(text, /left open: what is in the archive that is unpacked/);
});

test("--json: the ops, and how it ended", async () => {
  const { status, text } = await rehearse(image, "-c", `root=UUID=${uuid} init=/x`, "-m", example, "--json");
  const told = JSON.parse(text);
  assert.equal(status, 1);
  assert.deepEqual([told.schema_version, told.status, told.end], [1, 1, "failed"]);
  assert.match(told.verdict, /^would stop: .*no init to run/);
  assert.ok(told.milliseconds > 3700);
  const mount = told.ops.find(({ op }: { op: string }) => op === "mount");
  assert.deepEqual([mount.arguments.target, Object.keys(mount.outcome)], ["/sysroot", ["value"]]);
});

test("-v shows every op; an unpacked folder does as well as the image", async () => {
  const words = ["-c", `root=UUID=${uuid}`, "-m", example];
  const [brief, all] = [await rehearse(image, ...words), await rehearse(image, ...words, "-v")];
  assert.doesNotMatch(brief.text, /resolveDriver/);
  assert.match(all.text, /· resolveDriver virtio:d00000002v00001AF4/);
  assert.equal((await rehearse(unpacked, ...words)).text, brief.text);
});

/** What cannot begin. */
async function refused(words: readonly string[], ...says: RegExp[]): Promise<void> {
  const { status, text, problems } = await rehearse(...words);
  assert.deepEqual([status, text], [3, ""], problems);
  assert.match(problems, /^(rehearse: error: .*\n)+$/);
  for (const pattern of says) assert.match(problems, pattern);
}

test("command lines that cannot be meant", async () => {
  await refused([], /no image is named/);
  await refused([image], /no kernel command line is given/);
  await refused([image, "--cmdlin=x"], /unknown option --cmdlin: did you mean --cmdline\?/);
  await refused([image, image, "-c", ""], /one image too many/);
  await refused([image, "-c"], /-c needs a value/);
  await refused([image, "-c", "x", "-c", "y"], /-c is given twice/);
  await refused([image, "-c", "x", "--json=1"], /--json takes no value/);
  const help = await rehearse("--help");
  assert.equal(help.status, 0);
  assert.match(help.text, /Exit status: 0 .* 1 .* 2 .* 3/s);
});

test("an image that is the whole system needs no command line", async () => {
  const stages = ["--install", "true", "--include", "/bin/true", "/etc/boot", "--include", "/bin/true", "/etc/reboot"];
  const { file } = await buildImage("rehearse-system", ["-N", "--no-kernel", "-m", "pid1", ...stages]);
  const { status, text } = await rehearse(file);
  assert.deepEqual([status, /would run \/etc\/boot, as a stage of the system/.test(text)], [0, true], text);
});

test("images that cannot be rehearsed", async () => {
  await refused([join(folder, "none"), "-c", ""], /none cannot be read: no such file/);
  await refused(["/proc", "-c", ""], /^rehearse: error: \/proc has no \/init: name an image, or the folder that/);
  const foreign = join(folder, "foreign");
  mkdirSync(foreign);
  writeFileSync(join(foreign, "init"), "#!/bin/sh\n");
  await refused([foreign, "-c", ""], /has no \/usr\/lib\/firstlight\/bundle\.js: only images of firstlight/);
  await refused([example, "-c", ""], /neither a cpio archive nor any compression/);
  const cut = join(folder, "cut.img");
  cpSync(image, cut);
  truncateSync(cut, 100_000);
  await refused([cut, "-c", ""], /cut\.img/);
  const other = join(folder, "other");
  cpSync(unpacked, other, { recursive: true, verbatimSymlinks: true });
  const snapshot = readFileSync(join(other, snapshotPath));
  snapshot.write(engineHash.replace(/./g, "0"), 16);
  writeFileSync(join(other, snapshotPath), snapshot);
  await refused([other, "-c", ""], /boots with another engine \(000000000000…\)/);
  writeFileSync(join(other, snapshotPath), "");
  writeFileSync(join(other, "usr/lib/firstlight/bundle.js"), "throw new Error('no')");
  await refused([other, "-c", ""], /the boot code of .* cannot be loaded: .*no; build the image again/);
});

test("machine files that are wrong: where, and what is meant", async () => {
  const wrong = (machine: MachineFile | string, ...says: RegExp[]) =>
    refused([image, "-c", "", "-m", machineFile(machine)], ...says);
  await refused([image, "-c", "", "-m", join(folder, "none.json")], /none\.json cannot be read: no such file/);
  await refused([image, "-c", "", "-m", "/dev/zero"], /zero is larger than 16 MiB: name a machine file/);
  await wrong("", /machine\.json:1:1: this is no JSON/);
  await wrong('{\n  "disks": [ { "name": "vda", } ]\n}', /machine\.json:2:31: this is no JSON/);
  await wrong('{\n  "disks": [\n', /machine\.json:3:1: this is no JSON/);
  await wrong('{\n  "memory": nonsense }', /machine\.json:2:14: this is no JSON/);
  await wrong('{\n  "memory": 2es,\n  "nodes": 1\n}', /machine\.json:2:15: this is no JSON: Exponent part/);
  await wrong("[]", /the machine: must be object/);
  await wrong('{ "disk": [] }', /the machine: unknown key disk: did you mean disks\?/);
  await wrong(
    '{ "memory": "12Q", "disks": [{ "nam": "vda", "partitions": [{ "tags": { "TYPE": 7 } }] }] }',
    /memory: has to be a number of bytes, or text with a unit, as "512M", not "12Q"/,
    /disks\[0\]: unknown key nam: did you mean name\?/,
    /disks\[0\]\.partitions\[0\]\.tags\.TYPE: must be string, not 7/,
  );
  await wrong(
    { disks: [{ name: "vda", files: { "a.tar": { from: "not/there" } } }] },
    /not\/there, which the machine file names for a\.tar, cannot be read: no such file/,
  );
});
