/** Clock, log, console, wait and uevents. Expects /proc mounted, and that writing to /sys/class/mem/null/uevent makes the kernel tell of it. */
import type { Event } from "../../../core/abi/index.js";
import { type Case, equal, errnoOf, type OpsUnderTest, ok } from "./suite.js";

function expectErrno(ops: OpsUnderTest, expected: string, name: string, request: unknown): void {
  equal(errnoOf(ops.outcome(name, request)), expected, `${name} ${JSON.stringify(request)}`);
}

const clock: Case = {
  name: "now and randomSeed",
  run(ops) {
    const first = ops.value("now", {});
    ops.wait(20);
    const second = ops.value("now", {});
    ok(second.monotonic - first.monotonic >= 20, "monotonic goes on");
    ok(second.realtime >= first.realtime && first.realtime > 1.6e12, `realtime ${first.realtime}`);
    const seeds = [ops.value("randomSeed", {}).seed, ops.value("randomSeed", {}).seed];
    ok(seeds.every((seed) => /^[0-9a-f]{32}$/.test(seed)) && seeds[0] !== seeds[1], `seeds ${seeds}`);
  },
};

const kernel: Case = {
  name: "kernel",
  run(ops) {
    const { release, machine, engine, status, invokedAs, arguments: given } = ops.value("kernel", {});
    equal(`${release}\n`, ops.value("read", { path: "/proc/sys/kernel/osrelease" }).data, "release");
    ok(/^\w+$/.test(machine), machine);
    equal([engine, status], [1, null], "engine and status");
    equal([invokedAs, given], ["/init", ["first", "--second=2"]], "name and arguments");
  },
};

const log: Case = {
  name: "log and print",
  run(ops) {
    expectErrno(ops, "ENOENT", "log", { level: 6, text: "before there is a ring" });
    for (const request of [{}, { level: 8, text: "" }, { level: 1.5, text: "" }, { level: 1, text: null }])
      expectErrno(ops, "EINVAL", "log", request);
    ops.value("makeNode", { path: "/dev/kmsg", type: "char", mode: 0o600, major: 1, minor: 11 });
    const mark = ops.value("randomSeed", {}).seed;
    // More than the kernel takes within five seconds of one open file.
    for (let n = 0; n < 20; n++) ops.value("log", { level: 7, text: `${mark} ${n}.` });
    ops.value("log", { level: 7, text: `${mark} ${"x".repeat(5000)}` });
    const ring = ops.done("run", { argv: ["dmesg"], stdout: "keep", keepLimit: 1 << 24 }).stdout ?? "";
    for (let n = 0; n < 20; n++) ok(ring.includes(`${mark} ${n}.`), `record ${n}`);
    ok(ring.includes(`${mark} xxxxx`), "a record that is too long is cut");
    ops.value("print", { text: "" });
    expectErrno(ops, "EINVAL", "print", {});
  },
};

const nothing: Case = {
  name: "wait: deadlines, and nothing to wait for",
  run(ops) {
    const start = ops.value("now", {}).monotonic;
    const timeout = { type: "timeout" };
    for (const until of [0, start - 1000, start])
      equal(ops.value("wait", { until }), timeout, "a deadline that has passed");
    for (let n = 0; n < 20; n++) {
      const until = ops.value("now", {}).monotonic + 0.5;
      equal(ops.value("wait", { until }), timeout, "half a millisecond");
      ok(ops.value("now", {}).monotonic >= until, "not before its time");
    }
    expectErrno(ops, "EIO", "wait", { until: null });
    for (const until of [-1, "1", undefined, 1e300]) expectErrno(ops, "EINVAL", "wait", { until });
    const job = ops.start("sync", {});
    equal(ops.value("wait", { until: null }), { type: "job", job, outcome: { value: {} } }, "a job's end");
    equal(ops.value("wait", { until: 0 }), timeout, "each end is told once");
  },
};

const trigger = (ops: OpsUnderTest, action: string) =>
  ops.value("write", { path: "/sys/class/mem/null/uevent", data: action });

function nextUevent(ops: OpsUnderTest): Event {
  for (;;) {
    const event = ops.wait(20_000);
    // Other devices of the machine may have their say meanwhile.
    if (event.type !== "uevent" || event.devpath === "/devices/virtual/mem/null") return event;
  }
}

const uevents: Case = {
  name: "uevents",
  run(ops) {
    ops.done("mount", { source: "sysfs", target: "/sys", type: "sysfs", flags: [], data: "" });
    trigger(ops, "add");
    ops.value("listenUevents", { receiveBuffer: 1 << 20 });
    ops.value("listenUevents", { receiveBuffer: 1 << 20 });
    trigger(ops, "add");
    trigger(ops, "change 12345678-1234-1234-1234-123456789abc A=b");
    const first = nextUevent(ops);
    ok(first.type === "uevent", JSON.stringify(first));
    const { SEQNUM, ...properties } = first.properties;
    equal(first.action, "add", "action");
    equal(
      properties,
      { SUBSYSTEM: "mem", SYNTH_UUID: "0", MAJOR: "1", MINOR: "3", DEVNAME: "null", DEVMODE: "0666" },
      "properties",
    );
    ok(Number(SEQNUM) > 0, `SEQNUM ${SEQNUM}`);
    const second = nextUevent(ops);
    ok(
      second.type === "uevent" && second.action === "change" && second.properties.SYNTH_ARG_A === "b",
      JSON.stringify(second),
    );
    // A job's end comes first, however many uevents there are.
    const job = ops.start("run", { argv: ["true"] });
    ops.done("run", { argv: ["sleep", "0.1"] });
    for (let n = 0; n < 10; n++) trigger(ops, "change");
    equal(errnoOf(ops.finished(job)), "", "job");
    for (let n = 0; n < 10; n++) equal(nextUevent(ops).type, "uevent", `uevent ${n}`);
    for (const receiveBuffer of [0, -1, "x"]) expectErrno(ops, "EINVAL", "listenUevents", { receiveBuffer });
  },
};

const flood: Case = {
  name: "uevents that come too fast are reported as lost",
  run(ops) {
    for (let n = 0; n < 3000; n++) trigger(ops, "change");
    let event = nextUevent(ops);
    let count = 0;
    while (event.type === "uevent" && count++ < 3000) event = nextUevent(ops);
    equal(event, { type: "uevents-lost" }, `after ${count} uevents`);
  },
};

export const cases: readonly Case[] = [clock, kernel, log, nothing, uevents, flood];
