/** Which faults an op can have, by what it is and what came of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type OpName, ops } from "../../../core/abi/index.js";
import { type AskedOp, listFaults } from "../../../core/rehearsal/fault-list.js";

function asked(name: string, request: object, outcome: unknown): AskedOp {
  return { time: 0, name, arguments: JSON.stringify(request), outcome: JSON.stringify(outcome), stack: [] };
}

/** The names of the faults of one op; of a job, that ends with this value. */
function faultsOf(name: OpName, value: unknown, request: object = {}): string[] {
  const entries =
    ops[name].kind === "job"
      ? [
          asked(name, request, { value: { job: 1 } }),
          asked("wait", {}, { value: { type: "job", job: 1, outcome: { value } } }),
        ]
      : [asked(name, request, { value })];
  return listFaults(entries)
    .filter(({ op }) => op === 1)
    .map((fault) => fault.name);
}

const names = Object.keys(ops) as OpName[];
/** What some ops answer; of others it does not matter. */
const values: Partial<Record<OpName, unknown>> = {
  read: { data: "root=x\n" },
  list: { entries: [] },
  insert: { results: [] },
  run: { status: 0, signal: null },
  wait: { type: "timeout" },
};
const all = (name: OpName, request = {}) => faultsOf(name, values[name] ?? {}, request);

test("every errno of the contract, and for jobs a death, a delay and no end", () => {
  for (const name of names) {
    const { kind, errnos } = ops[name];
    const found = all(name);
    const instant = errnos.length ? [...errnos, "EINVAL"] : [];
    const job = [...errnos, "EINVAL", "EAGAIN", "ENOMEM", "killed", "late"];
    for (const fault of kind === "job" ? job : instant) assert.ok(found.includes(fault), `${name}: ${fault}`);
    assert.equal(new Set(found).size, found.length, `${name}: ${found}`);
    assert.equal(found.includes("never"), kind === "job" && name !== "prompt", name);
  }
});

test("who waits for a person waits as long as that takes", () => {
  assert.ok(!all("run", { argv: ["shell"], terminal: true }).includes("never"));
  assert.ok(all("run", { argv: ["shell"], terminal: true }).includes("late"));
});

test("short results: nothing, half of it, and what is lost", () => {
  const cuts = (name: OpName, value: unknown, request = {}) => {
    const usual = all(name, request);
    return faultsOf(name, value, request).filter((fault) => !usual.includes(fault));
  };
  assert.deepEqual(cuts("readFile", { data: "ab" }), ["empty", "half"]);
  assert.deepEqual(cuts("list", { entries: [1] }), ["empty"]);
  assert.deepEqual(cuts("resolveDriver", { matches: [1, 2] }), ["empty", "half"]);
  assert.deepEqual(cuts("prompt", { line: "yes" }), ["empty", "half"]);
  assert.deepEqual(cuts("run", { status: 0, signal: null, stdout: "x", stderr: "ab" }), [
    "stdout-empty",
    "stderr-empty",
    "stderr-half",
  ]);
  assert.deepEqual(cuts("wait", { type: "uevent" }), ["lost"]);
  for (const [name, fault] of [
    ["probe", "ambivalent"],
    ["insert", "ENOEXEC"],
    ["trySwitch", "objection"],
    ["run", "SIGKILL"],
    ["run", "status-1"],
  ] as const)
    assert.ok(all(name).includes(fault), name);
});

test("what an op answered by itself is no fault of it", () => {
  const faults = listFaults([asked("stat", { path: "/x" }, { error: { errno: "ENOENT" } })]).map(({ name }) => name);
  assert.deepEqual([faults.includes("ENOENT"), faults.includes("EACCES")], [false, true]);
});

test("any block device goes away once it was dealt with", () => {
  const goes = (request: object, name: OpName = "read") => all(name, request).includes("gone");
  for (const path of ["/dev/sda1", "/dev/nvme0n1p2", "/dev/dm-0", "/dev/md127", "/dev/sr0", "/dev/xvda", "/dev/loop0"])
    assert.ok(goes({ device: path }, "probe"), path);
  assert.ok(goes({ path: "/sys/class/block/anything/size" }));
  for (const path of ["/dev/console", "/dev/kmsg", "/sys/class/block", "/etc/sda"]) assert.ok(!goes({ path }), path);
});
