/** The module pid1: a system's life on the simulated machine, stage after stage. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { rescuePath } from "../../core/abi/index.js";
import type { MachineDescription } from "../../core/rehearsal/description.js";
import { type Fault, listFaults } from "../../core/rehearsal/fault-list.js";
import { createBreakableMachine, createFaultyMachine } from "../../core/rehearsal/faulty-machine.js";
import type { FileTable } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import type { ProgramModel } from "../../core/rehearsal/programs.js";
import { loadBundle, rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

let bundle: string;
before(async () => {
  bundle = await bundleWith({ add: ["pid1"] });
});

const program = { type: "file", mode: 0o755, data: "" } as const;

interface Life {
  parameters?: string;
  files?: FileTable;
  /** What the stages do; those that are left out are not there. */
  stages?: Readonly<Record<string, ProgramModel>>;
}

function describe({ parameters = "", files = {}, stages = {} }: Life): MachineDescription {
  return {
    commandLine: `BOOT_IMAGE=/vmlinuz quiet ${parameters}`,
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: {
      init: program,
      [rescuePath.slice(1)]: "shell=0 action=again delay=1\n",
      ...Object.fromEntries(Object.keys(stages).map((path) => [path.slice(1), program])),
      ...files,
    },
    devices: [],
    drivers: {},
    modaliases: [],
    programs: {},
    modelled: Object.fromEntries(Object.entries(stages).map(([path, model]) => [path.replace(/.*\//, ""), model])),
  };
}

/** To where it goes round in circles, or ends. */
async function live(life: Life) {
  const machine = createMachine(describe(life));
  const word = await rehearse(bundle, machine);
  const asked = machine.recorded().map(({ name, arguments: json }) => ({ name, ...JSON.parse(json) }));
  const said = [...machine.console().matchAll(/^<(\d)>\/init: (.*)$/gm)].map(([, level, text]) => `${level} ${text}`);
  return { word, asked, said, machine };
}

const ends: ProgramModel = () => ({ lasts: 5000 });
const stages = { "/etc/boot": ends, "/etc/reboot": ends };

test("a warm restart: boot, reboot, and boot again a second later, all others being killed only then", async () => {
  const { word, said, asked, machine } = await live({ stages });
  assert.ok(word.word === "run");
  assert.deepEqual([word.program.argv, word.others, word.state], [["/etc/boot"], "kill", "boot"]);
  const round = ["6 /etc/boot starts", "6 /etc/boot has ended", "6 /etc/reboot starts", "6 /etc/reboot has ended"];
  assert.deepEqual(said, [...round, "6 /etc/boot starts"]);
  assert.ok(machine.now() > 5000 + 5000 + 1000);
  const words = asked.filter(({ name }) => name === "finish");
  assert.deepEqual(
    words.map(({ others }) => others),
    ["keep", "keep", "kill"],
  );
  assert.ok(!machine.files.has("/init"));
});

test("/kernel goes before /reboot, with its own command line and initrd, or the running one's", async () => {
  const kernel = { kernel: "MZ", reboot: "" };
  const own = await live({ stages, files: { ...kernel, "kernel.cmdline": "a=b\nc\n", "kernel.initrd": "x" } });
  assert.deepEqual(own.word, { word: "reboot", action: "kexec", state: "kexec" });
  const loads = ({ asked }: typeof own) => asked.filter(({ name }) => name === "kexecLoad");
  assert.deepEqual(loads(own), [{ name: "kexecLoad", kernel: "/kernel", initrd: "/kernel.initrd", cmdline: "a=b c" }]);
  assert.equal(own.asked.at(-4)?.name, "sync");
  const running = await live({ stages, files: kernel, parameters: "-- last" });
  assert.deepEqual(loads(running), [{ name: "kexecLoad", kernel: "/kernel", cmdline: "quiet -- last" }]);
});

test("a kernel that cannot be loaded is told of, and the restart follows", async () => {
  const { word, said } = await live({
    stages,
    files: { kernel: "nonsense", reboot: { type: "symlink", mode: 0o777, target: "/nowhere" } },
  });
  assert.deepEqual(word, { word: "reboot", action: "reboot", state: "restart" });
  assert.match(said.at(-2) ?? "", /^3 \/kernel cannot be loaded: .*ENOEXEC/);
  assert.equal(said.at(-1), "6 /reboot is there: the machine restarts");
});

test("stages that are missing, are killed or fail are told of, and the loop goes on", async () => {
  const { word, said } = await live({ stages: { "/etc/reboot": () => ({ signal: "SIGTERM" }) } });
  assert.equal(word.word, "run");
  assert.deepEqual(said.slice(0, 5), [
    "6 /etc/boot starts",
    "3 /etc/boot cannot be started: ENOENT, it is not there, or the program behind its #! is not",
    "6 /etc/reboot starts",
    "4 /etc/reboot has ended with status 143 (signal 15)",
    "6 /etc/boot starts",
  ]);
});

test("firstlight.boot= and firstlight.reboot= name other programs; what is no path does not", async () => {
  const { word, said } = await live({
    parameters: "firstlight.boot=/opt/start firstlight.reboot=stop",
    stages: { "/opt/start": ends, "/etc/reboot": ends },
  });
  assert.ok(word.word === "run");
  assert.deepEqual(word.program.argv, ["/opt/start"]);
  assert.equal(said[1], "6 /opt/start has ended");
  assert.match(said[2] ?? "", /^3 firstlight\.reboot=stop: a path that begins with \/ is expected; \/etc\/reboot runs/);
});

test("a mount that never ends holds nothing up, and is told of by its name", async () => {
  const life = describe({ stages, files: { reboot: "" } });
  const loaded = await loadBundle(bundle);
  const good = createFaultyMachine(createBreakableMachine(life), []);
  await loaded.boot(good);
  const isMount = ({ op, name }: Fault) =>
    name === "never" && good.asked[op - 1]?.arguments.includes('"/sys/fs/cgroup"');
  const run = createFaultyMachine(createBreakableMachine(life), listFaults(good.asked).filter(isMount));
  const ending = await loaded.boot(run);
  assert.ok(ending.end === "word" && ending.word.word === "reboot");
  assert.match(run.machine.console(), /^<4>\/init: Error: mount on \/sys\/fs\/cgroup: no answer in 60 s$/m);
});
