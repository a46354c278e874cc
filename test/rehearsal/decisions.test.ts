/** What of a boot's recording has to be as in its rehearsal, and what need not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TraceEntry } from "../../core/rehearsal/trace.js";
import { decisionsOf, differenceOf } from "../support/decisions.js";

const op = (name: string, request: object, value: object = {}): TraceEntry => ({
  time: 0,
  name,
  arguments: JSON.stringify(request),
  outcome: JSON.stringify({ value }),
});
const ended = (job: number, outcome: object): TraceEntry => op("wait", { until: null }, { type: "job", job, outcome });
const insert = (names: string[], job: number) =>
  op("insert", { drivers: names.map((name) => ({ name, path: `/${name}`, parameters: "" })) }, { job });
const probe = (device: string, job: number) => op("probe", { device }, { job });
const probed = (UUID: string) => ({ value: { tags: { TYPE: "ext4", UUID }, ambivalent: false, size: 1024 } });
const mount = (job: number) => op("mount", { source: "/dev/vda", target: "/sysroot" }, { job });
const phase = op("log", { level: 6, text: "phase mount: rootfs-block" });

const difference = (one: TraceEntry[], other: TraceEntry[]) => differenceOf(decisionsOf(one), decisionsOf(other));
const boot = [
  insert(["a"], 1),
  insert(["b"], 2),
  probe("/dev/vda", 3),
  probe("/dev/vdb", 4),
  ended(3, probed("1")),
  ended(4, probed("2")),
  phase,
  mount(5),
  ended(5, { value: {} }),
];

test("not decided: questions, progress, which device is first, how drivers are bundled, what comes after the recording was shown", () => {
  const other = [
    probe("/dev/vdb", 1),
    op("now", {}),
    insert(["a", "b"], 2),
    ended(1, probed("2")),
    probe("/dev/vda", 3),
    ended(3, probed("1")),
    phase,
    op("log", { level: 7, text: "loading a" }),
    op("log", { level: 6, text: "x.tar: 10 % of 5 MB unpacked" }),
    mount(4),
    ended(4, { value: {} }),
    op("trace", { path: null }),
    op("print", { text: "recording" }),
  ];
  assert.equal(difference(boot, other), undefined);
});

const changed: [name: string, change: (entry: TraceEntry, index: number) => TraceEntry[], says: RegExp][] = [
  ["a hook", (entry) => (entry === phase ? [] : [entry]), /path, decision 1:\n {4}booted: {4}said: phase mount/],
  [
    "how a job ended",
    (entry, index) => [index === 8 ? ended(5, { error: { errno: "EINVAL" } }) : entry],
    /path, decision 2:\n.*said: phase.*\n {4}booted: {4}mount .*}\n {4}rehearsed: mount .*} → EINVAL$/,
  ],
  ["that it ended", (entry, index) => (index === 8 ? [] : [entry]), /rehearsed: mount .*} → has not ended$/],
  ["the order of drivers", (entry, index) => [boot[1 - index] ?? entry], /drivers, decision 1:\n.*: {4}a\n.*: b$/],
  [
    "what a probe told",
    (entry, index) => [index === 5 ? ended(4, probed("3")) : entry],
    /\/dev\/vdb, decision 1:\n.*UUID=2 .*\n.*UUID=3 /,
  ],
  ["a device", (entry) => (entry.arguments.includes("/dev/vdb") ? [] : [entry]), /rehearsed: \(nothing more\)/],
];
for (const [name, change, says] of changed)
  test(`decided: ${name}`, () => assert.match(difference(boot, boot.flatMap(change)) ?? "", says));
