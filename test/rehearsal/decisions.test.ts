/** What of a boot's recording has to be as in its rehearsal, and what need not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TraceEntry } from "../../core/rehearsal/trace.js";
import type { MachineFile } from "../../core/schema/machine.js";
import { decisionsOf, differenceOf, probedNames } from "../support/decisions.js";
import { besideTheWay } from "../support/guest-machine.js";

const op = (name: string, request: object, value: object = {}): TraceEntry => ({
  time: 0,
  name,
  arguments: JSON.stringify(request),
  outcome: JSON.stringify({ value }),
});
const ended = (job: number, outcome: object): TraceEntry => op("wait", { until: null }, { type: "job", job, outcome });
const insert = (names: string[], job: number) =>
  op("insert", { drivers: names.map((name) => ({ name, path: `/${name}`, parameters: "" })) }, { job });
const probe = (device: string, job: number) => op("probe", { device }, { job });
const probed = (UUID: string) => ({ value: { tags: { TYPE: "ext4", UUID }, ambivalent: false, size: 1024 } });
const mount = (job: number) => op("mount", { source: "/dev/vda", target: "/sysroot" }, { job });
const run = (argv: string[], job: number) => op("run", { argv, stdout: "keep" }, { job });
const phase = op("log", { level: 6, text: "phase mount: rootfs-block" });

const difference = (one: TraceEntry[], other: TraceEntry[]) => differenceOf(decisionsOf(one), decisionsOf(other));
const boot = [
  insert(["a"], 1),
  insert(["b"], 2),
  probe("/dev/vda", 3),
  probe("/dev/vdb", 4),
  ended(3, probed("1")),
  ended(4, probed("2")),
  phase,
  mount(5),
  ended(5, { value: {} }),
];

test("not decided: questions, progress, which device is first, how drivers are bundled, what comes after the recording was shown", () => {
  const other = [
    probe("/dev/vdb", 1),
    op("now", {}),
    insert(["a", "b"], 2),
    ended(1, probed("2")),
    probe("/dev/vda", 3),
    ended(3, probed("1")),
    phase,
    op("log", { level: 7, text: "loading a" }),
    op("log", { level: 6, text: "x.tar: 10 % of 5 MB unpacked" }),
    mount(4),
    ended(4, { value: {} }),
    op("trace", { path: null }),
    op("print", { text: "recording" }),
  ];
  assert.equal(difference(boot, other), undefined);
});

test("not decided: the words of a program that the boot passes on; its own words around them are", () => {
  const unpacking = (lines: readonly string[], verdict = "corrupt") => {
    const text = `What: x.tar is ${verdict}: ${lines.join("; ")}\n`;
    const stderr = lines.map((line) => `${line}\n`).join("");
    return [
      op("run", { argv: ["gzip"], stderr: "keep" }, { job: 1 }),
      ended(1, { value: { status: 1, signal: null, stderr } }),
      op("print", { text }),
      op("write", { path: "/run/report", data: text }),
    ];
  };
  const one = unpacking(['gzip: "crc error"']);
  const other = unpacking(["gzip: wrong sum", "gzip: wrong length"]);
  assert.equal(difference(one, other), undefined);
  assert.match(difference(one, unpacking(["gzip: wrong sum"], "cut")) ?? "", /corrupt: …\n.*\n.*x\.tar is cut: …/s);
  const before = [op("print", { text: "gzip: wrong sum" }), ...other];
  assert.match(difference(before, unpacking(["gzip: wrong sum"])) ?? "", /booted: .*said: gzip: wrong sum/);
});

test("not decided: long waits, links by hardware, drivers beside the way to a disk", () => {
  const asked = (alias: string, names: string[]) =>
    op("resolveDriver", { alias }, { matches: [{ name: names.at(-1), chain: names.map((name) => ({ name })) }] });
  const quick = [asked("usb:stick", ["core", "stick"]), insert(["core", "stick"], 1), phase];
  const slow = [
    asked("pci:board", ["core", "board"]),
    insert(["core", "board"], 1),
    op("log", { level: 6, text: "waiting for UUID=1, wanted for root (4 s)" }),
    op("write", { path: "/sys/module/block/parameters/events_dfl_poll_msecs", data: "2000" }),
    asked("usb:stick", ["core", "stick"]),
    insert(["stick"], 2),
    op("symlink", { path: "/dev/disk/by-id/usb-1", target: "/dev/sda" }),
    phase,
  ];
  const beside = new Set(["pci:board"]);
  const compared = [quick, slow].map((entries) => decisionsOf(entries, beside));
  assert.deepEqual(compared[0], compared[1]);
  assert.deepEqual(compared[0]?.drivers, ["core", "stick"]);
  assert.match(difference(quick, slow) ?? "", /drivers, decision 2:/);
});

for (const words of [
  ["mdadm", "--incremental", "--run"],
  ["mdadm", "--run"],
  ["lvm", "pvscan", "--cache"],
  ["lvm", "vgchange", "-ay"],
])
  test(`not decided: for which device "${words.join(" ")}" is run first; decided: for which ones, and how it ended`, () => {
    const told = (devices: string[], outcome: object = { value: { status: 0, signal: null } }) =>
      devices.flatMap((device, index) => [run([...words, device], index), ended(index, outcome)]);
    const both = told(["/dev/sda", "/dev/sdb"]);
    assert.equal(difference(both, told(["/dev/sdb", "/dev/sda"])), undefined);
    assert.match(difference(both, told(["/dev/sda"])) ?? "", / \/dev\/sdb, decision 1:\n.*\n.*nothing more/);
    const failed = told(["/dev/sda", "/dev/sdb"], { value: { status: 1, signal: null } });
    assert.match(difference(both, failed) ?? "", / \/dev\/sda, decision 1:\n.*\n.*status 1/);
  });

test("decided: in which order mdadm is run for one device, and in which containers are unlocked", () => {
  const runs = (commands: string[][]) => commands.map((argv, index) => run(argv, index));
  for (const commands of [
    [
      ["mdadm", "--examine", "/dev/sda"],
      ["mdadm", "--run", "/dev/sda"],
    ],
    [
      ["cryptsetup", "open", "/dev/sda", "one"],
      ["cryptsetup", "open", "/dev/sdb", "two"],
    ],
  ])
    assert.match(difference(runs(commands), runs(commands.toReversed())) ?? "", /, decision 1:/);
});

test("not decided: whether a layer's second probe ends before the boot does; decided: that of the first, and of a disk", () => {
  const first = [probe("/dev/dm-0", 1), ended(1, probed("1"))];
  assert.equal(difference([...first, probe("/dev/dm-0", 2)], first), undefined);
  assert.match(difference(first.slice(0, 1), first) ?? "", /booted: {4}probe \/dev\/dm-0 → has not ended/);
  const disk = [probe("/dev/sda", 1), ended(1, probed("1"))];
  assert.match(difference([...disk, probe("/dev/sda", 2)], disk) ?? "", /decision 2:\n.*\n.*has not ended/);
});

test("a recording that ends before the boot does is compared as far as it goes", () => {
  const until = (end: number, whole: boolean) =>
    differenceOf(decisionsOf(boot.slice(0, end)), decisionsOf(boot), { whole, ordered: true });
  for (const end of boot.keys()) assert.equal(until(end, false), undefined);
  assert.match(until(boot.length - 1, true) ?? "", /booted: .* → has not ended\n/);
  const other = boot.map((entry) => (entry === phase ? op("log", { level: 6, text: "phase cleanup" }) : entry));
  assert.match(
    differenceOf(decisionsOf(boot), decisionsOf(other), { whole: false, ordered: true }) ?? "",
    /path, decision 1:/,
  );
});

test("a person who leaves the shell for another try does not wait until all devices have been found", () => {
  const last = (retry: boolean): TraceEntry => ({
    ...op("finish", { word: "failed", reason: "", retry }),
    outcome: "",
  });
  const early = (retry: boolean) => difference([phase, last(retry)], [...boot.slice(0, 7), last(retry)]);
  assert.equal(early(true), undefined);
  assert.match(early(false) ?? "", /drivers, decision 1:/);
});

test("drivers of disks that are reached in several ways are compared in no order", () => {
  const unordered = (one: TraceEntry[], other: TraceEntry[]) =>
    differenceOf(decisionsOf(one), decisionsOf(other), { whole: true, ordered: false });
  assert.equal(unordered([insert(["a"], 1), insert(["b"], 2)], [insert(["b", "a"], 1)]), undefined);
  assert.match(unordered([insert(["a"], 1)], [insert(["b", "a"], 1)]) ?? "", /drivers, decision 2:/);
});

test("drivers beside the way: of all that brings neither a disk nor a folder, where one is there or a person is at a shell", () => {
  const beside = (machine: MachineFile, shell = false) => [...besideTheWay(machine, { shell })];
  const modaliases = ["acpi:board:", "pci:disk"];
  const nothing: MachineFile = { modaliases };
  assert.deepEqual(beside(nothing), []);
  assert.deepEqual(beside(nothing, true), modaliases);
  assert.deepEqual(beside({ modaliases, disks: [{ name: "sda", size: "1M", behind: ["pci:disk"] }] }), ["acpi:board:"]);
  assert.deepEqual(beside({ modaliases, virtiofs: [{ tag: "root", behind: ["pci:folder"] }] }), modaliases);
});

test("disks are known by what is on them, whatever the kernel names them", () => {
  const entries = ["sdab1", "nvme0n1p1", "vdc"].flatMap((name, index) => [
    probe(`/dev/${name}`, index),
    ended(index, probed(String(index))),
  ]);
  assert.deepEqual(
    [...probedNames(entries)],
    [
      ["0 ", "sdab"],
      ["1 ", "nvme0n1"],
      ["2 ", "vdc"],
    ],
  );
});

const changed: [name: string, change: (entry: TraceEntry, index: number) => TraceEntry[], says: RegExp][] = [
  ["a hook", (entry) => (entry === phase ? [] : [entry]), /path, decision 1:\n {4}booted: {4}said: phase mount/],
  [
    "how a job ended",
    (entry, index) => [index === 8 ? ended(5, { error: { errno: "EINVAL" } }) : entry],
    /path, decision 2:\n.*said: phase.*\n {4}booted: {4}mount .*}\n {4}rehearsed: mount .*} → EINVAL$/,
  ],
  ["that it ended", (entry, index) => (index === 8 ? [] : [entry]), /rehearsed: mount .*} → has not ended$/],
  ["the order of drivers", (entry, index) => [boot[1 - index] ?? entry], /drivers, decision 1:\n.*: {4}a\n.*: b$/],
  [
    "what a probe told",
    (entry, index) => [index === 5 ? ended(4, probed("3")) : entry],
    /\/dev\/vdb, decision 1:\n.*UUID=2 .*\n.*UUID=3 /,
  ],
  ["a device", (entry) => (entry.arguments.includes("/dev/vdb") ? [] : [entry]), /rehearsed: \(nothing more\)/],
];
for (const [name, change, says] of changed)
  test(`decided: ${name}`, () => assert.match(difference(boot, boot.flatMap(change)) ?? "", says));
