/** Devices that are made of others: what the kernel tells of them when a program's model brings them, changes them, and takes them away. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SimulatedDevice } from "../../../core/rehearsal/description.js";
import { Failure } from "../../../core/rehearsal/failure.js";
import {
  bring,
  bringMapping,
  changeLayer,
  deviceNamed,
  isThere,
  layered,
  takeAway,
} from "../../../core/rehearsal/layers.js";
import { createMachine } from "../../../core/rehearsal/machine.js";
import type { World } from "../../../core/rehearsal/world.js";
import { opsUnderTest } from "../../support/conformance/suite.js";

const uuid = "0d55b9a8-5b6e-4e0c-9d3c-0b7a1c2d3e4f";
const disks: SimulatedDevice[] = [
  { name: "vda", number: "254:0", tags: { TYPE: "linux_raid_member" } },
  { name: "vdb", number: "254:16", tags: { TYPE: "linux_raid_member" }, after: 50 },
  {
    name: "array",
    number: "252:32",
    tags: { TYPE: "crypto_LUKS" },
    sectors: 4096,
    layer: { kind: "raid", uuid, level: "raid1", metadata: "1.2", members: ["vda", "vdb"], least: 1 },
  },
  {
    name: "opened",
    number: "252:48",
    tags: { TYPE: "ext4" },
    layer: { kind: "luks", uuid, version: 2, members: ["array"], passphrases: ["x"], keys: [] },
  },
];

/** Runs a piece of a model where it may see the world. */
function start() {
  let action = (_: World): void => {};
  const machine = createMachine({
    commandLine: "",
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { "dev/": "", "sys/": "" },
    devices: disks,
    drivers: {},
    modaliases: [],
    programs: {
      model: (_, { world }) => {
        action(world);
        return {};
      },
    },
  });
  const ops = opsUnderTest(machine.op);
  for (const [type, target] of [
    ["sysfs", "/sys"],
    ["devtmpfs", "/dev"],
  ] as const)
    ops.value("mountVirtual", { type, target, flags: [], data: "" });
  ops.value("listenUevents", { receiveBuffer: 1 << 20 });
  /** The uevents of it. */
  const run = (step: (world: World) => void): string[] => {
    action = step;
    ops.start("run", { argv: ["model"] });
    const told: string[] = [];
    for (let event = ops.wait(10); event.type === "uevent"; event = ops.wait(10))
      told.push(`${event.action} ${event.properties.DEVNAME}`);
    return told;
  };
  const read = (path: string) => ops.value("read", { path: `/sys/class/block/${path}` }).data;
  const names = (path: string) => ops.value("list", { path }).entries.map(({ name }) => name);
  const devices = (folder: string) => names(`/sys/class/block/${folder}`);
  return { machine, ops, run, read, names, devices };
}

test("an array comes on what is there of its members, changes when the next comes, and goes", () => {
  const { ops, run, read, names, devices } = start();
  assert.deepEqual(names("/sys/class/block"), ["vda"], "nothing that is made of others is there by itself");
  run((world) => {
    const [array] = layered(world, "raid");
    assert.ok(array);
    assert.equal(isThere(world, "array"), false);
    bring(world, array, "md127", { sectors: 0, facts: { "md/array_state": "inactive\n" } });
    assert.equal(deviceNamed(world, "array")?.name, "md127");
  });
  assert.deepEqual(
    [read("md127/size"), read("md127/dev"), read("md127/md/array_state")],
    ["0\n", "9:127\n", "inactive\n"],
  );
  assert.deepEqual([read("md127/md/level"), read("md127/md/raid_disks")], ["raid1\n", "2\n"]);
  assert.deepEqual([devices("md127/slaves"), devices("vda/holders")], [["vda"], ["md127"]]);
  assert.equal(ops.value("stat", { path: "/dev/md127" }).type, "block");
  assert.equal(read("md127/slaves/vda/dev"), "254:0\n", "the link leads to the member");
  assert.equal(read("vda/holders/md127/dev"), "9:127\n", "and back");
  ops.wait(60);
  const changed = run((world) =>
    changeLayer(world, "md127", { sectors: 4096, facts: { "md/array_state": "clean\n" } }),
  );
  assert.deepEqual(changed, ["change md127"]);
  assert.deepEqual([read("md127/size"), read("md127/md/array_state")], ["4096\n", "clean\n"]);
  assert.deepEqual(devices("md127/slaves"), ["vda", "vdb"]);
  run((world) => takeAway(world, deviceNamed(world, "array") as SimulatedDevice));
  assert.deepEqual([names("/sys/class/block"), devices("vda/holders")], [["vda", "vdb"], []]);
});

test("a mapping has the next free number, a name that no other has, and a node in /dev/mapper until it goes", () => {
  const { ops, run, read, devices, names } = start();
  const name = { name: "root", uuid: "CRYPT-LUKS2-x-root" };
  const told = run((world) => {
    const [array, opened] = layered(world);
    assert.ok(array && opened);
    bring(world, array, "md127");
    assert.equal(bringMapping(world, opened, name).name, "dm-0");
    assert.throws(() => bringMapping(world, opened, { ...name, uuid: "other" }), new Failure("EBUSY"));
  });
  assert.deepEqual([read("dm-0/dm/name"), read("dm-0/dm/uuid")], ["root\n", "CRYPT-LUKS2-x-root\n"]);
  assert.equal(read("dm-0/dm/suspended"), "0\n");
  assert.deepEqual(devices("md127/holders"), ["dm-0"]);
  assert.equal(ops.value("stat", { path: "/dev/mapper/root" }).node, "253:0");
  assert.deepEqual(told, ["add md127", "add dm-0"]);
  run((world) => takeAway(world, deviceNamed(world, "opened") as SimulatedDevice));
  assert.deepEqual(names("/dev/mapper"), []);
});
