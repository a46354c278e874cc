/** What a machine file leaves to the kernel is as a kernel has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { machineOf } from "../../../core/scenario/machine.js";
import type { MachineFile } from "../../../core/schema/machine.js";

const image = { files: {}, kernel: { release: "6.1.0", machine: "x86_64", monolithic: false }, staticInit: false };
const machine = (file: MachineFile, commandLine = "") => machineOf(file, image, "/", commandLine);

const lines: Record<string, string[]> = {
  "root=/dev/vda1 quiet": [],
  "quiet --": [],
  'a -- single word=two "three four" five="s i x" se"ven"': [
    "single",
    "word=two",
    "three four",
    "five=s i x",
    'se"ven"',
  ],
  '"not -- here" -- here -- too': ["here", "--", "too"],
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
