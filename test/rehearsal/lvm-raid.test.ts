/** The arrays and groups of /etc/firstlight/lvm-raid.conf, on simulated machines. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { SimulatedDevice } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { knownPrograms } from "../../core/rehearsal/program-models.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const root = { "sbin/init": program, "dev/": "", "proc/": "", "run/": "", "sys/": "" };
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: ["lvm-raid"] });
});

const uuids = { system: "a25b05eb-0000-4000-8000-000000000001", media: "a25b05eb-0000-4000-8000-000000000002" };
const member = (name: string, minor: number, uuid: string, after = 0): SimulatedDevice => ({
  name,
  number: `8:${minor}`,
  after,
  tags: { TYPE: "linux_raid_member", USAGE: "raid", UUID: uuid, UUID_SUB: `${name}` },
});
const array = (name: string, uuid: string, members: string[]): SimulatedDevice => ({
  name,
  number: "0:0",
  tags: { TYPE: "LVM2_member", USAGE: "raid", UUID: `pv-${name}` },
  layer: { kind: "raid", uuid, level: "raid1", metadata: "1.2", members, least: 1 },
});
const volume = (group: string, name: string, members: string[]): SimulatedDevice => ({
  name: `${group}.${name}`,
  number: "0:0",
  tags: { TYPE: "ext4", LABEL: name },
  files: root,
  layer: { kind: "lvm", group, volume: name, uuid: `LVM-${(group + name).padEnd(64, "x")}`, members },
});

/** The group sys on an array that is complete after two seconds, and home on a disk that is there at once. */
const devices: SimulatedDevice[] = [
  member("sda", 0, uuids.system),
  member("sdb", 16, uuids.system, 2000),
  { name: "sdc", number: "8:32", tags: { TYPE: "LVM2_member", UUID: "pv-sdc" } },
  array("system", uuids.system, ["sda", "sdb"]),
  volume("sys", "root", ["system"]),
  volume("home", "home", ["sdc"]),
];

async function boot(plan: string, commandLine: string) {
  const simulated = createMachine({
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: {
      "etc/firstlight/lvm-raid.conf": plan,
      "etc/lvm/": "",
      "usr/sbin/lvm": program,
      "usr/sbin/mdadm": program,
    },
    devices,
    modaliases: [],
    monolithic: true,
    commandLine: `rd.shell=0 rd.retry=6 rd.info ${commandLine}`,
    programs: knownPrograms,
  });
  const { word } = await rehearse(bundle, simulated);
  const ran = simulated
    .recorded()
    .flatMap(({ name, arguments: json }) => (name === "run" ? [JSON.parse(json).argv as string[]] : []));
  return { word, shown: simulated.console(), ran, has: simulated.files.has };
}

const guide = `# The arrays of the house
array UUID=${uuids.system.replaceAll("-", "")} /dev/md0
array UUID=${uuids.media} /dev/md1 optional

group home optional
group sys # on md0
`;

test("required and optional arrays and groups, with their names; an optional one that is missing holds nothing up", async () => {
  const { word, shown, has } = await boot(guide, "root=/dev/sys/root");
  assert.equal(word, "switch", shown);
  assert.ok(["/dev/md0", "/dev/mapper/sys-root", "/dev/mapper/home-home"].every(has), shown);
});

test("a group is activated once the required lines above it are there", async () => {
  const { ran } = await boot(guide, "root=/dev/sys/root");
  const steps = ran.flatMap(([program, ...words]) =>
    program === "mdadm" && words.includes("/dev/sdb") ? ["sdb"] : words[0] === "vgchange" ? [words.at(-1)] : [],
  );
  assert.deepEqual(steps, ["sdb", "home", "sys"]);
});

test("what is not listed is left alone", async () => {
  const { word, has } = await boot(`array UUID=${uuids.system}\ngroup sys\n`, "root=LABEL=root");
  assert.equal(word, "switch");
  assert.ok(!has("/dev/mapper/home-home"));
});

test("the report names the file that lists what is missing", async () => {
  const { word, shown } = await boot(`array UUID=${uuids.media}\ngroup sys\n`, "root=/dev/sdc");
  assert.equal(word, "failed");
  assert.match(shown, /array a25b05eb:00004000:80000000:00000002, wanted for \/etc\/firstlight\/lvm-raid\.conf/);
  assert.match(shown, /volume group sys, wanted for \/etc\/firstlight\/lvm-raid\.conf/);
});

test("what the command line names takes the place of the file's", async () => {
  const { word, shown, has } = await boot(guide, `root=LABEL=root rd.md.uuid=${uuids.system} rd.lvm.vg=sys`);
  assert.equal(word, "switch", shown);
  assert.ok(!has("/dev/mapper/home-home") && !has("/dev/md0"), shown);
});

test("a file that was mended by hand, and is wrong, stops the boot with its line", async () => {
  const { word, shown } = await boot("group sys\narray md0\n", "root=LABEL=root");
  assert.equal(word, "failed");
  assert.match(shown, /What: .*lvm-raid\.conf:2: "md0" is no UUID of an array/);
});
