/** /etc/firstlight/lvm-raid.conf: what its lines mean, and what is said of those that mean nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { planPath, readPlan } from "../../../modules.d/91lvm-raid/plan.js";

const uuid = "a25b05eb:1c2d3e4f:50617283:94a5b6c7";
const key = "a25b05eb1c2d3e4f5061728394a5b6c7";

test("arrays and groups in their order, with blanks and comments", () => {
  const text = `# first\n\n\tarray  UUID=${uuid} /dev/md/root\narray UUID=${key.replace("a25", "B25")} optional # media\n group vg-1.x optional\ngroup sys\n`;
  assert.deepEqual(readPlan(text), [
    { kind: "array", uuid: key, name: "/dev/md/root", optional: false },
    { kind: "array", uuid: key.replace("a25", "b25"), optional: true },
    { kind: "group", name: "vg-1.x", optional: true },
    { kind: "group", name: "sys", optional: false },
  ]);
});

for (const [line, mistake] of [
  ["volume sys/root", /"volume" is neither array nor group: write array UUID=UUID .*, or group NAME/],
  ["array", /the array's UUID is missing: write array UUID=UUID \[\/dev\/mdNAME\] \[optional\]/],
  ["array optional", /the array's UUID is missing/],
  ["array UUID=a25b05eb", /"UUID=a25b05eb" is no UUID of an array/],
  [`array UUID=${uuid} md0`, /"md0" is no path of an array/],
  [`array UUID=${uuid} /dev/md0 maybe`, /nobody knows what "maybe" means/],
  ["group -x", /"-x" is no name of a group/],
  ["group sys root", /nobody knows what "root" means: write group NAME \[optional\]/],
  ["group one", /this group is in line 2 already/],
] as const)
  test(`a mistake is told with its line: ${line}`, () => {
    assert.throws(
      () => readPlan(`# comment\ngroup one\n${line}\n`),
      ({ message }: Error) => {
        assert.ok(message.startsWith(`${planPath}:3: `), message);
        return mistake.test(message);
      },
    );
  });
