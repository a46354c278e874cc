/** Faults that a boot once did not survive, or did not tell of; found by exploring them. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { shellPath } from "../../core/abi/index.js";
import type { MachineDescription } from "../../core/rehearsal/description.js";
import { createExplorer, type ExploredRun, type Explorer } from "../../core/rehearsal/explore.js";
import type { AskedOp } from "../../core/rehearsal/fault-list.js";
import { bundleWith } from "../support/rehearsal.js";

const machine: MachineDescription = {
  commandLine: "root=LABEL=ROOT rd.shell=0 rd.timeout=60",
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: { "usr/lib/modules/6.1.0/modules.devname": "fuse fuse c10:229\n" },
  devices: [
    {
      name: "vda",
      number: "254:0",
      tags: { TYPE: "ext4", LABEL: "ROOT" },
      driver: "virtio_blk",
      files: { "sbin/init": { type: "file", mode: 0o755, data: "" } },
    },
  ],
  drivers: { "pci:v1": [{ name: "virtio_blk", path: "/virtio_blk.ko", parameters: "", size: 1 }] },
  modaliases: ["pci:v1"],
  sysfs: { "firmware/efi/efivars/": "" },
  programs: {},
};
let explorer: Explorer;
before(async () => {
  explorer = await createExplorer(await bundleWith({ add: [] }), machine);
});

/** The boot, in which the first op whose name and arguments match has this fault. */
async function boot(op: RegExp, name: string): Promise<ExploredRun> {
  const isMeant = (number: number) => {
    const asked = explorer.good.asked[number - 1];
    return op.test(`${asked?.name} ${asked?.arguments}`);
  };
  const fault = explorer.faults.find((one) => one.name === name && isMeant(one.op));
  assert.ok(fault, `${op} is asked, and can give ${name}`);
  const explored = await explorer.run([fault]);
  assert.deepEqual(explored.verdict.violations, [], explored.shown);
  return explored;
}

async function survives(op: RegExp, name: string, warning: RegExp): Promise<ExploredRun> {
  const explored = await boot(op, name);
  assert.equal(explored.verdict.end, "switch", explored.shown);
  assert.match(explored.shown, warning);
  return explored;
}

async function stops(op: RegExp, name: string, ...says: RegExp[]): Promise<void> {
  const explored = await boot(op, name);
  assert.equal(explored.verdict.end, "stopped", explored.shown);
  for (const pattern of says) assert.match(explored.shown, pattern);
}

test("links and nodes in /dev that few boots need are no reason to stop", async () => {
  await survives(/^symlink .*\/dev\/stdin/, "ENOSPC", /^<4>.*symlink \/dev\/stdin: ENOSPC/m);
  await survives(/^read .*modules\.devname/, "EACCES", /^<4>.*modules\.devname: EACCES/m);
});

test("firmware that does not list its variables holds a boot up for ten seconds, not for ever", async () => {
  const { asked } = await survives(
    /^mount .*efivarfs/,
    "never",
    /efivars is not mounted: the firmware does not answer/,
  );
  assert.equal(Math.round((asked.at(-1)?.time ?? 0) / 1e6), 11);
});

test("no event can be had: the report, and the last word", () =>
  stops(/^wait /, "EIO", /^What: {4}wait: EIO \(input\/output error\)$/m, /^Remedy: {2}Look above/m));

test("a try of the switch that never ends is given up as rd.timeout says", () =>
  stops(
    /^trySwitch/,
    "never",
    /^What: {4}nothing has moved for 60 s \(rd\.timeout\), and the boot still waits for trySwitch \/sbin\/init in \/sysroot$/m,
  ));

test("the report names the jobs that have not ended, and what to do about an op that fails", async () => {
  await stops(/^insert/, "never", /^Waiting: LABEL=ROOT, wanted for root$/m, /^Running: insert virtio_blk$/m);
  await stops(/^probe/, "never", /^Running: probe \/dev\/vda$/m);
  await stops(/^listenUevents/, "ENOBUFS", /^Remedy: {2}Look above for what the kernel says of it\. If/m);
  await stops(/^trySwitch/, "ENOMEM", /^Remedy: {2}Give the machine more memory/m);
});

test("what the report or the shell cannot read is no reason to stop without a report", async () => {
  const [first] = explorer.faults.filter(
    ({ op, name }) => name === "EIO" && explorer.good.asked[op - 1]?.name === "probe",
  );
  assert.ok(first);
  const { asked } = await explorer.run([first]);
  for (const file of ["rescue", "missing-firmware"]) {
    const op = asked.findLastIndex((one) => one.arguments.includes(`/usr/lib/firstlight/${file}"`)) + 1;
    const second = await explorer.find([first], op, "EIO");
    assert.ok(second, file);
    const { verdict, shown } = await explorer.run([first, second]);
    assert.deepEqual([verdict.end, verdict.violations], ["stopped", []], shown);
  }
});

test("a shell before the report that cannot be run hides neither the report nor the boot's end", async () => {
  const withShell = await createExplorer(await bundleWith({ add: [] }), {
    ...machine,
    commandLine: "root=LABEL=ROOT rd.timeout=60 rd.break=mount,emergency",
    initramfs: { [shellPath.slice(1)]: { type: "file", mode: 0o755, data: "" } },
    programs: { shell: () => ({}) },
  });
  const runs = (asked: readonly AskedOp[]) => asked.flatMap(({ name }, index) => (name === "run" ? [index + 1] : []));
  const [before = 0] = runs(withShell.good.asked);
  const noShell = await withShell.find([], before, "EAGAIN");
  assert.ok(noShell);
  const { verdict, shown } = await withShell.run([noShell]);
  assert.deepEqual([verdict.end, verdict.violations], ["switch", []], shown);
  assert.match(shown, /^<4>rd\.break=mount: there is no shell: run .*: EAGAIN/m);
  const notMounted = withShell.faults.find(
    ({ op, name }) => name === "EUCLEAN" && withShell.good.asked[op - 1]?.arguments.includes("/sysroot"),
  );
  assert.ok(notMounted);
  const [, atReport = 0] = runs((await withShell.run([notMounted])).asked);
  const nor = await withShell.find([notMounted], atReport, "EAGAIN");
  assert.ok(nor);
  const both = await withShell.run([notMounted, nor]);
  assert.deepEqual([both.verdict.end, both.verdict.violations], ["stopped", []], both.shown);
});

test("a recording that cannot be ended, or not be shown, is told of, and no more", async () => {
  const shows = await createExplorer(await bundleWith({ add: [] }), {
    ...machine,
    commandLine: `${machine.commandLine} rd.trace=console`,
  });
  const toReport = shows.faults.findLast(({ name }) => name === "EAGAIN");
  assert.ok(toReport);
  const { asked } = await shows.run([toReport]);
  for (const [op, name, says] of [
    ["trace", "EIO", /the recording goes on: trace: EIO/],
    ["readFile", "never", /the trace cannot be shown: it cannot be read/],
  ] as const) {
    const second = await shows.find([toReport], asked.findLastIndex((one) => one.name === op) + 1, name);
    assert.ok(second, op);
    const { verdict, shown } = await shows.run([toReport, second]);
    assert.deepEqual([verdict.end, verdict.violations], ["stopped", []], shown);
    assert.match(shown, says);
  }
});

test("a command line that is cut names no root", () =>
  stops(/^read .*\/proc\/cmdline/, "half", /^What: {4}\/proc\/cmdline cannot be read to its end$/m));

test("a device whose modalias cannot be read is told of", () =>
  stops(/^read .*modalias/, "EIO", /^<4>.*modalias: EIO/m));
