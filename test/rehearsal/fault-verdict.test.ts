/** Boot code that does not take faults well is found out: one way of it for each op of a careless module. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createExplorer, type Explorer } from "../../core/rehearsal/explore.js";
import type { FaultVerdict } from "../../core/rehearsal/fault-verdict.js";
import { bundleWith } from "../support/rehearsal.js";

const setup = `
import { moduleSetup } from "firstlight/hooks";
export default moduleSetup({ depends: () => ["base"] });`;
const carelessHook = `
import { BootError, hook } from "firstlight/hooks";
export default hook({
  async run({ job, mounts, files, clock, root }) {
    const fails = (path: string) => job("statFile", { path }).then(() => false, () => true);
    const other = { source: "/dev/vdb", type: "ext4" };
    if (await fails("/half")) await mounts.mount({ ...other, target: root.mountPoint, options: "ro" });
    if (await fails("/writes")) await mounts.mount({ ...other, target: "/mnt" });
    if (await fails("/hides")) throw new BootError("something is wrong", "Nothing can be done.");
    try { files.list("/"); } catch { throw new BootError("something is wrong", ""); }
  },
});`;
const folder = mkdtempSync(join(tmpdir(), "firstlight-verdict-"));
after(() => rmSync(folder, { recursive: true }));
const init = { "sbin/init": { type: "file", mode: 0o755, data: "" } } as const;
const disk = { number: "254:0", tags: { TYPE: "ext4" }, files: init };
let explorer: Explorer;
before(async () => {
  mkdirSync(join(folder, "60careless"));
  writeFileSync(join(folder, "60careless/module-setup.ts"), setup);
  writeFileSync(join(folder, "60careless/pre-pivot.ts"), carelessHook);
  explorer = await createExplorer(await bundleWith({ add: [], folders: [folder] }), {
    commandLine: "root=/dev/vda rd.shell=0",
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { half: "", writes: "", hides: "" },
    devices: [
      { ...disk, name: "vda" },
      { ...disk, name: "vdb", number: "254:16" },
    ],
    drivers: {},
    modaliases: [],
    programs: {},
  });
});

async function verdictOf(op: RegExp, name: string): Promise<FaultVerdict> {
  const fault = explorer.faults.find((one) => {
    const asked = explorer.good.asked[one.op - 1];
    return one.name === name && op.test(`${asked?.name} ${asked?.arguments}`);
  });
  assert.ok(fault, `${op} can give ${name}`);
  return (await explorer.run([fault])).verdict;
}

const careless: [what: string, op: RegExp, fault: string, end: FaultVerdict["end"], violation: RegExp][] = [
  [
    "another root",
    /\/half/,
    "EIO",
    "half a root",
    /another root than without the fault: \/dev\/vdb \(ext4\) on \/sysroot/,
  ],
  [
    "a device written to",
    /\/writes/,
    "EIO",
    "switch",
    /^\/dev\/vdb mounted to be written to, which a good boot does not$/,
  ],
  ["a job that never ends, and no rd.timeout", /\/half/, "never", "hung", /does not end/],
  [
    "a report that does not name the fault",
    /\/hides/,
    "EIO",
    "stopped",
    /neither the report nor a message before it names/,
  ],
  ["a report without a remedy", /^list .*"\/"/, "EACCES", "stopped", /the report has no remedy/],
];
for (const [what, op, fault, end, violation] of careless)
  test(`found out: ${what}`, async () => {
    const verdict = await verdictOf(op, fault);
    assert.equal(verdict.end, end, verdict.reason);
    assert.match(verdict.violations[0] ?? "", violation);
  });

test("no call site is explored twice, every fault of an op is", () => {
  const some = explorer.distinct([]);
  assert.ok(some.length < explorer.faults.length);
  assert.deepEqual(explorer.distinct(explorer.sitesOf(some)), []);
  const mount = some.filter(({ op }) => explorer.good.asked[op - 1]?.name === "mount").map(({ name }) => name);
  for (const name of ["EAGAIN", "ENODEV", "EUCLEAN", "killed", "late", "never", "gone"])
    assert.ok(mount.includes(name), name);
});

test("equal numbers give equal pairs, and a run of a pair has both faults", async () => {
  const pair = await explorer.pair(7);
  assert.deepEqual(await explorer.pair(7), pair);
  assert.notDeepEqual(await explorer.pair(8), pair);
  assert.ok(pair && pair[0].op < pair[1].op);
  const { asked } = await explorer.run(pair);
  assert.ok(asked.length >= pair[1].op);
});
