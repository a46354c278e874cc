/** Recordings: what a rehearsal wrote is read, replayed by the same boot code, and told from what is not the same. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { before, test } from "node:test";
import { traceEnd, traceMagic, tracePath } from "../../core/abi/index.js";
import type { MachineDescription } from "../../core/rehearsal/description.js";
import { dataOf } from "../../core/rehearsal/file-tree.js";
import { createMachine, type Machine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { replay } from "../../core/rehearsal/replay.js";
import { readTraces, type Trace } from "../../core/rehearsal/trace.js";
import { bundleWith } from "../support/rehearsal.js";

const uuid = "00361d4e-646b-478c-9947-73b9bec8531e";
const machine: Omit<MachineDescription, "commandLine"> = {
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: { "etc/": "" },
  devices: [
    {
      name: "vda1",
      number: "254:1",
      tags: { TYPE: "ext4", USAGE: "filesystem", UUID: uuid, LABEL: "R\udcff\tö" },
      after: 3,
      files: { "sbin/init": { type: "file", mode: 0o755, data: "" } },
    },
  ],
  drivers: {},
  modaliases: ["pci:v00001AF4d00001001"],
  programs: {},
};
const good = `root=UUID=${uuid}`;
const bad = "root=UUID=f00d rd.retry=3 rd.shell=0";
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: [] });
});

async function boot(commandLine: string): Promise<Machine> {
  const simulated = createMachine({ ...machine, commandLine });
  await rehearse(bundle, simulated);
  return simulated;
}

const recordingOf = (simulated: Machine) => Buffer.from(dataOf(simulated.files.find(tracePath)), "latin1").toString();

function onlyTrace(text: string): Trace {
  const [trace, ...others] = readTraces(Buffer.from(text), "TRACE");
  assert.deepEqual(others, []);
  assert.ok(trace);
  return trace;
}

for (const [name, commandLine] of Object.entries({ "a boot": good, "a boot that stops": bad }))
  test(`${name} is recorded as it was, and replayed to its last word`, async () => {
    const simulated = await boot(commandLine);
    const trace = onlyTrace(recordingOf(simulated));
    assert.deepEqual(trace.entries, simulated.recorded());
    assert.ok(trace.entries.length > 30 && !trace.cut);
    assert.deepEqual(await replay(bundle, trace), {
      end: "last word",
      ops: trace.entries.length,
      word: simulated.lastWord(),
    });
  });

test("rd.trace=0: nothing is recorded", async () => {
  const simulated = await boot(`${good} rd.trace=0`);
  assert.throws(() => recordingOf(simulated), /ENOENT/);
});

test("what fails before the command line is read has a recording, too, from the first op on", async () => {
  for (const missing of ["proc", "sysfs", "tmpfs"]) {
    const simulated = createMachine({ ...machine, commandLine: good, missingTypes: [missing] });
    await rehearse(bundle, simulated);
    assert.equal(simulated.lastWord()?.word, "failed", missing);
    const trace = onlyTrace(recordingOf(simulated));
    assert.deepEqual(trace.entries, simulated.recorded());
    assert.equal((await replay(bundle, trace)).end, "last word");
  }
});

test("each engine of a boot has a recording of its own; of those between the first and the last none stays", async () => {
  for (const engine of [2, 3]) {
    const simulated = createMachine({ ...machine, commandLine: good, init: { engine } });
    const ask = (name: string, request: object) =>
      assert.match(simulated.op(name, JSON.stringify(request)), /^{"value"/);
    for (const [type, target] of [
      ["proc", "/proc"],
      ["tmpfs", "/run"],
    ]) {
      ask("makeDir", { path: target });
      ask("mountVirtual", { type, target, flags: [], data: "" });
    }
    ask("makeDir", { path: dirname(tracePath) });
    const before = [tracePath, `${tracePath}.2`].slice(0, engine - 1);
    for (const path of before) ask("write", { path, data: "an earlier one", mode: 0o600 });
    await rehearse(bundle, simulated);
    const names = simulated.files.list(dirname(tracePath)).map(({ name }) => name);
    assert.deepEqual(names, ["trace", `trace.${engine}`]);
    const [first] = String(simulated.files.find(`${tracePath}.${engine}`).data).split("\n");
    assert.match(first ?? "", new RegExp(`^${traceMagic}\t[0-9a-f]{16}\t${engine}$`));
    assert.equal(String(simulated.files.find(tracePath).data), "an earlier one");
  }
});

test("rd.trace=console: the report is followed by the recording, which is found among what a serial line adds", async () => {
  const simulated = await boot(`${bad} rd.trace=console`);
  const trace = onlyTrace(recordingOf(simulated));
  const console = simulated.console().replaceAll("\n", "\r\n");
  const [message, another] = ["[    3.141592] usb 1-1: new device\r\n", "[   13.141592] firstlight: failed\r\n"];
  const disturbed = console
    .replace(/(\d+\tlog\t)/, `${message}$1`)
    .replace(/(\d+\twait\t{"un)(til)/, `$1${message}${another}$2`)
    .replace(/("value":{}})(\r\n\d+\tnow\t)/, `$1${message}$2`)
    .replace(/(firstlight trace 1\t\w{4})/, `$1${another}`)
    .replace(/(firstlight tr)(ace end)(?!")/, `$1${message}$2`);
  assert.equal(disturbed.length, console.length + 4 * message.length + 2 * another.length);
  assert.match(console, /The boot has stopped[\s\S]*\r\nfirstlight trace 1\t/);
  assert.deepEqual(onlyTrace(disturbed), trace);
  // The recording ends where it is shown: what the boot code then asks is not in it.
  assert.deepEqual((await replay(bundle, trace)).end, "recording");
});

test("a boot without a place for the recording goes on, and says that there is none", async () => {
  const simulated = createMachine({ ...machine, commandLine: good });
  const op = (name: string, request: string) =>
    name === "trace" && !request.includes("null") ? '{"error":{"errno":"ENOSPC"}}' : simulated.op(name, request);
  assert.equal((await rehearse(bundle, { ...simulated, op })).word, "switch");
  assert.match(simulated.console(), /there is no trace of this boot: trace \/run\/initramfs\/trace: ENOSPC/);
});

test("another op than the recorded one: the replay stops there, and tells both", async () => {
  const trace = onlyTrace(recordingOf(await boot(good)));
  const at = trace.entries.findIndex(({ name }) => name === "mount");
  const entries = trace.entries.with(at, { ...(trace.entries[at] ?? assert.fail()), arguments: '{"source":"other"}' });
  const end = await replay(bundle, { ...trace, entries });
  assert.deepEqual(end, {
    end: "diverged",
    ops: at,
    asked: { name: "mount", arguments: trace.entries[at]?.arguments },
  });
});

test("another outcome leads to other ops", async () => {
  const trace = onlyTrace(recordingOf(await boot(good)));
  const at = trace.entries.findIndex(({ name }) => name === "mount");
  const entries = trace.entries.with(at, {
    ...(trace.entries[at] ?? assert.fail()),
    outcome: '{"error":{"errno":"EAGAIN"}}',
  });
  const end = await replay(bundle, { ...trace, entries });
  assert.equal(end.end, "diverged");
  assert.equal(end.ops, at + 1);
});

test("a recording that ends before the boot does: the replay ends with it", async () => {
  const trace = onlyTrace(recordingOf(await boot(good)));
  const entries = trace.entries.slice(0, 20);
  assert.deepEqual(await replay(bundle, { ...trace, entries }), { end: "recording", ops: 20 });
  assert.deepEqual(await replay(bundle, trace, { until: 20 }), { end: "until", ops: 20 });
  const all = trace.entries.length;
  await assert.rejects(
    replay(bundle, trace, { until: all + 1 }),
    new RegExp(`has ${all} ops, there is no op ${all + 1}`),
  );
});

test("boot code that throws, and code that does not end, end the replay as the boot", async () => {
  const own = (turn: string) => `globalThis.bundleId = () => "0123456789abcdef"; globalThis.turn = () => { ${turn} };`;
  const now = { time: 1, name: "now", arguments: "{}", outcome: '{"value":{}}' };
  const trace = { bundle: "0123456789abcdef", engine: 1, entries: [now] };
  const thrown = await replay(own('op("now", "{}"); throw new Error("mistake");'), trace);
  assert.deepEqual(thrown, { end: "failed", ops: 1, reason: "Error: mistake", recorded: false });
  const died = { ...trace, entries: [now, { ...now, name: "kernel", outcome: "" }] };
  const inside = await replay(own('op("now", "{}"); for (;;) try { op("kernel", "{}"); } catch {}'), died);
  assert.deepEqual(inside, { end: "failed", ops: 2, reason: "the engine ended within the op kernel", recorded: false });
});

test("the recording of another bundle, and a bundle that has no id, are refused", async () => {
  const trace = onlyTrace(recordingOf(await boot(good)));
  const other = await bundleWith({ add: ["tmpfs-root"] });
  await assert.rejects(
    replay(other, trace),
    /of another image: of the boot code [0-9a-f]{16}, and the image's is [0-9a-f]{16};/,
  );
  await assert.rejects(replay("globalThis.turn = () => {};", trace), /the image's has no id/);
});

const head = `${traceMagic}\t0123456789abcdef\t1\n`;
const line = '5\tnow\t{}\t{"value":{}}\n';
const damaged: [name: string, text: string, says: RegExp][] = [
  ["nothing", "", /TRACE holds no recording of a boot: name/],
  ["something else", "{}\nx\ty\n", /TRACE holds no recording/],
  [
    "another version",
    head.replace("1\t", "2\t"),
    /TRACE, line 1: a recording of another release .*"firstlight trace 2"/,
  ],
  ["a first line that is cut", `${traceMagic}\t0123\n`, /TRACE, line 1: the first line of the recording was damaged/],
  ["a first line with more", head.replace("\n", "\tx\n"), /TRACE, line 1: the first line/],
  ["a line with three parts", `${head}5\tnow\t{}\n${line}`, /TRACE, line 2: this is no op/],
  ["a line with five parts", `${head}${line.replace("\n", "\tx\n")}${line}`, /TRACE, line 2: this is no op/],
  ["a time that is none", `${head}${line}x${line}${line}`, /TRACE, line 3: this is no op/],
  ["an outcome that is cut", `${head}5\tnow\t{}\t{"val\n${line}`, /TRACE, line 2: this is no op/],
  ["an empty line", `${head}\n${line}`, /TRACE, line 2: this is no op/],
];
for (const [name, text, says] of damaged)
  test(`not a recording: ${name}`, () => assert.throws(() => readTraces(Buffer.from(text), "TRACE"), says));

test("what the kernel says on a console amid a character of the recording is taken out again", () => {
  const entry = '5\tprint\t{"text":"── stopped"}\t{"value":{}}\r\n';
  const amid = Buffer.byteLength(entry.slice(0, entry.indexOf("─"))) + 2;
  const bytes = Buffer.from(entry);
  const message = Buffer.from("[    9.429214] firstlight: ──\r\n");
  const broken = Buffer.concat([Buffer.from(head), bytes.subarray(0, amid), message, bytes.subarray(amid)]);
  const [found] = readTraces(broken, "TRACE")[0]?.entries ?? [];
  assert.equal(found?.arguments, '{"text":"── stopped"}');
});

test("recordings that are not whole say why, and several in a text are told apart", () => {
  assert.equal(onlyTrace(`${head}${line}cut\tEFBIG\n`).cut, "it had reached its greatest length");
  assert.equal(onlyTrace(`${head}${line}cut\tENOSPC\nwhatever\n`).cut, "/run was full");
  const torn = onlyTrace(`${head}${line}6\tnow\t{}\t{"va`);
  assert.deepEqual([torn.cut, torn.entries.length], ["its last line is not whole", 1]);
  const whole = onlyTrace(`${head}${line}${line.trim()}`);
  assert.deepEqual([whole.cut, whole.entries.length], [undefined, 2]);
  const second = head.replace("\t1\n", "\t7\n");
  const text = `a log\n${head}${line}${traceEnd}\nmore\n${second}${line}${line}`;
  const found = readTraces(Buffer.from(text), "TRACE").map(({ engine, entries }) => [engine, entries.length]);
  assert.deepEqual(found, [
    [1, 1],
    [7, 2],
  ]);
});
