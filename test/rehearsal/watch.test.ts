/** Modules that set devices up as others come, in rehearsed boots of modules made here. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { SimulatedDevice } from "../../core/rehearsal/description.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-watch-"));
after(() => rmSync(folder, { recursive: true }));

const root: SimulatedDevice = {
  name: "vda",
  number: "254:0",
  tags: { TYPE: "ext4", UUID: "0-1" },
  files: { "sbin/init": { type: "file", mode: 0o755, data: "" } },
};
const member = (name: string, minor: number, change: Partial<SimulatedDevice> = {}): SimulatedDevice => ({
  name,
  number: `8:${minor}`,
  tags: { TYPE: "test_member" },
  ...change,
});

/** Boots with a module whose hook of the phase initqueue watches, by this function. */
async function boot(
  name: string,
  listener: string,
  devices: readonly SimulatedDevice[],
  commandLine = "root=UUID=0-1",
) {
  const modules = join(folder, name);
  const module = join(modules, `91${name}`);
  mkdirSync(module, { recursive: true });
  writeFileSync(join(module, "module-setup.ts"), "export default {};\n");
  const hook = `export default hook({ run: ({ devices, log, clock, programs, wants }) => devices.watch(${listener}) });`;
  writeFileSync(join(module, "initqueue.ts"), `import { hook } from "firstlight/hooks";\n${hook}\n`);
  const machine = createMachine({
    commandLine: `${commandLine} rd.shell=0`,
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: {},
    devices,
    drivers: {},
    modaliases: [],
    programs: { sleeper: ({ argv }) => ({ lasts: Number(argv[1]) * 1000 }) },
  });
  const { word } = await rehearse(await bundleWith({ add: [name], folders: [modules] }), machine);
  return { word, shown: machine.console(), time: machine.now(), files: machine.files };
}

const seen = (shown: string, pattern: RegExp) => [...shown.matchAll(pattern)].map(([, text]) => text);

test("each device is told of, those that are there and those that come; the end of initqueue waits for the work", async () => {
  const listener = "(device) => clock.sleep(3000).then(() => log.info('seen ' + device.name))";
  const { word, shown, time } = await boot("each", listener, [
    root,
    member("sda", 0),
    member("sdb", 16, { after: 1000 }),
  ]);
  assert.equal(word, "switch", shown);
  assert.deepEqual(seen(shown, /<6>seen (\w+)/g), ["sda", "vda", "sdb"]);
  assert.ok(time > 4000 && time < 6000, `${time} ms`);
  assert.ok(shown.indexOf("seen sdb") < shown.indexOf("phase mount"), shown);
});

test("a device that changes twice while somebody works on it is told of once more, as it is last", async () => {
  const changes = [1, 2].map((number) => ({ after: number * 500, tags: { TYPE: `changed-${number}` } }));
  const listener =
    "async (device) => { if (device.name !== 'sda') return; log.info('begin ' + device.tags.TYPE); await clock.sleep(2000); log.info('end ' + device.tags.TYPE); }";
  const { word, shown } = await boot("changes", listener, [root, member("sda", 0, { changes })]);
  assert.equal(word, "switch", shown);
  assert.deepEqual(seen(shown, /<6>((?:begin|end) [\w-]+)/g), [
    "begin test_member",
    "end test_member",
    "begin changed-2",
    "end changed-2",
  ]);
});

test("what is thrown is a warning, at once or later, and others are told all the same", async () => {
  const listener =
    "(device) => { if (device.name === 'sda') throw new Error('no use'); return device.name === 'sdb' ? Promise.reject(new Error('later')) : log.info('seen vda'); }";
  const { word, shown } = await boot("throws", listener, [root, member("sda", 0), member("sdb", 16)]);
  assert.equal(word, "switch", shown);
  assert.match(shown, /<4>throws: \/dev\/sda: .*no use/);
  assert.match(shown, /<4>throws: \/dev\/sdb: .*later/);
  assert.match(shown, /<6>seen vda/);
});

test("a name that a module gives: it is a link, it is found by it, and it goes with the device", async () => {
  const listener = "(device) => { if (device.name !== 'vda') devices.addNames(device, ['/dev/made/' + device.name]); }";
  const disks = [{ ...root, name: "sda", after: 1000 }, member("sdb", 16, { gone: 2000 }), { ...root, after: 4000 }];
  const { word, shown, files } = await boot("names", listener, disks, "root=/dev/made/sda rd.retry=9 rd.break=switch");
  assert.equal(word, "switch", shown);
  assert.match(shown, /root: \/dev\/sda/);
  assert.equal(files.find("/dev/made/sda", { last: false }).target, "/dev/sda");
  const late = await boot(
    "gone",
    "(device) => devices.addNames(device, ['/dev/made/' + device.name])",
    disks,
    "root=/dev/made/vda",
  );
  assert.deepEqual(
    late.files.list("/dev/made").map(({ name }) => name),
    ["sda", "vda"],
  );
});

test("work that nothing can end is an error that names the module", async () => {
  const { word, shown } = await boot("stuck", "() => new Promise(() => {})", [root]);
  assert.equal(word, "failed");
  assert.match(shown, /the hook of the module stuck would wait for ever/);
});

/** Of "sda" something is set up by programs, one after the other, that take so many seconds each. */
const setUp = (...seconds: number[]) =>
  `async (device) => { if (device.name === "sda") for (const seconds of ${JSON.stringify(seconds)}) await programs.run({ argv: ["sleeper", String(seconds)] }); }`;
for (const [parameters, time] of [
  ["", 180],
  ["rd.retry=20", 20],
  ["rd.retry=20 rd.timeout=60", 20],
  ["rd.timeout=30", 30],
  ["rd.timeout=0", 180],
] as const) {
  test(`what hangs that the boot does not need is given up, with a warning: "${parameters}"`, async () => {
    const {
      word,
      shown,
      time: ended,
    } = await boot("hangs", setUp(3600), [root, member("sda", 0)], `root=UUID=0-1 ${parameters}`);
    assert.equal(word, "switch", shown);
    assert.match(
      shown,
      new RegExp(
        `<4>the boot goes on without what the module hangs would set up: nothing has moved for ${time} s, waiting for `,
      ),
    );
    assert.ok(ended > time * 1000 && ended < time * 1000 + time * 100 + 2000, `${ended} ms`);
  });
  test(`the same where it comes only after the phase: "${parameters}"`, async () => {
    const devices = [{ ...root, mountLasts: 1000 }, member("sda", 0, { after: 500 })];
    const { word, shown } = await boot("hangs-late", setUp(3600), devices, `root=UUID=0-1 ${parameters}`);
    assert.equal(word, "switch", shown);
    assert.match(shown, /<4>the boot goes on without what the module hangs-late would set up/);
  });
}

test("its time begins when all else is there, however late that is", async () => {
  const late = { ...root, after: 150_000 };
  const { word, shown, time } = await boot("hangs-long", setUp(3600), [late, member("sda", 0)]);
  assert.equal(word, "switch", shown);
  assert.match(shown, /the boot goes on without what the module hangs-long would set up: nothing has moved for 180 s/);
  assert.ok(time > 330_000 && time < 350_000, `${time} ms ${shown}`);
});

test("what waits for itself, for a time of its own, is not given up", async () => {
  const listener = `async (device) => {
    if (device.name !== "sda") return;
    await wants.until("the key", { for: "sda", within: 60_000 }, () => undefined).catch(() => log.info("without a key"));
  }`;
  const { word, shown, time } = await boot("own-time", listener, [root, member("sda", 0)], "root=UUID=0-1 rd.retry=9");
  assert.equal(word, "switch", shown);
  assert.match(shown, /without a key/);
  assert.doesNotMatch(shown, /goes on without/);
  assert.ok(time > 60_000 && time < 63_000, `${time} ms`);
  const forEver = listener.replace(", within: 60_000", "");
  const given = await boot("for-ever", forEver, [root, member("sda", 0)], "root=UUID=0-1 rd.retry=9 rd.timeout=0");
  assert.equal(given.word, "switch", given.shown);
  assert.match(given.shown, /goes on without what the module for-ever would set up/);
});

test("the first look at all devices is waited for, whatever is given up", async () => {
  const devices = [root, member("sda", 0), member("sdb", 16, { probeLasts: 3_600_000 })];
  const { word, shown } = await boot("looks", setUp(3600), devices, "root=UUID=0-1 rd.retry=5");
  assert.equal(word, "switch", shown);
  assert.match(shown, /goes on without what the module looks would set up[\s\S]*\/dev\/sdb does not answer/);
  const alone = await boot("looks-alone", "() => {}", devices, "root=UUID=0-1 rd.retry=5");
  assert.equal(alone.word, "switch", alone.shown);
  assert.match(alone.shown, /\/dev\/sdb does not answer/);
  assert.doesNotMatch(alone.shown, /goes on without what/, "nobody sets anything up");
});

test("what a person at the console may end is not given up", async () => {
  const listener =
    "async (device) => { if (device.name === 'sda') await programs.run({ argv: ['sleeper', '60'], stdin: 'console', terminal: true }); }";
  const { word, shown, time } = await boot("asks", listener, [root, member("sda", 0)], "root=UUID=0-1 rd.retry=9");
  assert.equal(word, "switch", shown);
  assert.doesNotMatch(shown, /goes on without/);
  assert.ok(time > 60_000 && time < 62_000, `${time} ms`);
});

test("what takes its time is not given up as long as something moves", async () => {
  const { word, shown, time } = await boot(
    "slow",
    setUp(15, 15, 15),
    [root, member("sda", 0)],
    "root=UUID=0-1 rd.retry=20",
  );
  assert.equal(word, "switch", shown);
  assert.doesNotMatch(shown, /goes on without/);
  assert.ok(time > 45_000 && time < 47_000, `${time} ms`);
});

test("what begins after the phase comes to its end before the switch", async () => {
  const listener = '(device) => device.name === "sda" ? clock.sleep(5000).then(() => log.info("set up")) : undefined';
  const late = member("sda", 0, { after: 500 });
  const { word, shown, time } = await boot("late", listener, [{ ...root, mountLasts: 1000 }, late]);
  assert.equal(word, "switch", shown);
  assert.match(shown, /set up/);
  assert.ok(time > 5500 && time < 7500, `${time} ms`);
});
