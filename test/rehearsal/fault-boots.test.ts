/** What can go wrong in boots that no machine file describes: as test/rehearsal/faults.test.ts has it of those that one does. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { shellPath } from "../../core/abi/index.js";
import type { MachineDescription } from "../../core/rehearsal/description.js";
import { createExplorer, type Explorer } from "../../core/rehearsal/explore.js";
import type { Fault } from "../../core/rehearsal/fault-list.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import type { ProgramModel } from "../../core/rehearsal/programs.js";
import type { World } from "../../core/rehearsal/world.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const link = (target: string): SimulatedFile => ({ type: "symlink", mode: 0o777, target });
const controller = "pci0000:00/0000:00:04.0";
const unit = `${controller}/virtio1/host0/target0:0:0/0:0:0:1`;
const disk = `${unit}/block/sda`;
/** The first try failed, and the second one. */
const machine: MachineDescription = {
  commandLine: "",
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: { [shellPath.slice(1)]: program, "etc/": "" },
  devices: [
    { name: "sda", number: "8:0", devpath: disk, tags: { TYPE: "ext4", UUID: "1-2" }, files: { "sbin/init": program } },
  ],
  sysfs: {
    [`devices/${controller}/subsystem`]: link("/sys/bus/pci"),
    [`devices/${controller}/virtio1/subsystem`]: link("/sys/bus/virtio"),
    [`devices/${unit}/subsystem`]: link("/sys/bus/scsi"),
    [`devices/${unit}/vpd_pg83`]: "\0\udc83\0\x0a\x02\0\0\x06disk-0",
    [`devices/${unit}/vendor`]: "ACME\n",
    [`devices/${disk}/subsystem`]: link("/sys/class/block"),
  },
  drivers: {},
  modaliases: [],
  programs: { shell: () => ({}) },
};

let bundle = "";
before(async () => {
  bundle = await bundleWith({ add: [] });
});

/** Each of these faults leads to the same root or to a report, and many to each. */
async function explore({ run }: Explorer, faults: readonly Fault[]): Promise<void> {
  const ends = { switch: 0, stopped: 0 };
  for (const fault of faults) {
    const { verdict, shown } = await run([fault]);
    assert.deepEqual(verdict.violations, [], `${fault.op}:${fault.name}\n${shown}`);
    assert.ok(verdict.end === "switch" || verdict.end === "stopped", verdict.end);
    ends[verdict.end]++;
  }
  assert.ok(ends.switch > 20 && ends.stopped > 20, JSON.stringify(ends));
}

const plain = "root=UUID=1-2 rd.timeout=60";

test("a person goes on from a shell, once", async () => {
  const gone = new WeakSet<World>();
  const shell: ProgramModel = (_request, { world }) => {
    const signal = gone.has(world) ? null : "SIGUSR1";
    gone.add(world);
    return { lasts: 1000, signal };
  };
  const explorer = await createExplorer(bundle, { ...machine, commandLine: plain, programs: { shell } });
  await explore(explorer, explorer.distinct([]));
});

test("a later try, of a root by its hardware", async () => {
  const first = await createExplorer(bundle, { ...machine, commandLine: plain });
  const later = await createExplorer(bundle, {
    ...machine,
    init: { engine: 3 },
    commandLine: "root=/dev/disk/by-path/pci-0000:00:04.0-scsi-0:0:0:1 rd.timeout=60",
  });
  await explore(later, later.distinct(first.sitesOf(first.faults)));
});
