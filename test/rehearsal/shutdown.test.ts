/** The module shutdown: what it keeps at the switch, and how it takes devices apart when the system goes down, on simulated machines. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundlePath, initPath, type LastWord, rescuePath, snapshotPath } from "../../core/abi/index.js";
import type { MachineDescription, ProgramModel, SimulatedDevice } from "../../core/rehearsal/description.js";
import { dataOf, type SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { bring, bringMapping, layered } from "../../core/rehearsal/layers.js";
import { createMachine, type Machine } from "../../core/rehearsal/machine.js";
import { mount } from "../../core/rehearsal/mounts.js";
import { knownPrograms } from "../../core/rehearsal/program-models.js";
import { type LoadedBundle, loadBundle } from "../../core/rehearsal/rehearse.js";
import type { DiskPart, MachineFile } from "../../core/schema/machine.js";
import { buildImage } from "../support/firstlight.js";
import { layersRoot } from "../support/layers-root.js";
import { projectFolder } from "../support/paths.js";
import { bundleWith } from "../support/rehearsal.js";
import { tryRun } from "../support/run.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-shutdown-"));
after(() => rmSync(folder, { recursive: true }));

/** Stands for the modules that set devices up. */
const stack = {
  "module-setup.ts": `
    import { moduleSetup } from "firstlight/hooks";
    export default moduleSetup({ check: () => "on-request", depends: () => ["shutdown"] });`,
  "initqueue.ts": `
    import { hook } from "firstlight/hooks";
    export default hook({
      async run({ wants, programs }) {
        await wants.device("/dev/sdb", { for: "what lies on it" });
        await programs.run({ argv: ["stack"] });
      },
    });`,
  "pre-shutdown.ts": `
    import { hook } from "firstlight/hooks";
    export default hook({
      async run({ programs, log }) {
        const { stdout } = await programs.run({ argv: ["see"], root: "/oldroot", stdout: "keep" });
        log.info(stdout);
      },
    });`,
};

let bundle: LoadedBundle;
before(async () => {
  mkdirSync(join(folder, "90stack"));
  for (const [name, text] of Object.entries(stack)) writeFileSync(join(folder, "90stack", name), text);
  bundle = await loadBundle(await bundleWith({ add: ["stack"], folders: [folder] }));
});

const program: SimulatedFile = { type: "file", mode: 0o755, data: "\x7fELF" };
const disk = (name: string, number: string, TYPE: string): SimulatedDevice => ({ name, number, tags: { TYPE } });
const [array, container] = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"];
const volume = `LVM-${"a".repeat(64)}`;

/** The root lies on LVM on LUKS on RAID. */
const devices: SimulatedDevice[] = [
  disk("sda", "8:0", "linux_raid_member"),
  disk("sdb", "8:16", "linux_raid_member"),
  {
    ...disk("r", "", "crypto_LUKS"),
    layer: { kind: "raid", uuid: array, level: "raid1", metadata: "1.2", members: ["sda", "sdb"], least: 1 },
  },
  {
    ...disk("c", "", "LVM2_member"),
    layer: { kind: "luks", uuid: container, version: 2, members: ["r"], passphrases: [], keys: [] },
  },
  {
    ...disk("v", "", "ext4"),
    tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "ROOT" },
    files: { "sbin/init": program, "usr/bin/see": program, "run/": "", "dev/": "", "proc/": "", "sys/": "" },
    layer: { kind: "lvm", group: "g", volume: "root", uuid: volume, members: ["c"] },
  },
];

const setUp: ProgramModel = (_request, { world }) => {
  const [raid] = layered(world, "raid");
  const [luks] = layered(world, "luks");
  const [lvm] = layered(world, "lvm");
  assert.ok(raid && luks && lvm);
  bring(world, raid, "md127");
  bringMapping(world, luks, { name: "opened", uuid: "CRYPT-LUKS2-22" });
  bringMapping(world, lvm, { name: "g-root", uuid: volume });
  return {};
};

const machine: MachineDescription = {
  commandLine: "root=LABEL=ROOT",
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: {
    ...Object.fromEntries([initPath, "/usr/bin/cp", "/usr/bin/stack"].map((path) => [path.slice(1), program])),
    [bundlePath.slice(1)]: "code",
    [snapshotPath.slice(1)]: "snapshot",
    [rescuePath.slice(1)]: "shell=1 action=none delay=0",
  },
  devices,
  modaliases: [],
  monolithic: true,
  drivers: {},
  modelled: knownPrograms,
  programs: { stack: setUp, see: () => ({ stdout: "the old root is there" }) },
};

async function lastWord(simulated: Machine): Promise<LastWord> {
  const ending = await bundle.boot(simulated);
  assert.ok(ending.end === "word", `${JSON.stringify(ending)}\n${simulated.console()}`);
  return ending.word;
}

async function boot(change: Partial<MachineDescription> = {}): Promise<Machine> {
  const simulated = createMachine({ ...machine, ...change });
  assert.equal((await lastWord(simulated)).word, "switch", simulated.console());
  return simulated;
}

/** What the system that has been booted leads to when it goes down. */
async function goDown(booted: Machine, verb: string): Promise<{ word: LastWord; said: string[]; machine: Machine }> {
  const before = booted.console().length;
  const simulated = booted.goDown(verb);
  assert.ok(simulated, booted.console());
  const word = await lastWord(simulated);
  const said = simulated.console().slice(before).trim().split("\n");
  return { word, said: said.filter((line) => !line.startsWith("<7>")), machine: simulated };
}

test("power off: what lies on others is taken apart from the top down", async () => {
  const { word, said, machine: simulated } = await goDown(await boot(), "poweroff");
  assert.deepEqual(word, { word: "reboot", action: "poweroff" });
  assert.deepEqual(said, [
    "<6>the old root is there",
    "<6>shutdown: the logical volume g-root is inactive",
    "<6>shutdown: the encrypted volume opened is closed",
    "<6>shutdown: the array md127 is stopped",
    "<6>shutdown: poweroff",
  ]);
  assert.ok(!simulated.files.mounts.some(({ point }) => point.startsWith("/oldroot")), "unmounted");
});

test("a device that is just going, and is not to be read any more, keeps no other one from being taken apart", async () => {
  const simulated = (await boot()).goDown("poweroff");
  assert.ok(simulated);
  let failures = 0;
  await lastWord({
    ...simulated,
    op(name, request) {
      const fails = name === "read" && request.includes("md/array_state") && !failures++;
      return fails ? JSON.stringify({ error: { errno: "EBUSY" } }) : simulated.op(name, request);
    },
  });
  assert.match(simulated.console(), /opened is closed\n.*the array md127 is stopped\n.*shutdown: poweroff/);
  assert.ok(failures > 1);
});

test("all that is to become of a machine, and what is none of these", async () => {
  for (const verb of ["reboot", "halt", "kexec"])
    assert.deepEqual((await goDown(await boot(), verb)).word, { word: "reboot", action: verb });
  const { word, said } = await goDown(await boot(), "single");
  assert.deepEqual(word, { word: "reboot", action: "reboot" });
  assert.equal(said[0], '<4>shutdown: expected poweroff, reboot, halt, kexec, not "single": reboot');
});

test("what is kept at the switch: PID 1 and its boot code, with a rescue policy of its own", async () => {
  const { files } = await boot();
  const kept = (path: string) => dataOf(files.find(`/run/initramfs${path}`));
  assert.deepEqual([kept("/shutdown"), kept(bundlePath), kept(snapshotPath)], ["\x7fELF", "code", "snapshot"]);
  assert.equal(kept(rescuePath), "shell=0 action=reboot delay=0\n");
});

test("nothing is kept where no device is made of others", async () => {
  const plain = { ...disk("sda", "8:0", "ext4"), tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "ROOT" } };
  const simulated = await boot({
    devices: [{ ...plain, files: { "sbin/init": program } }, disk("sdb", "8:16", "ext4")],
    programs: { stack: () => ({}) },
  });
  assert.ok(!simulated.files.has("/run/initramfs/shutdown"));
  assert.equal(simulated.goDown("poweroff"), undefined);
});

test("no memory for it: a warning, and nothing half", async () => {
  const simulated = await boot({
    programs: { ...machine.programs, cp: () => ({ status: 1, stderr: "cp: write error: No space left on device\n" }) },
  });
  assert.match(
    simulated.console(),
    /^<4>what the root lies on will not be taken apart when the system goes down: cp: write error: No space left/m,
  );
  assert.deepEqual(
    simulated.files
      .list("/run/initramfs")
      .map(({ name }) => name)
      .filter((name) => /init$|shutdown|usr/.test(name)),
    [],
  );
});

test("what is still in use is named, and the machine powers off", async () => {
  const booted = await boot({
    programs: {
      ...machine.programs,
      see: (_request, { world }) => {
        mount(world, { source: "/dev/dm-1", target: "/sys/kernel", type: "ext4", flags: [], data: "" });
        return { stdout: "held" };
      },
    },
  });
  const { word, said } = await goDown(booted, "poweroff");
  assert.deepEqual(word, { word: "reboot", action: "poweroff" });
  assert.deepEqual(said, [
    "<6>held",
    "<3>shutdown: the encrypted volume opened is not closed: dm-1 still needs it",
    "<3>shutdown: the logical volume g-root is not inactive: EBUSY",
    "<3>shutdown: the array md127 is not stopped: dm-0 still needs it",
    "<6>shutdown: poweroff",
  ]);
});

test("tools/rehearse --shutdown: what goes down, what is left, and what is no action", async (context) => {
  const scratch = mkdtempSync(join(tmpdir(), "firstlight-way-down-"));
  context.after(() => rmSync(scratch, { recursive: true }));
  const { file: image } = await buildImage("shutdown", [
    ...["-N", "--no-kernel", "-m", "rootfs-block lvm", "--sysroot", await layersRoot()],
  ]);
  const rehearsed = async (described: MachineFile, ...words: string[]) => {
    const path = join(scratch, "machine.json");
    writeFileSync(path, JSON.stringify(described));
    const { status, stdout, stderr } = await tryRun([
      ...[join(projectFolder, "tools/rehearse"), image, "--cmdline", "root=LABEL=ROOT", "--machine", path],
      ...words,
    ]);
    return [
      status,
      (stdout || stderr)
        .trim()
        .split("\n")
        .at(-1)
        ?.replace(/^ *\d+\.\d+ /, ""),
    ];
  };
  const files = { "sbin/init": { mode: "0755" }, "dev/": "", "proc/": "", "run/": "", "sys/": "" };
  const disk: DiskPart = { name: "sda", tags: { TYPE: "ext4", LABEL: "ROOT" }, files };
  const member: DiskPart = { name: "sda", tags: { TYPE: "LVM2_member" } };
  const volume: DiskPart = { ...disk, name: "root", lvm: { group: "vg", volume: "root", members: ["sda"] } };
  assert.deepEqual(await rehearsed({ disks: [disk] }, "--shutdown", "poweroff"), [
    0,
    "would leave the machine to the root's init: no device is made of others",
  ]);
  assert.deepEqual(await rehearsed({ disks: [member, volume] }, "--shutdown=kexec"), [
    0,
    "would start the kernel that is loaded, with nothing left that is made of other devices",
  ]);
  assert.deepEqual(await rehearsed({ disks: [] }, "--shutdown", "halt"), [
    1,
    "would stop: LABEL=ROOT, wanted for root, has not come",
  ]);
  assert.deepEqual(await rehearsed({}, "--shutdown=off"), [
    3,
    "rehearse: error: --shutdown=off: one of poweroff, reboot, halt, kexec",
  ]);
  assert.deepEqual(await rehearsed({ disks: [disk] }, "--shutdown=halt", "--faults"), [
    0,
    "0 faults: nothing is asked that could fail.",
  ]);
});
