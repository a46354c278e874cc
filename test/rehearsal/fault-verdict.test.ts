/** Boot code that does not take faults well is found out: one way of it for each op of a careless module. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createExplorer, type Explorer, goodWord } from "../../core/rehearsal/explore.js";
import type { FaultVerdict } from "../../core/rehearsal/fault-verdict.js";
import { bundleWith } from "../support/rehearsal.js";

const setup = `
import { moduleSetup } from "firstlight/hooks";
export default moduleSetup({ depends: () => ["base"] });`;
/** Each failure of its own, by the path that cannot be looked at, leads to what must not be. In the end the root lies in memory. */
const carelessHook = `
import { BootError, hook } from "firstlight/hooks";
export default hook({
  async run({ job, mounts, programs, files, clock, root, finish }) {
    const fails = (path: string) => job("statFile", { path }).then(() => false, () => true);
    const other = { source: "/dev/vdb", type: "ext4" };
    await mounts.mount({ source: "tmpfs", target: root.mountPoint, type: "tmpfs" });
    files.makeDir(root.mountPoint + "/sbin");
    files.write(root.mountPoint + "/sbin/init", "", { mode: 0o755 });
    files.write(root.mountPoint + "/motd", "yes", { mode: 0o644 });
    await programs.run({ argv: ["fsck", "/dev/vda"] });
    if (await fails("/half")) await mounts.mount({ ...other, target: root.mountPoint, options: "ro" });
    if (await fails("/content")) files.write(root.mountPoint + "/motd", "no!", { mode: 0o644 });
    if (await fails("/writes")) await mounts.mount({ ...other, target: "/mnt" });
    if (await fails("/remounts")) {
      await mounts.mount({ ...other, target: "/mnt", options: "ro" });
      await mounts.mount({ source: "none", type: "", target: "/mnt", options: "remount" });
    }
    if (await fails("/erases")) await programs.run({ argv: ["fsck", "/dev/vdb"] });
    if (await fails("/streams")) await programs.run({ argv: ["fsck"], stdout: { file: "/dev/vdb" } });
    if (await fails("/node")) try { files.write("/dev/vdb", "x"); } catch {}
    if (await fails("/loop")) await job("loopAttach", { file: "/half", readOnly: false }).catch(() => {});
    if (await fails("/hides")) throw new BootError("something is wrong", "Nothing can be done.");
    if (await fails("/dies")) Object.assign(globalThis, { turn: () => { throw new Error("not caught"); } });
    if (await fails("/computes")) for (;;) await null;
    if (await fails("/sleeps")) await clock.sleep(1e9);
    if (await fails("/ends")) finish({ word: "reboot", action: "poweroff" });
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
    initramfs: {
      "usr/bin/fsck": init["sbin/init"],
      ...Object.fromEntries(careless.map(([path]) => [path.slice(1), ""])),
    },
    devices: [
      { ...disk, name: "vda" },
      { ...disk, name: "vdb", number: "254:16" },
    ],
    drivers: {},
    modaliases: [],
    programs: { fsck: () => ({}) },
  });
  assert.ok(goodWord(explorer.good.ending), JSON.stringify(explorer.good.ending));
});

async function verdictOf(op: RegExp, name: string): Promise<FaultVerdict> {
  const fault = explorer.faults.find((one) => {
    const asked = explorer.good.asked[one.op - 1];
    return one.name === name && op.test(`${asked?.name} ${asked?.arguments}`);
  });
  assert.ok(fault, `${op} can give ${name}`);
  return (await explorer.run([fault])).verdict;
}

/** By the path that cannot be looked at. */
const careless: [path: string, end: FaultVerdict["end"], violation: RegExp][] = [
  ["/half", "half a root", /^the boot ends otherwise than without the fault: \/dev\/vdb \(ext4\) on \/sysroot/],
  ["/content", "half a root", /^the boot ends otherwise .* tmpfs \(tmpfs\) on \/sysroot .*no!/],
  ["/ends", "half a root", /^the boot ends otherwise than without the fault: poweroff$/],
  ["/writes", "switch", /^\/dev\/vdb mounted to be written to, which a good boot does not$/],
  ["/remounts", "switch", /^\/dev\/vdb mounted to be written to, which a good boot does not$/],
  ["/erases", "switch", /^fsck given \/dev\/vdb, which a good boot does not$/],
  ["/streams", "switch", /^fsck given \/dev\/vdb, which a good boot does not$/],
  ["/node", "switch", /^\/dev\/vdb written, which a good boot does not$/],
  ["/loop", "switch", /^\/half attached to be written to, which a good boot does not$/],
  ["/hides", "stopped", /^neither the report nor a message before it names the fault$/],
  ["/dies", "died", /^the boot code has thrown past the sequencer$/],
  ["/computes", "hung", /^the boot does not end$/],
  ["/sleeps", "hung", /^the boot does not end$/],
];
for (const [path, end, violation] of careless)
  test(`found out, where ${path} cannot be looked at: ${end}, ${violation}`, async () => {
    const verdict = await verdictOf(new RegExp(`^statFile .*"${path}"`), "EIO");
    assert.equal(verdict.end, end, verdict.reason);
    assert.match(verdict.violations[0] ?? "", violation);
  });

test("found out: a job that never ends, without rd.timeout; a report without a remedy", async () => {
  const hung = await verdictOf(/\/half/, "never");
  assert.deepEqual([hung.end, hung.violations], ["hung", ["the boot does not end"]]);
  const stopped = await verdictOf(/^list .*"\/"/, "EACCES");
  assert.deepEqual([stopped.end, stopped.violations[0]], ["stopped", "the report has no remedy"]);
});

const alike = ["EACCES", "EINVAL", "EIO", "ELOOP", "ENAMETOOLONG", "EPERM", "EROFS", "ENOSPC", "EUCLEAN"];

test("no call site is explored twice, every kind of fault of an op is once, and each boot comes to its report", () => {
  const some = explorer.distinct([]);
  assert.ok(some.length < explorer.faults.length);
  const again = explorer
    .distinct(explorer.sitesOf(some))
    .map(({ op, name }) => [explorer.good.asked[op - 1]?.name, name]);
  assert.deepEqual(again, [["trySwitch", "EAGAIN"]], "but one to the report");
  const mount = some.filter(({ op }) => explorer.good.asked[op - 1]?.name === "mount").map(({ name }) => name);
  for (const name of ["EAGAIN", "ENODEV", "killed", "late", "never", "gone"]) assert.ok(mount.includes(name), name);
  const ops = some.filter(({ name }) => alike.includes(name)).map(({ op }) => op);
  assert.deepEqual(ops, [...new Set(ops)], "of those that are alike one for each op");
  assert.ok(ops.some((op) => explorer.good.asked[op - 1]?.name === "mount"));
});

test("equal numbers give equal pairs, and a run of a pair has both faults", async () => {
  const pair = await explorer.pair(7);
  assert.deepEqual(await explorer.pair(7), pair);
  assert.notDeepEqual(await explorer.pair(8), pair);
  assert.ok(pair && pair[0].op < pair[1].op);
  const { asked } = await explorer.run(pair);
  assert.ok(asked.length >= pair[1].op);
});

/** A whole system that is as careless: what it does not tell. */
const carelessSystem = `
import { systemHook } from "firstlight/hooks";
export default systemHook({
  async run({ job, files, log, finish }) {
    const fails = (path: string) => job("statFile", { path }).then(() => undefined, String);
    files.makeDir("/proc");
    await job("mount", { source: "none", target: "/proc", type: "proc", flags: [], data: "" }).catch(() => {});
    const [silent, told, given] = [await fails("/silent"), await fails("/told"), await fails("/given")];
    if (told) log.warning("/init: " + told);
    const program = { argv: [silent || told ? "/b" : "/a"], env: ["GIVEN=" + given], cwd: "/" };
    finish({ word: "run", program, streams: [[], [], []], others: "keep", state: "stage" });
  },
});`;

test("of a whole system is found out what its log does not tell: another end, and what is not mounted", async () => {
  mkdirSync(join(folder, "60system"));
  writeFileSync(join(folder, "60system/module-setup.ts"), setup.replace('depends: () => ["base"]', ""));
  writeFileSync(join(folder, "60system/system.ts"), carelessSystem);
  explorer = await createExplorer(await bundleWith({ add: ["system"], folders: [folder] }), {
    commandLine: "",
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { silent: "", told: "", given: "", a: init["sbin/init"], b: init["sbin/init"] },
    devices: [],
    drivers: {},
    modaliases: [],
    programs: {},
  });
  const ofFailed = async (op: RegExp, name = "EIO") => {
    const { end, reason, violations } = await verdictOf(op, name);
    return [end, reason, ...violations];
  };
  const untold = "no message names the fault";
  assert.deepEqual(await ofFailed(/"\/silent"/), ["stopped", "/b", untold]);
  assert.deepEqual(await ofFailed(/"\/told"/), ["stopped", "/b"]);
  assert.deepEqual(await ofFailed(/"\/given"/), ["switch", "the same end"]);
  assert.deepEqual(await ofFailed(/^mount/, "killed"), ["stopped", "without none (proc) on /proc ()", untold]);
});
