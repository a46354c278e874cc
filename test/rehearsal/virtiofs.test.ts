/** Roots and other folders by virtiofs, and overlays: every form, and what is wrong with one, on simulated machines. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { SwitchWord } from "../../core/abi/index.js";
import type { MachineDescription, SimulatedFolder } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const root = { "bin/sh": program, "sbin/init": program, "run/": "", "tmp/": "" };
const behind = ["virtio:d0000001Av00001AF4"];
const folders: SimulatedFolder[] = [
  { tag: "rootfs", behind, files: root },
  { tag: "mnt0", behind, files: { "osbuild/vm.py": program } },
  { tag: "data", behind },
];
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: ["virtiofs"] });
});

/** Its kernel has all that is needed built in. */
const machine: Omit<MachineDescription, "commandLine"> = {
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: { "etc/": "" },
  devices: [],
  folders,
  modaliases: [],
  monolithic: true,
  programs: {},
};

async function boot(commandLine: string, change: Partial<MachineDescription> = {}) {
  const simulated = createMachine({ ...machine, commandLine: `rd.shell=0 rd.retry=5 ${commandLine}`, ...change });
  const word = await rehearse(bundle, simulated);
  const mounts = simulated.files.mounts.map(
    ({ source, point, system, flags }) =>
      `${source} on ${point} (${[system.type, ...flags].join(" ")}${system.shown && ` ${system.shown.slice(1)}`})`,
  );
  return { word, mounts, shown: simulated.console(), files: simulated.files, asked: simulated.recorded() };
}

const ownMoves = ["/run", "/dev", "/proc", "/sys"];
const osbuildMoves = [...ownMoves, "/tmp"];

/** By command line: init, what moves with it, and the mounts of folders in their order. */
const forms: [commandLine: string, init: string, moves: string[], mounts: string[]][] = [
  ["root=virtiofs:rootfs", "/sbin/init", ownMoves, ["rootfs on /sysroot (virtiofs)"]],
  ["root=virtiofs:rootfs ro rootflags=dax", "/sbin/init", ownMoves, ["rootfs on /sysroot (virtiofs ro)"]],
  ["rootfstype=virtiofs root=rootfs", "/sbin/init", ownMoves, ["rootfs on /sysroot (virtiofs)"]],
  ["rootfs=rootfs", "/bin/sh", osbuildMoves, ["rootfs on /sysroot (virtiofs ro)"]],
  ["rootfs=rootfs rw init=/sbin/init", "/sbin/init", osbuildMoves, ["rootfs on /sysroot (virtiofs)"]],
  ["rootfs=", "/bin/sh", osbuildMoves, ["rootfs on /sysroot (virtiofs ro)"]],
  ["", "/bin/sh", osbuildMoves, ["rootfs on /sysroot (virtiofs ro)"]],
  ["root=virtiofs:rootfs rootfs=rootfs mount= mount", "/bin/sh", osbuildMoves, ["rootfs on /sysroot (virtiofs ro)"]],
  [
    "rootfstype=virtiofs root=rootfs ro mount=mnt0 init=/run/mnt/mnt0/osbuild/vm.py",
    "/run/mnt/mnt0/osbuild/vm.py",
    osbuildMoves,
    ["rootfs on /sysroot (virtiofs ro)", "mnt0 on /run/mnt/mnt0 (virtiofs)"],
  ],
  [
    "root=virtiofs:rootfs mount-ro=data mount=mnt0",
    "/sbin/init",
    osbuildMoves,
    ["rootfs on /sysroot (virtiofs)", "data on /run/mnt/data (virtiofs ro)", "mnt0 on /run/mnt/mnt0 (virtiofs)"],
  ],
  [
    "rootfs= mount=data mount=mnt0 mount-ro=data",
    "/bin/sh",
    osbuildMoves,
    ["rootfs on /sysroot (virtiofs ro)", "data on /run/mnt/data (virtiofs ro)", "mnt0 on /run/mnt/mnt0 (virtiofs)"],
  ],
];
for (const [commandLine, init, moves, expected] of forms)
  test(`a root of virtiofs: ${commandLine || "no word of it"}`, async () => {
    const { word, mounts, shown } = await boot(commandLine);
    assert.equal(word.word, "switch", shown);
    assert.deepEqual([(word as SwitchWord).init, (word as SwitchWord).moves], [init, moves]);
    assert.deepEqual(
      mounts.filter((line) => line.includes("virtiofs")),
      expected,
    );
  });

test("what osbuild's init finds: file systems with their limits, nodes with their modes", async () => {
  const { mounts, files, asked } = await boot("rootfs= security=selinux");
  const hasMount = (line: string) => assert.ok(mounts.includes(line), `${line}:\n${mounts.join("\n")}`);
  hasMount("devtmpfs on /dev (devtmpfs nosuid size=4096k)");
  hasMount("tmpfs on /run (tmpfs nosuid nodev size=65536k,mode=755)");
  hasMount("tmpfs on /tmp (tmpfs nosuid nodev size=131072k)");
  hasMount("cgroup2 on /sys/fs/cgroup (cgroup2 nosuid noexec nodev)");
  // A process each for these would be a good part of what the boot costs.
  const inProcesses = asked.filter(({ name }) => name === "mount").map(({ arguments: json }) => JSON.parse(json).type);
  assert.deepEqual(inProcesses, ["virtiofs"]);
  const nodes = ["kvm", "loop-control", "fuse"].map((name) => {
    const { node, mode } = files.find(`/dev/${name}`);
    return [name, node, mode.toString(8)];
  });
  assert.deepEqual(nodes, [
    ["kvm", "10:232", "660"],
    ["loop-control", "10:237", "660"],
    ["fuse", "10:229", "666"],
  ]);
  const removed = (ops: typeof asked) => ops.filter(({ name }) => name === "remove").map(({ arguments: json }) => json);
  assert.ok(!removed(asked).some((json) => json.includes("/dev/fuse")));
  const builtIn = await boot("rootfs=", { drivers: { fuse: [] } });
  assert.ok(
    removed(builtIn.asked).some((json) => json.includes("/dev/fuse")),
    "the kernel's own is for root alone",
  );
});

test("seclabel is given where SELinux is active, and nowhere else", async () => {
  const labelled = async (commandLine: string) =>
    (await boot(commandLine)).asked.filter(({ arguments: json }) => json.includes("seclabel")).length;
  assert.deepEqual([await labelled("rootfs="), await labelled("rootfs= security=selinux")], [0, 3]);
});

/** By command line: what the report says, and of which machine. */
const wrong: [commandLine: string, said: RegExp, change?: Partial<MachineDescription>][] = [
  ["rootfs= mount=..", /What: +mount=\.\.: a tag with "\/", .* would be mounted elsewhere than below \/run\/mnt/],
  ["rootfs= mount=.", /What: +mount=\.: a tag/],
  ["rootfs= mount-ro=a/b", /What: +mount-ro=a\/b: a tag/],
  ["root=floppy", /This image accepts root=UUID=…, .*root=virtiofs:TAG, root=TAG rootfstype=virtiofs, rootfs=TAG\./],
  [
    "rootfs=",
    /no init to run: \/bin\/sh is not there.*\nRemedy: +Without init= it is \/bin\/sh that is run in such a root: put it/,
    { folders: [{ tag: "rootfs", behind, files: { "usr/": "" } }] },
  ],
  ["root=virtiofs:rootfs rootfs=data", /What: +root=virtiofs:rootfs and rootfs=data name two roots/],
  ["root=/dev/vda rootfs=data", /What: +root=\/dev\/vda is claimed by more than one module: .*virtiofs/],
  [
    "rootfs=missing",
    /What: +virtiofs tag missing, wanted for root, has not come\n.*Remedy: +Name a tag[\s\S]*Where: +mount[\s\S]*there are 3 virtiofs devices: only kernels since 6\.9/,
  ],
  [
    "root=virtiofs:rootfs mount=missing",
    /Waiting: virtiofs tag missing, wanted for \/run\/mnt\/missing\n.*there is virtiofs tag rootfs; virtiofs tag mnt0; virtiofs tag data/,
    { kernel: { release: "6.12.0", machine: "x86_64" } },
  ],
  ["rootfs=", /What: +virtiofs tag rootfs, [\s\S]*no virtiofs device is there at all/, { folders: [] }],
  ["rootfs=", /What: +the kernel 6\.1\.0 has no virtiofs: [\s\S]*mkinitrd -a virtiofs/, { missingTypes: ["virtiofs"] }],
  [
    "root=virtiofs:rootfs rootflags=nonsense",
    /What: +virtiofs tag rootfs cannot be mounted on \/sysroot \(rw,nonsense\): .*\n.*correct rootflags=/,
  ],
  [
    "root=virtiofs:rootfs",
    /What: +virtiofs tag rootfs is mounted on \/sysroot, but its virtiofsd has not answered within 5 s \(rd\.retry\)/,
    { folders: [{ tag: "rootfs", behind, files: root, silent: true }] },
  ],
  [
    "root=virtiofs:rootfs rd.overlay",
    /What: +rd\.overlay: the kernel 6\.1\.0 has no overlayfs: /,
    { missingTypes: ["overlay"] },
  ],
];
for (const [commandLine, said, change] of wrong)
  test(`a root of virtiofs: ${commandLine}: ${said.source.slice(0, 60)}`, async () => {
    const { word, shown } = await boot(commandLine, change);
    assert.equal(word.word, "failed", shown);
    assert.match(shown, said);
  });

test("another folder beside a root that is none is warned of", async () => {
  const vda = { name: "vda", number: "254:0", tags: { TYPE: "ext4", LABEL: "disk" }, files: root };
  const { word, mounts, shown } = await boot("root=LABEL=disk mount-ro=data mount= mount", { devices: [vda] });
  assert.equal(word.word, "switch", shown);
  assert.deepEqual(shown.match(/mount.* has no meaning/g), ["mount-ro=data has no meaning"]);
  assert.ok(!mounts.some((line) => line.includes("virtiofs")));
});

test("a report comes out though what is there cannot be looked at", async () => {
  const simulated = createMachine({
    ...machine,
    commandLine: "rd.shell=0 rd.retry=5 rootfs=missing mount=missing-too",
    kernel: { release: "6.12.0", machine: "x86_64" },
  });
  const op = (name: string, json: string) =>
    name === "list" && json.includes("/sys/fs/virtiofs") && simulated.now() > 5000
      ? JSON.stringify({ error: { errno: "EACCES" } })
      : simulated.op(name, json);
  const word = await rehearse(bundle, { ...simulated, op });
  assert.equal(word.word, "failed");
  assert.match(
    simulated.console(),
    /Waiting: virtiofs tag missing-too.*\n.*what is there instead cannot be told: .*EACCES/,
  );
});

test("a folder that comes late is waited for, whether the kernel tells of tags or not", async () => {
  for (const release of ["6.1.0", "6.12.0"]) {
    const late = folders.map((folder) => (folder.tag === "rootfs" ? { ...folder, after: 3000 } : folder));
    const { word, shown } = await boot("rootfs=", { folders: late, kernel: { release, machine: "x86_64" } });
    assert.equal(word.word, "switch", shown);
  }
});

test("the image's own drivers are loaded in the byte order of their files' names; what is wrong with one is said", async () => {
  const driver: SimulatedFile = { type: "file", mode: 0o644, data: "\x7fELF" };
  const initramfs = {
    "usr/lib/modules/010-b.ko": driver,
    "usr/lib/modules/002-virtio-fs.ko": driver,
    "usr/lib/modules/100-empty.ko": { ...driver, data: "" },
    "usr/lib/modules/a-text.ko": { ...driver, data: "text" },
    "usr/lib/modules/README": "",
    "usr/lib/modules/6.1.0/z.ko": driver,
  };
  const { word, shown, asked } = await boot("rootfs=", { initramfs });
  assert.equal(word.word, "switch", shown);
  const inserted = asked.filter(({ name }) => name === "insert").map(({ arguments: json }) => JSON.parse(json).drivers);
  assert.deepEqual(inserted, [
    [
      { name: "virtio_fs", path: "/usr/lib/modules/002-virtio-fs.ko", parameters: "" },
      { name: "b", path: "/usr/lib/modules/010-b.ko", parameters: "" },
      { name: "empty", path: "/usr/lib/modules/100-empty.ko", parameters: "" },
      { name: "a_text", path: "/usr/lib/modules/a-text.ko", parameters: "" },
    ],
  ]);
  assert.match(shown, /<3>\/usr\/lib\/modules\/100-empty\.ko cannot be loaded: the file is empty/);
  assert.match(shown, /<3>\/usr\/lib\/modules\/a-text\.ko cannot be loaded: ENOEXEC/);
});

test("an image without an index of drivers complains of no device", async () => {
  const { word, shown } = await boot("rootfs=", { modaliases: ["pci:v1", "pci:v2"] });
  assert.equal(word.word, "switch");
  assert.doesNotMatch(shown, /<[0-4]>/);
});

test("rd.overlay is laid over any root, once that is mounted, and before what writes to it", async () => {
  for (const commandLine of ["root=virtiofs:rootfs ro", "root=LABEL=disk"]) {
    const vda = { name: "vda", number: "254:0", tags: { TYPE: "ext4", LABEL: "disk" }, mountLasts: 900, files: root };
    const { word, mounts, shown } = await boot(`${commandLine} rd.overlay`, { devices: [vda] });
    assert.equal(word.word, "switch", shown);
    assert.ok(mounts.some((line) => line === "overlay on /sysroot (overlay)"));
    assert.ok(mounts.some((line) => / on \/run\/rootfsbase \((virtiofs|ext4) ro\)$/.test(line)));
  }
  assert.ok(!(await boot("rootfs= rd.overlay=0")).mounts.some((line) => line.includes("overlay")));
});
