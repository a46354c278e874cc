/** Where a boot's instructions go, told by the counts of a boot and by what it has recorded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatEntry } from "../../../core/rehearsal/trace.js";
import type { CountedBoot } from "../../bench/boots.js";
import { heldMemory, smallestFrom } from "../../bench/memory.js";
import { addressesOf, attribute } from "../../bench/parts.js";
import { pooled } from "../../bench/pool.js";

const [start, end, engine, snapshot, asked, answered] = [1, 2, 3, 4, 5, 6];

const recording = (...ops: [name: string, request: object, value?: object][]): Buffer =>
  Buffer.from(
    [
      "firstlight trace 1\t0123456789abcdef\t1\n",
      ...ops.map(([name, request, value = {}]) =>
        formatEntry({ time: 1, name, arguments: JSON.stringify(request), outcome: JSON.stringify({ value }) }),
      ),
      "firstlight trace end\n",
    ].join(""),
  );

/** Each mark with the instructions since the one before it, and those of the kernel among them. */
function counted(told: Buffer, ...steps: [id: number, instructions: number, kernel?: number][]): CountedBoot {
  const marks: CountedBoot["marks"] = [];
  let [instructions, kernel] = [1000, 500];
  for (const [id, more, byKernel = 0] of steps) {
    instructions += more;
    kernel += byKernel;
    marks.push({ id, instructions, kernel, time: 0 });
  }
  return { marks, told };
}

test("what the engine executes is its own, what the kernel does meanwhile is not; ops are told from waits; phases begin where they are logged", () => {
  const told = recording(
    ["kernel", {}],
    ["log", { level: 6, text: "phase initqueue: rootfs-block" }],
    ["wait", { until: null }],
    ["finish", { word: "switch" }],
  );
  const boot = counted(
    told,
    ...([
      [start, 7],
      [engine, 10, 9],
      [snapshot, 20, 5],
      [asked, 30, 1],
      [answered, 3, 2],
    ] as [number, number, number?][]),
    ...([
      [asked, 40],
      [answered, 4],
      [asked, 50, 20],
      [answered, 600, 600],
    ] as [number, number, number?][]),
    ...([
      [asked, 60],
      [answered, 6],
      [end, 70, 69],
    ] as [number, number, number?][]),
  );
  const part = (name: string, script: number, ops: number, others: number) => {
    return { name, script, ops, drivers: 0, probing: 0, others };
  };
  assert.deepEqual(attribute(boot), [
    part("PID 1, the engine's process", 16, 0, 14),
    part("the engine's start, the snapshot", 29, 3, 1),
    part("file systems, command line", 40, 4, 0),
    part("phase initqueue", 90, 6, 620),
    part("the switch", 0, 0, 70),
  ]);
});

test("what goes on while a driver is loaded is the driver's, then the probe's, then nobody's", () => {
  const told = recording(
    ["kernel", {}],
    ["mount", {}, { job: 3 }],
    ["probe", {}, { job: 1 }],
    ["insert", {}, { job: 2 }],
    ["wait", {}, { type: "uevent" }],
    ["wait", {}, { type: "job", job: 2 }],
    ["wait", {}, { type: "job", job: 1 }],
    ["wait", {}, { type: "timeout" }],
  );
  const op = (instructions: number, kernel = 0): [number, number, number?][] => [
    [asked, kernel, kernel],
    [answered, instructions],
  ];
  const steps = [op(1), op(0), op(2), op(3), op(10, 1), op(20), op(300, 1000), op(4000)].flat();
  const [process, , parts] = attribute(counted(told, [start, 7], [engine, 5], ...steps, [end, 0]));
  assert.equal(process?.script, 5);
  const { ops, drivers, probing, others } = parts ?? {};
  assert.deepEqual({ ops, drivers, probing, others }, { ops: 5, drivers: 31, probing: 1300, others: 4000 });
});

test("counts and a recording that do not fit together are refused", () => {
  const one = counted(recording(), [start, 1], [engine, 1], [asked, 1], [answered, 1], [end, 1]);
  assert.throws(() => attribute(one), /has asked more than it has recorded/);
  const none = counted(recording(["kernel", {}]), [start, 1], [engine, 1], [end, 1]);
  assert.throws(() => attribute(none), /has recorded more than it has asked/);
});

test("addresses are those of the linker's map, or the error says what to do", () => {
  const names = ["engine_main", "snapshot_restore", "trace_ask", "trace_answer"];
  const lines = names.map((name, index) => `                0x000000000040314${index}                ${name}\n`);
  const map = ` .text          0x0000000000403140     0x1000 engine.o\n${lines.join("")}`;
  assert.deepEqual(
    [...addressesOf(map)],
    [
      [engine, "403140"],
      [snapshot, "403141"],
      [asked, "403142"],
      [answered, "403143"],
    ],
  );
  assert.throws(() => addressesOf(""), /has no engine_main: run npm run build/);
});

test("memory that is held: without what is free, and without what processors have at hand", () => {
  const files =
    "MemTotal:  102400 kB\nMemFree:   51200 kB\n  pagesets\n    cpu: 0\n              count: 256\n              count: 0\n";
  assert.equal(heldMemory(files), 49);
});

test("the smallest guest is found from a likely size, whatever that is; where none is large enough, there is none", async () => {
  for (const limit of [1, 32, 60, 97, 100, 103, 104, 108, 200, 1000])
    for (const likely of [72, 99, 100, 101, 400]) {
      let tries = 0;
      const isEnough = async (memory: number) => {
        tries++;
        return memory >= limit;
      };
      assert.equal(await smallestFrom(likely, isEnough), limit, `${limit} from ${likely}`);
      if (Math.abs(limit - likely) < 4) assert.ok(tries <= 4, `${tries} tries for ${limit} from ${likely}`);
    }
  assert.equal(await smallestFrom(100, async () => false), undefined);
});

test("tasks run so many at a time, with results in their order; a failure is told once all that run have ended", async () => {
  let [running, most, ended] = [0, 0, 0];
  const task = (turns: number, result: number) => async () => {
    most = Math.max(most, ++running);
    for (let turn = 0; turn < turns; turn++) await undefined;
    running--;
    ended++;
    if (result < 0) throw new Error("no");
    return result;
  };
  assert.deepEqual(await pooled(2, [task(9, 1), task(1, 2), task(1, 3)]), [1, 2, 3]);
  assert.equal(most, 2);
  ended = 0;
  await assert.rejects(pooled(2, [task(1, -1), task(9, 2), task(1, 3)]), /no/);
  assert.equal(ended, 2);
});
