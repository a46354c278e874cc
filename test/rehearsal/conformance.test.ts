/** The conformance suite of the ops, which PID 1 passes in test/init, on the simulated machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { driverIndexPath } from "../../core/abi/index.js";
import type { MachineDescription } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine, type Machine } from "../../core/rehearsal/machine.js";
import { initArguments } from "../../core/scenario/init-arguments.js";
import { testedDriverIndex } from "../support/conformance/driver-index.js";
import { cases as drivers } from "../support/conformance/drivers.js";
import { cases as events } from "../support/conformance/events.js";
import { cases as files } from "../support/conformance/files.js";
import { cases as kernel } from "../support/conformance/kernel.js";
import { cases as mounts } from "../support/conformance/mounts.js";
import { cases as processes } from "../support/conformance/processes.js";
import { programModels } from "../support/conformance/programs.js";
import { type Case, runCases } from "../support/conformance/suite.js";
import { cases as trace } from "../support/conformance/trace.js";
import { kernelDriverIndex } from "../support/kernel-image.js";

const busybox: SimulatedFile = { type: "file", mode: 0o755, data: "\x7fELF", size: 1_000_000 };
const toBusybox: SimulatedFile = { type: "symlink", mode: 0o777, target: "busybox" };
const image: SimulatedFile = {
  type: "file",
  mode: 0o644,
  size: 4 << 20,
  volume: {
    tags: { TYPE: "ext4", LABEL: "tested", USAGE: "filesystem", UUID: "00361d4e-646b-478c-9947-73b9bec8531e" },
    files: { hello: "hello\n" },
  },
};

const machine: MachineDescription = {
  commandLine: "",
  kernel: { release: "6.1.0", machine: "x86_64" },
  init: { arguments: ["first", "--second=2"] },
  initramfs: {
    "bin/busybox": busybox,
    ...Object.fromEntries(Object.keys(programModels).map((name) => [`bin/${name}`, toBusybox])),
    image,
    [driverIndexPath.slice(1)]: { type: "file", mode: 0o644, data: testedDriverIndex() },
    ...Object.fromEntries(["dev/", "proc/", "sys/", "run/", "tmp/", "disk/"].map((path) => [path, ""])),
  },
  devices: [{ name: "vda", number: "254:0", tags: { TYPE: "ext4" }, files: { there: "here\n" } }],
  modaliases: [],
  programs: {},
  modelled: programModels,
};

/** As test/init has it before the first case: /proc is mounted, and where a family needs them /dev, and a disk. */
function prepare({ op }: Machine, mounted: readonly string[]): void {
  const start = (name: string, request: object) => assert.match(op(name, JSON.stringify(request)), /^{"value"/);
  start("mountVirtual", { type: "proc", target: "/proc", flags: [], data: "" });
  if (mounted.includes("dev") || mounted.includes("disk"))
    start("mountVirtual", { type: "devtmpfs", target: "/dev", flags: [], data: "" });
  if (mounted.includes("sys")) start("mountVirtual", { type: "sysfs", target: "/sys", flags: [], data: "" });
  if (mounted.includes("disk")) {
    start("mount", { source: "/dev/vda", target: "/disk", type: "ext4", flags: [], data: "" });
    start("wait", { until: null });
  }
}

function testFamily(
  family: string,
  cases: readonly Case[],
  mounted: readonly string[],
  more: Partial<MachineDescription> = {},
): void {
  const simulated: Machine = createMachine({
    ...machine,
    ...more,
    programs: { dmesg: () => ({ stdout: simulated.console() }) },
  });
  prepare(simulated, mounted);
  for (const { name, failure } of runCases(cases, simulated.op))
    test(`the ops of the family ${family}, simulated: ${name}`, () => assert.ok(!failure, failure));
}

testFamily("files", files, ["disk"]);
testFamily("mounts", mounts, ["dev"]);
testFamily("drivers", drivers, []);
testFamily("events", events, []);
testFamily("processes", processes, []);
testFamily("trace", trace, []);

const driver: SimulatedFile = { type: "file", mode: 0o644, data: "\x7fELF", size: 4000 };
testFamily("kernel", kernel, ["sys"], {
  init: { arguments: initArguments('single "two words" module_blacklist=isofs quiet -- last a=b') },
  initramfs: {
    ...machine.initramfs,
    [driverIndexPath.slice(1)]: { type: "file", mode: 0o644, data: kernelDriverIndex() },
    "lib/fat.ko": driver,
    "lib/vfat.ko": driver,
    kernel: "MZ",
    second: "an image",
    empty: "",
  },
});
