/** Devices that come, change and go while the sequencer boots, in the image's own engine, on a simulated machine. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { shellPath } from "../../core/abi/index.js";
import type { MachineDescription, SimulatedDevice } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const link = (target: string): SimulatedFile => ({ type: "symlink", mode: 0o777, target });
const ext4 = (names: Record<string, string>) => ({ TYPE: "ext4", USAGE: "filesystem", ...names });
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: [] });
});

const controller = "pci0000:00/0000:00:04.0";
const place = `${controller}/virtio1/block/vda`;
const disk: SimulatedDevice = { name: "vda", number: "254:0", devpath: place, tags: { PTTYPE: "gpt" } };
const root: SimulatedDevice = {
  name: "vda1",
  number: "254:1",
  devpath: `${place}/vda1`,
  tags: ext4({ UUID: "0-1", LABEL: "ROOT" }),
  files: { "sbin/init": program },
};
const other: SimulatedDevice = { name: "sda", number: "8:0", tags: ext4({ UUID: "0-2" }) };
const pollFile = "module/block/parameters/events_dfl_poll_msecs";

const machine: MachineDescription = {
  commandLine: "",
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: { [shellPath.slice(1)]: program, "etc/": "" },
  devices: [disk, root],
  sysfs: {
    [`devices/${controller}/subsystem`]: link("/sys/bus/pci"),
    [`devices/${controller}/virtio1/subsystem`]: link("/sys/bus/virtio"),
    [`devices/${place}/subsystem`]: link("/sys/class/block"),
    [`devices/${place}/serial`]: "S1\n",
    [`devices/${place}/vda1/partition`]: "1\n",
    [pollFile]: "0\n",
  },
  drivers: {},
  modaliases: [],
  programs: { shell: () => ({ lasts: 60_000 }) },
};

/** `full`: where nothing can be written. */
async function boot(commandLine: string, change: Partial<MachineDescription> = {}, full?: string) {
  const simulated = createMachine({ ...machine, ...change, commandLine });
  const probes: string[] = [];
  const observed: typeof simulated = {
    ...simulated,
    op(name, request) {
      const { device = "", path } = JSON.parse(request) as { device?: string; path?: string };
      if (name === "probe") probes.push(device);
      if (full && name === "write" && path?.startsWith(full)) return JSON.stringify({ error: { errno: "ENOSPC" } });
      return simulated.op(name, request);
    },
  };
  const { word } = await rehearse(bundle, observed);
  const { files, now } = simulated;
  /** What there is in a folder, and where it leads. */
  const links = (folder: string) =>
    files.has(folder)
      ? Object.fromEntries(
          files.list(folder).map(({ name }) => [name, files.find(`${folder}/${name}`, { last: false }).target]),
        )
      : undefined;
  return { word, shown: simulated.console(), time: now(), links, files, probes };
}

test("links by tag come at once, links by hardware where one is asked for", async () => {
  const plain = await boot("root=UUID=0-1");
  assert.equal(plain.word, "switch", plain.shown);
  assert.deepEqual(plain.links("/dev/disk/by-label"), { ROOT: "/dev/vda1" });
  assert.equal(plain.links("/dev/disk/by-id"), undefined);
  assert.equal(plain.links("/dev/disk/by-path"), undefined);
  const named = await boot("root=/dev/disk/by-id/virtio-S1-part1");
  assert.equal(named.word, "switch", named.shown);
  assert.deepEqual(named.links("/dev/disk/by-id"), { "virtio-S1": "/dev/vda", "virtio-S1-part1": "/dev/vda1" });
  // A device that is there before anybody asks has its links, too.
  const late = { devices: [disk, { ...root, after: 9000 }] };
  const path = await boot("root=/dev/disk/by-path/pci-0000:00:04.0-part1", late);
  assert.equal(path.word, "switch", path.shown);
  assert.deepEqual(Object.keys(path.links("/dev/disk/by-path") ?? {}), ["pci-0000:00:04.0", "pci-0000:00:04.0-part1"]);
});

test("a wrong name by hardware: the report has the nearest; before the shell all are there", async () => {
  const { word, shown, links } = await boot("root=/dev/disk/by-id/virtio-S2-part1 rd.retry=3");
  assert.equal(word, "failed");
  assert.match(shown, /there is \/dev\/disk\/by-id\/virtio-S1-part1, which is \/dev\/vda1/);
  const shell = await boot("root=UUID=none rd.retry=3");
  assert.deepEqual(Object.keys(shell.links("/dev/disk/by-id") ?? {}), ["virtio-S1", "virtio-S1-part1"]);
  assert.ok(links("/dev/disk/by-id"));
});

test("a device that is taken out loses its links; the next one with its name inherits them", async () => {
  const devices: SimulatedDevice[] = [
    { ...other, tags: ext4({ UUID: "0-2", LABEL: "DATA" }), gone: 5000 },
    { ...other, name: "sdb", number: "8:16", tags: ext4({ UUID: "0-3", LABEL: "DATA" }) },
    { ...root, after: 9000 },
  ];
  const { word, links, shown } = await boot("root=UUID=0-1", { devices });
  assert.equal(word, "switch", shown);
  assert.match(shown, /<4>\/dev\/sda and \/dev\/sdb both are \/dev\/disk\/by-label\/DATA: it leads to \/dev\/sda/);
  assert.deepEqual(links("/dev/disk/by-label"), { DATA: "/dev/sdb", ROOT: "/dev/vda1" });
  assert.deepEqual(links("/dev/disk/by-uuid"), { "0-1": "/dev/vda1", "0-3": "/dev/sdb" });
});

test("of two devices with one name the first found has it, whichever answers first; parts of one file system are no twins", async () => {
  const slow = { ...other, tags: root.tags, probeLasts: 500, files: root.files ?? {} };
  const { shown, links } = await boot("root=UUID=0-1 rd.break=switch", { devices: [slow, root] });
  assert.match(shown, /\/dev\/sda and \/dev\/vda1 both are \/dev\/disk\/by-uuid\/0-1/);
  assert.deepEqual(links("/dev/disk/by-uuid"), { "0-1": "/dev/sda" });
  const both = await boot("root=UUID=0-1 rd.break=mount", { devices: [slow, root] });
  assert.match(both.shown, /root: \/dev\/sda on \/sysroot/, "by its tag, too");
  const part = (name: string, number: string, sub: string): SimulatedDevice => ({
    ...root,
    name,
    number,
    tags: { TYPE: "btrfs", USAGE: "filesystem", UUID: "0-3", UUID_SUB: sub },
  });
  const parts = await boot("root=UUID=0-1", { devices: [root, part("sda", "8:0", "a"), part("sdb", "8:16", "b")] });
  assert.equal(parts.word, "switch", parts.shown);
  assert.doesNotMatch(parts.shown, /both are/);
});

test("a root that vanishes while it is mounted is waited for again", async () => {
  const devices = [
    { ...root, mountLasts: 2000, gone: 1000 },
    { ...root, name: "vdb1", devpath: "other/block/vdb1", after: 20_000 },
  ];
  const { word, shown, time } = await boot("root=UUID=0-1", { devices });
  assert.equal(word, "switch", shown);
  assert.match(shown, /root: \/dev\/vdb1/);
  assert.ok(time > 20_000 && time < 25_000, `${time} ms`);
});

test("a medium that is put into a drive: the kernel is asked to look, and the drive is read whatever its size was", async () => {
  const drive: SimulatedDevice = {
    ...root,
    name: "sr0",
    devpath: "x/block/sr0",
    sectors: 0,
    changes: [{ after: 7000, medium: true }],
  };
  const { word, shown, files } = await boot("root=LABEL=ROOT", { devices: [drive] });
  assert.equal(word, "switch", shown);
  assert.equal(files.find(`/sys/${pollFile}`).data, "2000");
  const plain = await boot("root=LABEL=ROOT", {
    devices: [{ ...root, driver: "virtio_blk" }],
    drivers: { "pci:x": [{ name: "virtio_blk", path: "/virtio_blk.ko", parameters: "", size: 1 }] },
    modaliases: ["pci:x"],
  });
  assert.equal(plain.files.find(`/sys/${pollFile}`).data, "0\n", "nobody waits: nobody polls");
});

test("new content: the old names go, the new ones come", async () => {
  const changes = [{ after: 4000, tags: ext4({ UUID: "0-9", LABEL: "NEW" }) }];
  const devices = [
    { ...other, tags: ext4({ UUID: "0-2", LABEL: "OLD" }), changes },
    { ...root, after: 6000 },
  ];
  const { links } = await boot("root=UUID=0-1", { devices });
  assert.deepEqual(links("/dev/disk/by-label"), { NEW: "/dev/sda", ROOT: "/dev/vda1" });
  assert.deepEqual(links("/dev/disk/by-uuid"), { "0-1": "/dev/vda1", "0-9": "/dev/sda" });
});

test("a partition table that is read again: partitions go and come, the partition's event before the disk's", async () => {
  const early = { ...disk, after: 50 };
  const replaced = { ...root, tags: ext4({ UUID: "0-7" }), gone: 3000 };
  const { word, links, shown } = await boot("root=UUID=0-1", { devices: [replaced, early, { ...root, after: 3010 }] });
  assert.equal(word, "switch", shown);
  assert.deepEqual(links("/dev/disk/by-uuid"), { "0-1": "/dev/vda1" });
});

test("uevents that were lost: what came is found, what went is forgotten", async () => {
  const devices = [
    { ...other, gone: 5000 },
    { ...root, after: 5000 },
  ];
  const { word, links, time, shown } = await boot("root=UUID=0-1", { devices, deaf: { from: 4000, until: 12_000 } });
  assert.equal(word, "switch", shown);
  assert.ok(time > 12_000 && time < 13_000, `${time} ms`);
  assert.deepEqual(links("/dev/disk/by-uuid"), { "0-1": "/dev/vda1" });
});

test("a device that went while it was probed and events were lost is forgotten once", async () => {
  const devices = [
    { ...other, probeLasts: 14_000, gone: 5000 },
    { ...root, after: 5000 },
  ];
  const { word, links, shown } = await boot("root=UUID=0-1", { devices, deaf: { from: 4000, until: 12_000 } });
  assert.equal(word, "switch", shown);
  assert.deepEqual(links("/dev/disk/by-uuid"), { "0-1": "/dev/vda1" });
});

test("many events of one device that is being probed: it is probed once more", async () => {
  const changes = [1, 2, 3, 4, 5].map((after) => ({ after }));
  const { probes } = await boot("root=UUID=0-1", {
    devices: [
      { ...other, probeLasts: 100, changes },
      { ...root, after: 1000 },
    ],
  });
  assert.deepEqual(probes, ["/dev/sda", "/dev/sda", "/dev/vda1"]);
});

test("the device mapper's: links, udev's database; suspended and hidden ones are left alone", async () => {
  const mapping = (minor: number, tags: Record<string, string>): SimulatedDevice => ({
    ...root,
    name: `dm-${minor}`,
    number: `253:${minor}`,
    devpath: `virtual/block/dm-${minor}`,
    tags: ext4(tags),
    gone: minor === 3 ? 2000 : 1e9,
  });
  const lvm = `LVM-${"x".repeat(64)}`;
  const facts = (minor: number, name: string, uuid: string, suspended = "0") => ({
    [`class/block/dm-${minor}/dm/name`]: `${name}\n`,
    [`class/block/dm-${minor}/dm/uuid`]: `${uuid}\n`,
    [`class/block/dm-${minor}/dm/suspended`]: `${suspended}\n`,
  });
  const all = Object.entries({
    ...facts(0, "vg-root-real", `${lvm}-real`),
    ...facts(1, "vg-root", lvm),
    ...facts(2, "halted", "", "1"),
    ...facts(3, "gone", ""),
    ...facts(4, "vg-root_rimage_0", lvm),
    ...facts(5, "my--vg-swap--a", lvm),
  }).map(([path, text]) => [path.replace("class/block", "devices/virtual/block"), text]);
  const devices = [0, 1, 2, 4].map((minor) => mapping(minor, { UUID: "0-1" })).concat(mapping(3, {}), mapping(5, {}));
  const { word, links, files, probes, shown } = await boot("root=/dev/mapper/vg-root rd.break=switch", {
    devices,
    sysfs: Object.fromEntries(all),
  });
  assert.equal(word, "switch", shown);
  assert.deepEqual(links("/dev/mapper"), { "my--vg-swap--a": "/dev/dm-5", "vg-root": "/dev/dm-1" });
  assert.deepEqual([links("/dev/vg"), links("/dev/my-vg")], [{ root: "/dev/dm-1" }, { "swap-a": "/dev/dm-5" }]);
  assert.deepEqual(links("/dev/disk/by-uuid"), { "0-1": "/dev/dm-1" });
  assert.deepEqual(Object.keys(links("/dev/disk/by-id") ?? {}), [
    "dm-name-my--vg-swap--a",
    "dm-name-vg-root",
    `dm-uuid-${lvm}`,
  ]);
  assert.deepEqual(probes.sort(), ["/dev/dm-1", "/dev/dm-3", "/dev/dm-5"]);
  assert.deepEqual(
    files.list("/run/udev/data").map(({ name }) => name),
    ["b253:1", "b253:5"],
  );
  assert.equal(files.find("/run/udev/data/b253:1").data, "E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\n");
});

test("a mapping for which udev's database has no room is a device all the same", async () => {
  const change = {
    devices: [{ ...root, name: "dm-0", number: "253:0", devpath: "virtual/block/dm-0" }],
    sysfs: { "devices/virtual/block/dm-0/dm/name": "vg-root\n" },
  };
  const { word, shown } = await boot("root=/dev/mapper/vg-root rd.retry=3", change, "/run/udev/");
  assert.equal(word, "switch", shown);
  assert.match(shown, /<4>\/dev\/dm-0: .*\/run\/udev\/data\/b253:0: ENOSPC/);
});
