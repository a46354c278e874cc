/** What a machine file leaves to the kernel is as a kernel has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dataOf } from "../../../core/rehearsal/file-tree.js";
import { createMachine } from "../../../core/rehearsal/machine.js";
import { machineOf } from "../../../core/scenario/machine.js";
import type { MachineFile } from "../../../core/schema/machine.js";

const image = { files: {}, kernel: { release: "6.1.0", machine: "x86_64", monolithic: false }, staticInit: false };
const machine = (file: MachineFile, commandLine = "") => machineOf(file, image, "/", commandLine);

const lines: Record<string, string[]> = {
  "root=/dev/vda1 quiet": [],
  "quiet --": [],
  // What the kernel takes for itself, a driver's parameter, and what goes into the environment.
  'ro single no-scroll no_scroll ext4.x mine=1 "two words" rootwait auto': ["single", "two words", "auto"],
  // As LILO's "auto" (init/main.c).
  "auto init=/bin/x single rdinit=/y late -- last": ["late", "last"],
  'a -- single word=two "three four" five="s i x" se"ven"': [
    "a",
    "single",
    "word=two",
    "three four",
    "five=s i x",
    'se"ven"',
  ],
  '"not -- here" -- here -- too': ["not -- here", "here", "--", "too"],
};
for (const [line, words] of Object.entries(lines))
  test(`init's arguments of: ${line}`, () => assert.deepEqual(machine({}, line).init?.arguments, words));

test("a partition tells of which kind its table is", () => {
  const partitions = [{}];
  const { devices } = machine({
    disks: [
      { name: "vda", partitions },
      { name: "vdb", tags: { PTTYPE: "dos" }, partitions },
    ],
  });
  const schemes = devices.map(({ name, tags }) => `${name} ${tags.PART_ENTRY_SCHEME ?? "none"}`);
  assert.deepEqual(schemes, ["vda none", "vda1 gpt", "vdb none", "vdb1 dos"]);
});

test("what a program makes is there after it, with the folders on the way; what cannot be made is left open", () => {
  const files = { "/run/a/b/c": "text", "/run/empty/": "", "/file/x": "" };
  const description = machine({ programs: [{ argv: ["maker", "all"], files }] });
  const simulated = createMachine({
    ...description,
    initramfs: { "bin/maker": { type: "file", mode: 0o755 }, "run/": "", file: "" },
  });
  simulated.op("run", JSON.stringify({ argv: ["/bin/maker", "all"] }));
  simulated.op("wait", JSON.stringify({ until: null }));
  assert.equal(dataOf(simulated.files.find("/run/a/b/c")), "text");
  assert.equal(simulated.files.find("/run/empty").type, "dir");
  assert.deepEqual(simulated.leftOpen(), ["how maker all makes /file/x: ENOTDIR"]);
});

test("what is left out of layers is as mdadm, LVM and cryptsetup have it; UUIDs of arrays are as blkid writes them", () => {
  const [first, second] = ["0d55b9a8:5b6e4e0c:9D3C0B7A:1c2d3e4f", "0d55b9a8-5b6e-4e0c-9d3c-0b7a1c2d3e4f"];
  const members = ["vda", "vdb", "vdc", "vdd"];
  const { devices } = machine({
    disks: [
      ...(["raid0", "raid1", "raid5", "raid6", "raid10"] as const).map((level) => ({
        name: level,
        raid: { uuid: first, level, members },
      })),
      { name: "volume", lvm: { group: "vg", volume: "root", members } },
      { name: "opened", luks: { member: "vda", uuid: second } },
    ],
  });
  const arrays = devices.flatMap(({ layer }) => (layer?.kind === "raid" ? [layer] : []));
  assert.deepEqual(
    arrays.map(({ least }) => least),
    [4, 1, 3, 2, 2],
  );
  assert.deepEqual([arrays[0]?.uuid, arrays[0]?.metadata], [second, "1.2"]);
  const [, volume, opened] = devices.slice(4).map(({ layer }) => layer);
  assert.ok(volume?.kind === "lvm" && /^LVM-[0-9a-f]{64}$/.test(volume.uuid), JSON.stringify(volume));
  assert.deepEqual(opened, {
    kind: "luks",
    members: ["vda"],
    uuid: second,
    version: 2,
    passphrases: [],
    keys: [],
  });
});
