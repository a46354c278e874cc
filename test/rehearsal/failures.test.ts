/** Every way in which a hook can fail, and what a person can do about it, in the image's own engine on a simulated machine. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type LastWord, rescuePath, shellPath } from "../../core/abi/index.js";
import type { MachineDescription, ProgramModel } from "../../core/rehearsal/description.js";
import { Failure } from "../../core/rehearsal/failure.js";
import { createMachine, type Machine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

/** A module whose hook in the phase initqueue fails as `test=` says; a second one waits for `also=`; an emergency hook for `side=`. */
const moduleSetup = `
import { moduleSetup } from "firstlight/hooks";
export default moduleSetup({ depends: () => ["base"] });`;
const failingHook = `
import { hook } from "firstlight/hooks";
const never = () => new Promise<never>(() => {});
export default hook({
  async run(boot) {
    const { parameters, wants, programs, clock } = boot;
    const ways: Record<string, () => unknown> = {
      throws: () => { throw new TypeError("bad thing"); },
      nothing: () => Promise.reject(null),
      never,
      attempt: () => wants.until("the moon", { for: "a test" }, never),
      want: () => wants.until("the moon", { for: "a test" }, () => undefined),
      caught: () => wants.until("the moon", { for: "a test" }, () => undefined).catch(never),
      asks: () => boot.job("prompt", { text: "Name: ", secret: false }),
      hangs: () => programs.run({ argv: ["sleeper", "secret"] }),
      reads: async () => {
        const reader = programs.start({ argv: ["sleeper"], stdin: { file: "/archive" } });
        let ended = false;
        void reader.done.then(() => (ended = true));
        while (!ended) {
          await clock.sleep(1000);
          reader.inputPosition();
        }
      },
      polls: async () => { for (;;) await clock.sleep(100); },
      recursion: () => { const recurse = (): number => recurse() + 1; return recurse(); },
      memory: () => { const all = []; for (;;) all.push("x".repeat(1e5) + all.length); },
      op: () => boot.job("nonsense" as never, {} as never),
      chance: () => boot.log.info("chance " + [Math.random(), Math.random(), Date.now(), new Date().getTime(), typeof Date()]),
    };
    await ways[parameters.text("test") ?? ""]?.();
  },
});`;
const otherHook = `
import { hook } from "firstlight/hooks";
export default hook({
  async run({ parameters, wants, clock }) {
    const name = parameters.text("also");
    if (name === "later") { await clock.sleep(9000); throw new Error("the other one"); }
    if (name) await wants.device(name, { for: "a test" });
  },
});`;
const laterHook = `
import { hook } from "firstlight/hooks";
export default hook({
  async run({ parameters, clock }) {
    if (!parameters.has("late")) return;
    await clock.sleep(60_000);
    await new Promise(() => {});
  },
});`;
const emergencyHook = `
import { hook } from "firstlight/hooks";
export default hook({
  async run({ parameters }) {
    if (parameters.text("side") === "throws") throw new Error("side error");
    if (parameters.text("side") === "never") await new Promise(() => {});
  },
});`;

const folder = mkdtempSync(join(tmpdir(), "firstlight-failures-"));
after(() => rmSync(folder, { recursive: true }));
let bundle = "";
before(async () => {
  const files = {
    "60failing/module-setup.ts": moduleSetup,
    "60failing/initqueue.ts": failingHook,
    "60failing/emergency.ts": emergencyHook,
    "60failing/pre-mount.ts": laterHook,
    "61other/module-setup.ts": moduleSetup,
    "61other/initqueue.ts": otherHook,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  bundle = await bundleWith({ add: [], folders: [folder] });
});

const program = { type: "file", mode: 0o755, data: "" } as const;
const root = { name: "vda", number: "254:0", tags: { TYPE: "ext4", LABEL: "ROOT" }, files: { "sbin/init": program } };

/** What the boot code asks for may be answered by the test: undefined leaves it to the machine. */
type Interference = (name: string, request: Record<string, unknown>, machine: Machine) => object | undefined;

interface Boot {
  word: LastWord;
  shown: string;
  time: number;
}

async function boot(
  commandLine: string,
  change: Partial<MachineDescription> = {},
  interfere: Interference = () => undefined,
): Promise<Boot> {
  const machine = createMachine({
    commandLine: `root=LABEL=ROOT ${commandLine}`,
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: {},
    devices: [root],
    drivers: {},
    modaliases: [],
    programs: {},
    ...change,
  });
  const op = (name: string, request: string) => {
    const answer = interfere(name, JSON.parse(request), machine);
    return answer ? JSON.stringify(answer) : machine.op(name, request);
  };
  const word = await rehearse(bundle, { ...machine, op });
  return { word, shown: machine.console(), time: machine.now() };
}

/** A machine with a shell, which a person leaves in these ways, one after the other, each after a time in milliseconds. */
function withShell(...ways: ["exit" | "continue-boot", number][]): Partial<MachineDescription> {
  const left = [...ways];
  const sh: ProgramModel = () => {
    const [way, lasts] = left.shift() ?? ["exit", 1];
    return way === "exit" ? { lasts } : { lasts, signal: "SIGUSR1" };
  };
  return { initramfs: { [shellPath.slice(1)]: program }, programs: { shell: sh } };
}

/** A command line, and what the report says. */
const failures: [name: string, commandLine: string, ...says: RegExp[]][] = [
  ["throws", "test=throws", /^What: {4}bad thing$/m, /^Stack: .*at throws .*bundle\.js/m],
  ["rejects with nothing", "test=nothing", /^What: {4}null$/m],
  [
    "never settles",
    "test=never",
    /^What: {4}the hook of the module failing would wait for ever: no job runs/m,
    /^Remedy: .*mkinitrd -o failing/m,
  ],
  [
    "wants something that never tells whether it has come",
    "test=attempt rd.retry=9",
    /^What: {4}the hook of the module failing would wait for ever/m,
    /^Waiting: the moon, wanted for a test$/m,
  ],
  [
    "never settles after a want that was not met",
    "test=caught rd.retry=5",
    /^What: {4}the hook of the module failing would wait for ever/m,
  ],
  ["wants what never comes", "test=want rd.timeout=9", /^What: {4}the moon, wanted for a test, has not come$/m],
  [
    "has a job that hangs",
    "test=hangs rd.timeout=20",
    /^What: {4}nothing has moved for 20 s \(rd\.timeout\), and the hook of the module failing still waits for run sleeper$/m,
  ],
  ["waits in small pieces, for ever", "test=polls rd.timeout=20", /^What: {4}nothing has moved for 20 s/m],
  ["recurses without end", "test=recursion", /^What: {4}Maximum call stack size exceeded|stack overflow/m],
  ["eats memory", "test=memory", /^What: {4}out of memory$/m],
  ["asks for an op that does not exist", "test=op", /^What: {4}nonsense: ENOSYS/m],
];

for (const [name, commandLine, ...says] of failures)
  test(`a hook that ${name}: the reason, and the rescue policy`, async () => {
    const { word, shown } = await boot(`rd.shell=0 ${commandLine}`, {
      programs: { sleeper: () => ({ lasts: 1e12 }) },
    });
    assert.ok(word.word === "failed" && !word.retry, shown);
    assert.match(shown, /^Where: {3}initqueue/m);
    for (const pattern of says) assert.match(shown, pattern);
    assert.doesNotMatch(shown, /secret/);
    assert.equal(/^What: {4}(.*)$/m.exec(shown)?.[1], word.reason);
  });

test("a job that dies without a result", async () => {
  const died = () => {
    throw new Failure("ECHILD", "SIGKILL");
  };
  const { word, shown } = await boot("rd.shell=0 test=hangs", { programs: { sleeper: died } });
  assert.ok(word.word === "failed");
  assert.match(shown, /^What: {4}run sleeper: ECHILD: SIGKILL$/m);
});

test("an emergency hook that throws, or never ends, does not hide the report", async () => {
  const throws = await boot("rd.shell=0 test=throws side=throws");
  assert.match(throws.shown, /failing: side error[\s\S]*^What: {4}bad thing$/m);
  const never = await boot("rd.shell=0 test=throws side=never");
  assert.match(never.shown, /failing: has not ended after 10 s[\s\S]*^What: {4}bad thing$/m);
  assert.equal(never.word.word, "failed");
});

test("a person is told of a long wait, even where the kernel keeps quiet", async () => {
  const { word, shown } = await boot("test=hangs quiet", { programs: { sleeper: () => ({ lasts: 100_000 }) } });
  assert.equal(word.word, "switch", shown);
  assert.match(shown, /^<6>waiting for run sleeper \(4 s\)\n<6>waiting for run sleeper \(8 s\)\n/m);
  assert.match(shown, /^firstlight: waiting for run sleeper \(32 s\)\n/m);
  assert.match(shown, /^firstlight: waiting for run sleeper \(64 s\)\n/m);
});

test("chance and time are the boot's: a seed of its own, not the clock's, not the snapshot's", async () => {
  const chances = async (seed: string, realtime: number) => {
    const { shown } = await boot("test=chance", {}, (name) => {
      if (name === "randomSeed") return { value: { seed } };
      return name === "now" ? { value: { realtime, monotonic: 2000 } } : undefined;
    });
    return /chance (\S+)/.exec(shown)?.[1]?.split(",") ?? [];
  };
  const first = await chances("0".repeat(31).concat("1"), 1e12);
  assert.ok(first[0] !== first[1], `${first}`);
  assert.deepEqual(first.slice(2), ["1000000000000", "1000000000000", "string"]);
  assert.deepEqual(await chances("0".repeat(31).concat("1"), 1e12), first);
  const second = await chances("0".repeat(31).concat("2"), 1e12);
  assert.notDeepEqual(second.slice(0, 2), first.slice(0, 2), "machines without a clock do not repeat each other");
  const later = await chances("0".repeat(31).concat("1"), 2e12);
  assert.deepEqual(later.slice(0, 2), first.slice(0, 2));
});

test("a person may think about an answer for longer than rd.timeout", async () => {
  const asker: ProgramModel = () => ({ lasts: 60_000 });
  const { word, shown } = await boot("test=asks rd.timeout=20", { programs: { asker } }, (name, _request, machine) =>
    name === "prompt" ? JSON.parse(machine.op("run", '{"argv":["asker"]}')) : undefined,
  );
  assert.equal(word.word, "switch", shown);
});

test("a program that reads on is no standstill, however long it takes", async () => {
  const reading = async (speed: number) => {
    let position = 1;
    const programs = { sleeper: () => ({ lasts: 100_000 }) };
    const { word } = await boot(
      "rd.shell=0 test=reads rd.timeout=20",
      { programs, initramfs: { archive: "" } },
      (name) => {
        if (name !== "inputPosition") return undefined;
        position += speed;
        return { value: { position } };
      },
    );
    return word.word;
  };
  assert.equal(await reading(1), "switch");
  assert.equal(await reading(0), "failed");
});

test("a full /run: the boot goes on; where it stops, the console has the report", async () => {
  const full: Interference = (name, { path }) =>
    (name === "write" || name === "makeDir") && String(path).startsWith("/run/")
      ? { error: { errno: "ENOSPC" } }
      : undefined;
  const good = await boot("rd.log=file ext4.x=1", {}, full);
  assert.equal(good.word.word, "switch", good.shown);
  const failed = await boot("rd.shell=0 test=throws", {}, full);
  assert.equal(failed.word.word, "failed");
  assert.match(failed.shown, /^What: {4}bad thing$[\s\S]*there is no copy of the report: .*ENOSPC/m);
});

test("a console that is gone, and no ring either: the boot goes on, and fails in order", async () => {
  const gone: Interference = (name) => (name === "print" || name === "log" ? { error: { errno: "EIO" } } : undefined);
  assert.equal((await boot("", {}, gone)).word.word, "switch");
  const { word } = await boot("rd.shell=0 test=throws", {}, gone);
  assert.deepEqual(word, { word: "failed", reason: "bad thing", retry: false });
});

test("a shell that cannot be started: the rescue policy follows", async () => {
  const missing = () => {
    throw new Failure("ENOENT", shellPath);
  };
  const { word, shown } = await boot("test=throws", { ...withShell(), programs: { shell: missing } });
  assert.ok(word.word === "failed" && !word.retry, shown);
  assert.match(shown, /there is no shell: run .*ENOENT/);
});

test("leaving the shell tries again, continue-boot goes on after the hook that failed", async () => {
  const again = await boot("test=throws", withShell(["exit", 5000]));
  assert.ok(again.word.word === "failed" && again.word.retry);
  const { word, shown } = await boot("test=throws", withShell(["continue-boot", 5000]));
  assert.equal(word.word, "switch", shown);
});

test("continue-boot: what else fails in the phase is a warning, what is waited for is given up", async () => {
  const later = await boot("test=throws also=later", withShell(["continue-boot", 5000]));
  assert.equal(later.word.word, "switch", later.shown);
  assert.match(later.shown, /initqueue, other: skipped: the other one/);
  const wanted = await boot("test=throws also=LABEL=NONE rd.retry=1000", withShell(["continue-boot", 5000]));
  assert.equal(wanted.word.word, "switch", wanted.shown);
  assert.match(wanted.shown, /other: skipped: LABEL=NONE, wanted for a test, has not come/);
  assert.ok(wanted.time < 10_000, `${wanted.time} ms`);
});

test("continue-boot: a hook that then waits for ever is named, and none that failed before", async () => {
  const { word, shown } = await boot("test=caught also=UUID=none rd.retry=5", withShell(["continue-boot", 1000]));
  assert.equal(word.word, "switch", shown);
  assert.match(shown, /^<4>initqueue: skipped: the hook of the module failing would wait for ever/m);
});

test("continue-boot after a hook that never settles, after a wrong parameter, after a device that came late", async () => {
  const never = await boot("test=never", withShell(["continue-boot", 1]));
  assert.equal(never.word.word, "switch", never.shown);
  const wrong = await boot("rd.retry=soon", withShell(["continue-boot", 1]));
  assert.equal(wrong.word.word, "switch", wrong.shown);
  const late = { ...withShell(["continue-boot", 30_000]), devices: [{ ...root, after: 20_000 }] };
  const { word, shown } = await boot("rd.retry=5", late);
  assert.equal(word.word, "switch", shown);
  assert.match(shown, /LABEL=ROOT has arrived: exit to go on/);
});

test("what was given up and ends later does not hide that a later hook never settles", async () => {
  const shell = withShell(["continue-boot", 1], ["exit", 1]);
  const programs = { ...shell.programs, sleeper: () => ({ lasts: 130_000 }) };
  const { word, shown } = await boot("test=hangs late rd.timeout=100", { ...shell, programs });
  assert.ok(word.word === "failed" && word.retry, shown);
  assert.match(
    shown,
    /^What: {4}nothing has moved for 100 s[\s\S]*^What: {4}the hook of the module failing would wait for ever/m,
  );
});

test("continue-boot where nothing comes after: the switch is tried again", async () => {
  const { word, shown } = await boot("init=/none", withShell(["continue-boot", 1], ["continue-boot", 1], ["exit", 1]));
  assert.ok(word.word === "failed" && word.retry);
  assert.equal(shown.match(/^──── The boot has stopped/gm)?.length, 3);
});

test("what another hook waits for is announced, too, while the shell runs", async () => {
  const devices = [root, { ...root, name: "vdb", number: "254:1", tags: { LABEL: "LATE" }, after: 5000 }];
  const { shown } = await boot("test=throws also=LABEL=LATE", { ...withShell(["exit", 10_000]), devices });
  assert.match(shown, /LABEL=LATE has arrived: exit to go on/);
});

const everyPhase = ["cmdline", "pre-udev", "pre-trigger", "initqueue", "pre-mount", "mount", "pre-pivot", "cleanup"];

test("rd.break at every phase, in a list or repeated, once each; bare: before the switch", async () => {
  const stops = async (commandLine: string) => {
    const { word, shown } = await boot(commandLine, withShell());
    assert.equal(word.word, "switch", shown);
    return [...shown.matchAll(/^rd\.break: before the phase (\S+)\./gm)].map(([, phase]) => phase);
  };
  const phases = [...everyPhase.filter((name) => name !== "pre-udev"), "switch"];
  assert.deepEqual(await stops(`rd.break=${everyPhase.join(",")} rd.break=switch`), phases);
  assert.deepEqual(await stops("rd.break=pre-udev"), ["pre-trigger"]);
  assert.deepEqual(await stops("rd.break"), ["switch"]);
  assert.deepEqual(await stops("rd.break rd.break=mount,switch"), ["mount", "switch"]);
  const { shown } = await boot("rd.shell=0 rd.break");
  assert.match(shown, /rd\.break=switch: no shell may run/);
});

test("rd.break=emergency: a shell before the emergency hooks, and the report still says where the boot stopped", async () => {
  const { shown } = await boot("rd.break=emergency test=throws side=never", withShell(["exit", 1], ["exit", 1]));
  assert.match(
    shown,
    /before the phase emergency\. exit or continue-boot goes on\.[\s\S]*The boot has stopped[\s\S]*^Where: +initqueue/m,
  );
});

test("rd.break opens no second shell for a wrong name: the error has the names", async () => {
  const { word, shown } = await boot("rd.shell=0 rd.break=mount,pre-mout");
  assert.equal(word.word, "failed");
  assert.match(
    shown,
    /rd\.break=mount,pre-mout \(accepted: rd\.break=cmdline\|.*\|switch\|pre-udev\|emergency; did you mean pre-mount\?\)/,
  );
});

test("the rescue policy: rd.shell, rd.emergency and panic= on top of the image's own", async () => {
  const policyOf = async (commandLine: string, built = "shell=1 action=none delay=10") => {
    const policies: object[] = [];
    await boot(commandLine, { initramfs: { [rescuePath.slice(1)]: built } }, (name, request) => {
      if (name === "setRescuePolicy") policies.push(request);
      return undefined;
    });
    return Object.values(policies[0] ?? {}).join(" ");
  };
  assert.equal(await policyOf(""), "true none 10");
  assert.equal(await policyOf("", "shell=0 action=halt delay=3"), "false halt 3");
  assert.equal(await policyOf("rd.shell=0"), "false none 10");
  assert.equal(await policyOf("rd.shell", "shell=0 action=reboot delay=3"), "true reboot 3");
  for (const action of ["reboot", "poweroff", "halt"])
    assert.equal(await policyOf(`rd.emergency=${action}`), `true ${action} 10`);
  assert.equal(await policyOf("rd.emergency=nonsense", "shell=1 action=poweroff delay=3"), "true poweroff 3");
  assert.equal(await policyOf("panic=7"), "true reboot 7");
  assert.equal(await policyOf("panic=0"), "true none 10");
  assert.equal(await policyOf("panic=-1 rd.emergency=halt"), "true halt 0");
  assert.equal(await policyOf("panic=99999999999"), "true reboot 999999999");
  assert.equal(await policyOf("panic=soon rd.retry=soon rd.shell=0"), "false none 10");
});
