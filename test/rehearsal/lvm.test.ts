/** Volumes of LVM: which are activated when, what is said of those that are not, on simulated machines. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { MachineDescription, SimulatedDevice } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { knownPrograms } from "../../core/rehearsal/program-models.js";
import type { ProgramModel } from "../../core/rehearsal/programs.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const root = { "sbin/init": program, "dev/": "", "proc/": "", "run/": "", "sys/": "" };
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: ["lvm"] });
});

const pv = (name: string, minor: number, after = 0): SimulatedDevice => ({
  name,
  number: `254:${minor}`,
  after,
  tags: { TYPE: "LVM2_member", UUID: `pv-${name}` },
});
const lv = (group: string, volume: string, members: string[], label?: string): SimulatedDevice => ({
  name: `${group}.${volume}`,
  number: "0:0",
  tags: { TYPE: "ext4", ...(label && { LABEL: label }) },
  files: root,
  layer: { kind: "lvm", group, volume, uuid: `LVM-${(group + volume).padEnd(64, "x")}`, members },
});

/** A group on two disks, whose second one comes later, and another on two of which one never comes. */
const devices: SimulatedDevice[] = [
  pv("vda", 0),
  pv("vdb", 16, 2000),
  pv("vdc", 32),
  lv("sys", "root", ["vda", "vdb"], "ROOT"),
  lv("sys", "swap-1", ["vda"]),
  lv("tank", "safe", ["vdc"], "SAFE"),
  lv("tank", "gone", ["vdd"]),
];

async function boot(commandLine: string, change: Partial<MachineDescription> = {}) {
  const simulated = createMachine({
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { "etc/lvm/": "", "usr/sbin/lvm": program },
    devices,
    modaliases: [],
    monolithic: true,
    commandLine: `rd.shell=0 rd.retry=6 ${commandLine}`,
    programs: knownPrograms,
    ...change,
  });
  const { word } = await rehearse(bundle, simulated);
  const mapped = simulated.files.has("/dev/mapper") ? simulated.files.list("/dev/mapper").map(({ name }) => name) : [];
  return { word, mapped, files: simulated.files, shown: simulated.console() };
}

/** By command line: what is mapped at the switch. */
const selections: [commandLine: string, mapped: string[]][] = [
  ["root=LABEL=ROOT", ["sys-root", "sys-swap--1"]],
  ["root=/dev/sys/root", ["sys-root", "sys-swap--1"]],
  ["root=/dev/mapper/sys-root rd.lvm.lv=sys/root", ["sys-root"]],
  ["root=LABEL=ROOT rd.lvm.lv=sys/root rd.lvm.lv=sys/swap-1", ["sys-root", "sys-swap--1"]],
  ["root=LABEL=ROOT rd.lvm.vg=sys rd.auto=0", ["sys-root", "sys-swap--1"]],
];
for (const [commandLine, expected] of selections)
  test(`what is activated: ${commandLine}`, async () => {
    const { word, mapped, shown } = await boot(commandLine);
    assert.equal(word, "switch", shown);
    assert.deepEqual(mapped, expected);
  });

for (const [parameter, why] of [
  ["rd.lvm=0", /root=LABEL=ROOT|LABEL=ROOT/],
  ["rd.auto=0", /LABEL=ROOT/],
] as const)
  test(`nothing is activated with ${parameter}`, async () => {
    const { word, mapped, shown } = await boot(`root=LABEL=ROOT ${parameter}`);
    assert.equal(word, "failed");
    assert.match(shown, why);
    assert.deepEqual(mapped, []);
  });

test("a group that is not complete, and that nobody needs, is a warning", async () => {
  const { word, shown } = await boot("root=LABEL=ROOT");
  assert.equal(word, "switch");
  assert.match(shown, /volume group tank is not complete: there is only \/dev\/vdc/);
});

test("at the timeout all is activated that needs no physical volume which is missing", async () => {
  const { word, mapped, shown } = await boot("root=LABEL=SAFE");
  assert.equal(word, "switch", shown);
  assert.ok(mapped.includes("tank-safe") && !mapped.includes("tank-gone"), `${mapped}`);
  assert.match(shown, /tank is not complete: what can be used of it without the rest is activated now/);
  assert.match(shown, /Refusing activation of partial LV tank\/gone/);
});

test("at the timeout a RAID volume starts without as many physical volumes as it can lose", async () => {
  const mirror = lv("tank", "mirror", ["vdc", "vdd"], "MIRROR");
  const { layer, ...rest } = mirror;
  assert.ok(layer);
  for (const [least, ends] of [
    [1, "switch"],
    [2, "failed"],
  ] as const) {
    const raid: SimulatedDevice = { ...rest, layer: { ...layer, least } as typeof layer };
    const { word, shown } = await boot("root=LABEL=MIRROR", { devices: [pv("vdc", 32), raid] });
    assert.equal(word, ends, shown);
  }
});

/** LVM, to which it takes seven seconds to look at a physical volume. */
const slowScan: ProgramModel = function* (request, running) {
  if (request.argv[1] === "pvscan") yield { sleep: 7000 };
  const end = knownPrograms.lvm?.(request, running) ?? {};
  return "next" in end ? yield* end : end;
};

test("of a group that only comes after the timeout all is activated that needs nothing which is missing", async () => {
  const late = (after: number) => devices.map((device) => (device.name === "vdc" ? { ...device, after } : device));
  // In the last moment, too, before which nobody gives up.
  for (const after of [4500, 5900]) {
    const { word, shown } = await boot("root=LABEL=SAFE", { devices: late(after) });
    assert.equal(word, "switch", shown);
    assert.match(shown, /tank is not complete: what can be used of it without the rest is activated now/);
  }
  // LVM is at work on it at the timeout, and when the wait is over.
  const tank = devices.filter(({ layer, name }) => name === "vdc" || (layer?.kind === "lvm" && layer.group === "tank"));
  const slow = await boot("root=LABEL=SAFE", { devices: tank, programs: { ...knownPrograms, lvm: slowScan } });
  assert.equal(slow.word, "switch", slow.shown);
  // Another physical volume, with which it is not complete either, and a disk that is none.
  const more = [pv("vde", 64, 4500), lv("tank", "other", ["vde"]), { ...pv("vdf", 80, 5200), tags: {} }];
  const { shown } = await boot("root=/dev/tank/gone", { devices: [...devices, ...more] });
  assert.equal(shown.match(/is not complete: what can be used/g)?.length, 2, shown);
  assert.equal(shown.match(/^Waiting: volume group tank/gm)?.length, 1, shown);
});

test("a physical volume that comes after the timeout, but in time, completes its group: what was refused before is no answer", async () => {
  const late = devices.map((device) => (device.name === "vdb" ? { ...device, after: 5000 } : device));
  // Whoever waits looks again whenever something happens: while LVM is at work, too.
  const others = Array.from({ length: 20 }, (_, index) => ({
    name: `sd${"abcdefghijklmnopqrst"[index]}`,
    number: `8:${index * 16}`,
    after: 5000 + index * 10,
    tags: {},
  }));
  for (const named of ["", "rd.lvm.lv=sys/root", "rd.lvm.vg=sys"]) {
    const { word, mapped, shown } = await boot(`root=LABEL=ROOT ${named}`, { devices: [...late, ...others] });
    assert.match(shown, /Refusing activation of partial LV sys\/root/);
    assert.equal(word, "switch", shown);
    assert.ok(mapped.includes("sys-root"), `${mapped}`);
  }
});

test("where root may lie on a group that is not complete, the report names what that lacks", async () => {
  const { word, shown } = await boot("root=/dev/tank/gone");
  assert.equal(word, "failed");
  assert.match(shown, /^Waiting: volume group tank, wanted for what lvm finds in it$/m);
  assert.match(shown, /of the group tank there is \/dev\/vdc;.*VG tank is missing PV vdd/);
});

test("the report names the physical volumes that a required volume lacks", async () => {
  const { word, shown } = await boot("root=LABEL=ROOT rd.lvm.lv=sys/root rd.lvm.lv=tank/gone");
  assert.equal(word, "failed");
  assert.match(shown, /logical volume tank\/gone, wanted for rd\.lvm\.lv/);
  assert.match(shown, /of the group tank there is \/dev\/vdc; and not all of its physical volumes/);
  assert.match(shown, /VG tank is missing PV vdd \(last written to \/dev\/vdd\)/);
});

test("the boot goes on without an optional volume or group, and does not without one that is named so, and not so", async () => {
  const optional = "rd.lvm.lv=sys/root rd.lvm.lv=tank/gone:optional rd.lvm.vg=nowhere:optional";
  const { word, shown } = await boot(`root=LABEL=ROOT ${optional}`);
  assert.equal(word, "switch", shown);
  const named = await boot(`root=LABEL=ROOT ${optional} rd.lvm.lv=tank/gone`);
  assert.match(named.shown, /logical volume tank\/gone, wanted for rd\.lvm\.lv/);
  assert.doesNotMatch(named.shown, /wanted for rd\.lvm\.vg/);
});

test("the report names the groups that are there in place of one that is not", async () => {
  const { word, shown } = await boot("root=LABEL=ROOT rd.lvm.vg=sis rd.lvm.vg=sys");
  assert.equal(word, "failed");
  assert.match(shown, /no physical volume of the group sis is there; there is the group sys; the group tank/);
});

test("the report has LVM's words of a device that it does not take", async () => {
  const excluded = "  pvscan[9] /dev/vda excluded: device is rejected by filter config.\n";
  const { shown } = await boot("root=LABEL=ROOT rd.lvm.vg=sys", {
    programs: { lvm: () => ({ stdout: excluded }) },
  });
  assert.match(shown, /\/dev\/vda, of which LVM says: \/dev\/vda excluded: device is rejected by filter config/);
});

test("what LVM refuses of a complete group is a warning, and in the report of who has named it", async () => {
  const foreign = "  Cannot access VG sys with system ID other with unknown local system ID.\n";
  const { word, shown } = await boot("root=LABEL=ROOT rd.lvm.vg=sys rd.retry=600", {
    programs: {
      lvm: ({ argv }) => (argv[1] === "pvscan" ? { stdout: "  VG sys complete\n" } : { status: 5, stderr: foreign }),
    },
  });
  assert.equal(word, "failed");
  assert.match(shown, /lvm: \/dev\/vda: sys is not activated, or not all of it: Cannot access VG sys with system ID/);
  assert.match(shown, /volume group sys is not activated, though .*: Cannot access VG sys/);
});

test("the new root's udev finds no group complete before it has told of it, and rd.lvm.conf=0 takes the image's configuration away", async () => {
  const { word, files } = await boot("root=LABEL=ROOT rd.lvm.conf=0", {
    initramfs: { "etc/lvm/lvm.conf": "host\n", "usr/sbin/lvm": program },
  });
  assert.equal(word, "switch");
  assert.equal(files.has("/run/lvm"), false);
  assert.match(String(files.find("/etc/lvm/lvm.conf").data), /^devices \{[^}]*use_devicesfile = 0/);
});
