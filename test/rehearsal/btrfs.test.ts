/** btrfs on several devices, on simulated machines: what is waited for, and what is said of what does not come. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { MachineDescription, SimulatedDevice } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { knownPrograms } from "../../core/rehearsal/program-models.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const never = 1e9;
let bundle = "";
let without = "";

before(async () => {
  bundle = await bundleWith({ add: ["btrfs"] });
  without = await bundleWith({ add: [] });
});

/** Devices of one file system, which come after so many milliseconds. */
const devicesAfter = (...times: number[]): SimulatedDevice[] =>
  times.map((after, index) => ({
    name: `vd${"abc"[index]}`,
    number: `254:${index * 16}`,
    after,
    tags: { TYPE: "btrfs", USAGE: "filesystem", UUID: "0-1", UUID_SUB: `${index}`, LABEL: "ROOT" },
    files: { "sbin/init": program, "dev/": "", "proc/": "", "run/": "", "sys/": "" },
  }));

async function boot(
  commandLine: string,
  devices: SimulatedDevice[],
  { withModule = true, ...change }: Partial<MachineDescription> & { withModule?: boolean } = {},
) {
  const simulated = createMachine({
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { "usr/bin/btrfs": program },
    devices,
    modaliases: [],
    monolithic: true,
    commandLine: `rd.shell=0 rd.retry=9 ${commandLine}`,
    programs: knownPrograms,
    ...change,
  });
  const { word } = await rehearse(withModule ? bundle : without, simulated);
  return { word, shown: simulated.console() };
}

for (const root of ["LABEL=ROOT", "UUID=0-1", "/dev/vda", "/dev/vdc"])
  test(`root=${root} is mounted once all devices have come, though it may be degraded`, async () => {
    const { word, shown } = await boot(`root=${root} rootflags=degraded`, devicesAfter(0, 5000, 2000));
    assert.equal(word, "switch", shown);
    assert.doesNotMatch(shown, /is mounted degraded/);
  });

test("degraded only when two thirds of rd.retry have passed", async () => {
  const { word, shown } = await boot("root=LABEL=ROOT rootflags=degraded", devicesAfter(0, never, 0));
  assert.equal(word, "switch", shown);
  assert.match(shown, /mounted degraded: there is vda \(devid 1\), vdc \(devid 3\) of 3 devices; missing: devid 2/);
});

test("devices that all come after that are waited for as long as one follows the other", async () => {
  const { word, shown } = await boot("root=LABEL=ROOT rootflags=degraded", devicesAfter(6500, 6900, 7300));
  assert.equal(word, "switch", shown);
  assert.doesNotMatch(shown, /is mounted degraded/);
  const part = await boot("root=LABEL=ROOT rootflags=degraded", devicesAfter(6500, never, 6900));
  assert.equal(part.word, "switch", part.shown);
  assert.match(part.shown, /mounted degraded: there is vda \(devid 1\), vdc \(devid 3\) of 3 devices/);
});

test("what is missing at the end is in the report, and what to do", async () => {
  const { word, shown } = await boot("root=LABEL=ROOT rootflags=subvol=@", devicesAfter(0, never, never));
  assert.equal(word, "failed");
  assert.match(shown, /^What: {4}the whole file system on LABEL=ROOT, wanted for root, has not come$/m);
  assert.match(shown, /^ +there is vda \(devid 1\) of 3 devices; missing: devid 2 and 3$/m);
  assert.match(shown, /^Remedy: {2}.*rootflags=degraded/m);
});

test("a device that goes before the mount is missed again", async () => {
  const [first, second, third] = devicesAfter(0, 3000, 4000);
  assert.ok(first && second && third);
  const devices = [first, { ...second, gone: 500 }, third];
  const { word, shown } = await boot("root=LABEL=ROOT", devices);
  assert.equal(word, "failed", shown);
  assert.match(shown, /missing: devid 2/);
});

test("numbers of devices that others have left behind are told as they are", async () => {
  const dump = "num_devices\t\t3\ndev_item.devid\t\t7\n";
  const programs: MachineDescription["programs"] = {
    ...knownPrograms,
    btrfs: ({ argv }) => (argv[1] === "device" ? { status: 1 } : { stdout: dump }),
  };
  const { shown } = await boot("root=LABEL=ROOT", devicesAfter(0, never, never), { programs });
  assert.match(shown, /there is vda \(devid 7\) of 3 devices; missing: 2, whose devid is not known/);
});

test("what the program cannot tell the kernel does: one device is enough for itself", async () => {
  const programs = { ...knownPrograms, btrfs: () => ({ status: 1, stderr: "ERROR: out of memory\n" }) };
  const { word, shown } = await boot("root=LABEL=ROOT", devicesAfter(0), { programs });
  assert.equal(word, "switch", shown);
  assert.match(shown, /btrfs device ready \/dev\/vda: ERROR: out of memory/);
});

test("an image without the module mounts one device, and says what several need", async () => {
  const single = await boot("root=LABEL=ROOT", devicesAfter(0), { withModule: false });
  assert.equal(single.word, "switch", single.shown);
  const two = await boot("root=LABEL=ROOT", devicesAfter(0, 0), { withModule: false });
  assert.equal(two.word, "failed");
  assert.match(two.shown, /One on several devices needs the module btrfs in the image/);
});
