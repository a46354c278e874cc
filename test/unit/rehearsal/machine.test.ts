/** Ops of the simulated machine that the conformance suite does not ask, because they need a person, a whole kernel, or a fault. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Outcome, ops as table } from "../../../core/abi/index.js";
import type { MachineDescription } from "../../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../../core/rehearsal/file-tree.js";
import { createMachine } from "../../../core/rehearsal/machine.js";
import { knownPrograms, scriptedPrograms } from "../../../core/rehearsal/program-models.js";
import { loadBundle } from "../../../core/rehearsal/rehearse.js";
import { errnoOf, opsUnderTest } from "../../support/conformance/suite.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "\x7fELF" };
const bare: MachineDescription = {
  commandLine: "",
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: {
    "dev/": "",
    "proc/": "",
    "sys/": "",
    "mnt/": "",
    "root/": "",
    "bin/cat": program,
    kernel: "MZ",
    text: "x",
  },
  devices: [],
  drivers: {},
  modaliases: [],
  programs: {},
};

function start(change: Partial<MachineDescription> = {}) {
  const machine = createMachine({ ...bare, ...change });
  const ops = opsUnderTest(machine.op);
  for (const [type, target] of [
    ["proc", "/proc"],
    ["sysfs", "/sys"],
    ["devtmpfs", "/dev"],
  ] as const)
    ops.value("mountVirtual", { type, target, flags: [], data: "" });
  return { machine, ops };
}

const errno = (outcome: Outcome) => errnoOf(outcome);

test("every op of the contract is answered", () => {
  const { machine } = start();
  for (const name of Object.keys(table)) assert.doesNotMatch(machine.op(name, "[]"), /ENOSYS/, name);
  assert.match(machine.op("toString", "{}"), /ENOSYS/);
});

test("another engine finds the machine as the one before has left it, without its jobs and what it had mounted as the new root", () => {
  const { machine, ops } = start({ devices: [{ name: "vda", number: "254:0", tags: { TYPE: "ext4" } }] });
  ops.value("listenUevents", { receiveBuffer: 1 << 20 });
  ops.value("makeDir", { path: "/run" });
  ops.value("mountVirtual", { type: "tmpfs", target: "/run", flags: ["nosuid", "nodev"], data: "" });
  ops.value("write", { path: "/run/kept", data: "kept", mode: 0o600 });
  ops.done("mount", { source: "/dev/vda", target: "/mnt", type: "ext4", flags: [], data: "" });
  ops.value("symlink", { path: "/dev/link", target: "vda" });
  ops.start("prompt", { text: "? ", secret: false });
  machine.takeOut("vda");
  ops.value("finish", { word: "failed", reason: "", retry: true });
  const next = machine.nextEngine();
  const after = opsUnderTest(next.op);
  assert.equal(next.lastWord(), undefined);
  assert.equal((after.value("kernel", {}) as { engine: number }).engine, 2);
  assert.deepEqual(after.value("read", { path: "/run/kept" }), { data: "kept" });
  assert.deepEqual(after.value("readLink", { path: "/dev/link" }), { target: "vda" });
  assert.doesNotMatch(JSON.stringify(after.value("read", { path: "/proc/mounts" })), / \/mnt /);
  assert.match(JSON.stringify(after.value("read", { path: "/proc/mounts" })), / \/run tmpfs/);
  assert.equal(errno(after.outcome("wait", { until: null })), "EIO", "no job, and no uevents");
  assert.equal(next.recorded()[0]?.name, "kernel");
});

test("prompt: what is typed, given up, too late, and by nobody", () => {
  const { machine, ops } = start({
    console: [{ line: "a \udcff line" }, { cancel: true }, { line: "late", after: 5000 }],
  });
  const ask = (timeLimit?: number) =>
    ops.job("prompt", { text: "Name: ", secret: false, ...(timeLimit ? { timeLimit } : {}) });
  assert.deepEqual(ask(), { value: { line: "a \udcff line" } });
  assert.match(machine.console(), /Name: a \udcff line\n/);
  assert.equal(errno(ask()), "ECANCELED");
  const before = machine.now();
  assert.equal(errno(ask(100)), "ETIMEDOUT");
  assert.equal(machine.now() - before, 100);
  const job = ops.start("prompt", { text: "", secret: false, timeLimit: 1000 });
  ops.value("signal", { job, signal: "SIGTERM" });
  assert.equal(errno(ops.finished(job)), "ECANCELED");
  ops.start("prompt", { text: "Anybody? ", secret: false });
  assert.deepEqual(machine.leftOpen(), ['what a person answers to "Anybody? "']);
  assert.equal(errno(start({ console: "none" }).ops.job("prompt", { text: "", secret: false })), "EIO");
});

test("a secret is read by programs alone, until it is forgotten", () => {
  const cat = knownCat();
  const { machine, ops } = start({ console: [{ line: "sesame" }], modelled: { cat } });
  const answer = ops.done("prompt", { text: "Secret: ", secret: true });
  assert.ok("secret" in answer);
  assert.doesNotMatch(machine.console(), /sesame/);
  const read = () => ops.job("run", { argv: ["cat"], stdin: { secret: answer.secret }, stdout: "keep" });
  assert.deepEqual(read(), { value: { status: 0, signal: null, stdout: "sesame" } });
  ops.value("forgetSecret", { secret: answer.secret });
  assert.equal(errno(read()), "EBADF");
  assert.equal(errno(ops.outcome("forgetSecret", { secret: answer.secret })), "ENOENT");
});

function knownCat() {
  return function* (_request: unknown, running: { read(): { data: string } }) {
    yield { sleep: 1 };
    return { stdout: running.read().data };
  };
}

test("programs: scripted results by the words that they begin with; what nobody describes is left open", () => {
  const made: string[] = [];
  const results = [
    { argv: ["tool", "open"], lasts: 50, status: 3, stderr: "no", effect: () => void made.push("opened") },
    { argv: ["tool"], lasts: 1, effect: () => {} },
  ];
  const initramfs = { ...bare.initramfs, "bin/tool": program, "bin/other": program };
  const { machine, ops } = start({ initramfs, modelled: scriptedPrograms(results) });
  const before = machine.now();
  const run = (...argv: string[]) => ops.done("run", { argv, stderr: "keep" });
  assert.deepEqual(run("/bin/tool", "open", "x"), { status: 3, signal: null, stderr: "no" });
  assert.deepEqual([made, machine.now() - before], [["opened"], 50]);
  assert.equal(run("tool", "close").status, 0);
  ops.start("run", { argv: ["other", "word"] });
  assert.deepEqual(machine.leftOpen(), ["what the program other word does, and how it ends"]);
});

test("tar and a decompressor: what fits is there, what does not is told of, and what is no archive", () => {
  const files = { "a/b": "content", "a/big": { type: "file", mode: 0o644, size: 40_000 } as const };
  const magic = Buffer.from([0x1f, 0x8b]);
  const { ops } = start({
    initramfs: {
      ...bare.initramfs,
      "bin/tar": program,
      "bin/gzip": program,
      "x.tar.gz": { type: "file", mode: 0o644, size: 2_000_000, data: magic, archive: { files } },
    },
    modelled: knownPrograms,
  });
  function unpack(size: string) {
    ops.done("mount", { source: "", target: "/mnt", type: "tmpfs", flags: [], data: `size=${size}` });
    const { pipe } = ops.value("pipe", {});
    const tar = ops.start("run", { argv: ["tar", "-x"], cwd: "/mnt", stdin: { pipe }, stdout: "keep", stderr: "keep" });
    const gzip = ops.start("run", { argv: ["gzip", "-dc"], stdin: { file: "/x.tar.gz" }, stdout: { pipe } });
    ops.wait(5);
    assert.equal(ops.value("inputPosition", { job: gzip }).position, 1_000_000);
    ops.finished(gzip);
    return ops.finished(tar) as { value: { status: number; stdout: string; stderr: string } };
  }
  assert.match(unpack("1m").value.stdout, /Block of NULs/);
  assert.equal(ops.value("read", { path: "/mnt/a/b" }).data, "content");
  assert.equal(ops.value("stat", { path: "/mnt/a/big" }).size, 40_000);
  ops.done("unmount", { target: "/mnt" });
  const full = unpack("32k").value;
  assert.deepEqual([full.status, /a\/big: Cannot write: No space left/.test(full.stderr)], [2, true], full.stderr);
});

test("a disk that goes while it is mounted cannot be read any more; a probe tells of several signatures", () => {
  const { ops } = start({
    devices: [
      { name: "sda", number: "8:0", tags: { TYPE: "ext4" }, gone: 100, files: { f: "x" } },
      { name: "sdb", number: "8:16", tags: {}, ambivalent: true },
      { name: "sr0", number: "11:0", tags: {}, sectors: 0 },
    ],
  });
  assert.equal(ops.done("probe", { device: "/dev/sdb" }).ambivalent, true);
  assert.equal(errno(ops.job("probe", { device: "/dev/sr0" })), "ENOMEDIUM");
  ops.done("mount", { source: "/dev/sda", target: "/mnt", type: "ext4", flags: [], data: "" });
  assert.equal(ops.done("readFile", { path: "/mnt/f" }).data, "x");
  ops.value("listenUevents", { receiveBuffer: 1 << 20 });
  const event = ops.wait(200);
  assert.deepEqual(event.type === "uevent" && [event.action, event.devpath], ["remove", "/simulated/block/sda"]);
  assert.equal(errno(ops.job("readFile", { path: "/mnt/f" })), "EIO");
  assert.equal(errno(ops.outcome("stat", { path: "/dev/sda" })), "ENOENT");
});

test("devices behind devices: each driver that answers brings the next, with an event", () => {
  const driver = (name: string) => [{ name, path: `/${name}.ko`, parameters: "", size: 1 }];
  const { ops } = start({
    drivers: { "pci:x": driver("outer"), "virtio:y": driver("inner") },
    devices: [{ name: "vda", number: "254:0", tags: {}, behind: ["pci:x", "virtio:y"] }],
  });
  ops.value("listenUevents", { receiveBuffer: 1 << 20 });
  const aliases = () =>
    ["pci", "virtio"].flatMap((bus) => {
      const path = `/sys/bus/${bus}/devices`;
      const outcome = ops.outcome("list", { path });
      return "value" in outcome ? [bus] : [];
    });
  const insert = (name: string) => ops.done("insert", { drivers: driver(name) });
  assert.deepEqual(aliases(), ["pci"]);
  insert("inner");
  assert.equal(ops.wait(10).type, "timeout", "what it would drive is not there yet");
  insert("outer");
  const added = ops.wait(10);
  assert.ok(added.type === "uevent" && added.properties.MODALIAS === "virtio:y", JSON.stringify(added));
  assert.deepEqual(aliases(), ["pci", "virtio"]);
  const disk = ops.wait(10);
  assert.ok(disk.type === "uevent" && disk.properties.DEVNAME === "vda", "its driver was there before it");
});

test("kexecLoad and trySwitch: what is wrong with a kernel, and with an init", () => {
  const { ops } = start({ initramfs: { ...bare.initramfs, "root/sbin/init": "no program", "root/none": program } });
  const kexec = (kernel: string, initrd?: string) =>
    errno(ops.job("kexecLoad", { kernel, cmdline: "", ...(initrd ? { initrd } : {}) }));
  assert.deepEqual([kexec("/kernel"), kexec("/kernel", "/text")], ["", ""]);
  assert.deepEqual([kexec("/none"), kexec("/text"), kexec("/kernel", "/none")], ["ENOENT", "ENOEXEC", "ENOENT"]);
  const objection = (init: string, root = "/mnt") =>
    ops.done("trySwitch", { word: "switch", root, init, arguments: [], moves: ["/proc"] }).objection;
  assert.equal(objection("/none", "/root"), "/root is no mount point");
  ops.done("mount", { source: "/root", target: "/mnt", type: "", flags: ["bind"], data: "" });
  assert.equal(objection("/none"), null);
  assert.equal(objection("/sbin/init"), "/sbin/init is not executable");
  ops.value("chmod", { path: "/root/sbin/init", mode: 0o755 });
  assert.match(objection("/sbin/init") ?? "", /is no program for this machine/);
  ops.value("write", { path: "/root/sbin/init", data: "#!/bin/sh\n", mode: 0o755 });
  assert.match(objection("/sbin/init") ?? "", /needs a program to run it/);
  assert.equal(ops.value("read", { path: "/proc/sys/kernel/osrelease" }).data, "6.1.0\n", "all mounts are as before");
});

test("boots that never end, and boot code that fails, end the rehearsal; the next boot starts anew", async () => {
  const bundle = await loadBundle(`
    let runs = 0;
    const ask = (name, request) => JSON.parse(op(name, JSON.stringify(request)));
    globalThis.turn = () => {
      const way = ask("read", { path: "/proc/cmdline" }).value.data.trim();
      if (way === "loop") for (;;);
      if (way === "wait") { ask("listenUevents", { receiveBuffer: 1 << 20 }); ask("wait", { until: null }); }
      if (way === "throw") throw new TypeError("a mistake");
      if (way === "idle") ask("wait", { until: 0 });
      if (way === "promises") void (async () => {
        for (let count = 1; ; count++) {
          await null;
          if (count % 10_000 === 0) ask("log", { level: 6, text: "on and on" });
        }
      })();
      if (way === "ops") for (;;) ask("log", { level: 6, text: "on and on" });
      if (way === "count") ask("finish", { word: "failed", reason: String(++runs), retry: false });
    };`);
  let logged = 0;
  const reasonOf = async (way: string) => {
    const { machine } = start({ commandLine: way });
    machine.op("setLimits", '{"turn":1000}');
    const ending = await bundle.boot(machine);
    logged = machine.recorded().filter(({ name }) => name === "log").length;
    const { reason } = { reason: "", ...(ending.end === "word" ? ending.word : ending) };
    return reason || JSON.stringify(ending);
  };
  assert.match(await reasonOf("loop"), /computes for more than 1 s/);
  assert.match(await reasonOf("promises"), /computes for more than 1 s/);
  assert.ok(logged > 2 && logged <= 10, `${logged}: a hundred thousand reactions to promises take a second`);
  assert.match(await reasonOf("ops"), /computes for more than 1 s/);
  assert.ok(logged > 10_000 && logged <= 25_000, `${logged}: so do twenty thousand ops`);
  assert.match(await reasonOf("wait"), /waits for something that never comes/);
  assert.match(await reasonOf("throw"), /TypeError: a mistake/);
  assert.match(await reasonOf("idle"), /has not ended after 100000 turns/);
  assert.deepEqual([await reasonOf("count"), await reasonOf("count")], ["1", "1"], "nothing is left of a boot");
});
