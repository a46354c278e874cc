/** Which drivers a boot loads, with which parameters: in the image's own engine, on a simulated machine. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { driverSettingsPath, type IndexedDriverFile, missingFirmwarePath, shellPath } from "../../core/abi/index.js";
import type { MachineDescription, SimulatedDevice } from "../../core/rehearsal/description.js";
import { Failure } from "../../core/rehearsal/failure.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const program: SimulatedFile = { type: "file", mode: 0o755, data: "" };
let bundle = "";

before(async () => {
  bundle = await bundleWith({ add: [] });
});

const driver = (name: string, parameters = ""): IndexedDriverFile => ({
  name,
  path: `/${name}.ko`,
  parameters,
  size: 9,
});
/** By name and by alias. */
const drivers = (alias: string, ...chain: IndexedDriverFile[]) => ({
  [alias]: chain,
  [chain.at(-1)?.name ?? ""]: chain,
});

const root: SimulatedDevice = {
  name: "sda",
  number: "8:0",
  tags: { TYPE: "ext4", USAGE: "filesystem", UUID: "0-1" },
  driver: "ahci",
  files: { "sbin/init": program, "lib/modules/": "" },
};

const machine: MachineDescription = {
  commandLine: "",
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: { "bin/sh": program, "usr/bin/cp": program, "etc/": "" },
  devices: [root],
  drivers: {
    ...drivers("pci:ahci", driver("libata", "a=1"), driver("ahci", "b=2")),
    ...drivers("pci:other", driver("other")),
    ...drivers("pci:third", driver("third_one")),
  },
  modaliases: ["pci:ahci", "pci:other", "pci:third"],
  programs: { sh: () => ({ lasts: 60_000 }), cp: () => ({}), depmod: () => ({}) },
};

/** `broken`: what cannot be listed. */
async function boot(commandLine: string, change: Partial<MachineDescription> = {}, broken?: string) {
  const simulated = createMachine({ ...machine, ...change, commandLine: `root=UUID=0-1 ${commandLine}` });
  const inserted: string[][] = [];
  const ran: string[] = [];
  const observed: typeof simulated = {
    ...simulated,
    op(name, request) {
      if (name === "insert") {
        const { drivers } = JSON.parse(request) as { drivers: IndexedDriverFile[] };
        inserted.push(drivers.map((each) => `${each.name} ${each.parameters}`.trim()));
      }
      if (name === "run") ran.push((JSON.parse(request) as { argv: string[] }).argv.join(" "));
      if (name === "list" && broken && request.includes(`"${broken}"`)) return '{"error":{"errno":"ENOMEM"}}';
      return simulated.op(name, request);
    },
  };
  const { word } = await rehearse(bundle, observed);
  return { word, shown: simulated.console(), inserted, ran, files: simulated.files, time: simulated.now() };
}

test("parameters of drivers: those of the image, then those of the command line", async () => {
  const { inserted, files, word } = await boot(
    'ahci.c=3 "libata.force=1,2 x" libata.bare foo-bar.x=1 systemd.unit=rescue',
  );
  assert.equal(word, "switch");
  assert.deepEqual(inserted.flat().slice(-2), ['libata a=1 force="1,2 x" bare', "ahci b=2 c=3"]);
  assert.equal(
    files.find(driverSettingsPath).data,
    'options ahci c=3\noptions libata force="1,2 x" bare\noptions foo_bar x=1\noptions systemd unit=rescue\n',
  );
  assert.ok(!(await boot("quiet")).files.has(driverSettingsPath), "nothing to tell, no file");
});

test("rd.driver.pre comes first, rd.driver.post last and for no device before; the applet knows, too", async () => {
  const { inserted, files, shown } = await boot("rd.driver.pre=third-one,nonsense rd.driver.post=other");
  assert.deepEqual(inserted, [["third_one"], ["libata a=1", "ahci b=2"], ["other"]]);
  assert.match(shown, /rd\.driver: the image has no driver nonsense/);
  assert.equal(files.find(driverSettingsPath).data, "blacklist other\n");
});

test("a blacklist is for devices, by either name of the parameter; who names a driver gets it", async () => {
  const forbidden = await boot("rd.driver.blacklist=ahci rd.retry=2");
  assert.equal(forbidden.word, "failed");
  assert.deepEqual(forbidden.inserted.flat().sort(), ["other", "third_one"]);
  const named = await boot("modprobe.blacklist=other,ahci rd.driver.pre=ahci");
  assert.deepEqual(named.inserted.flat(), ["libata a=1", "ahci b=2"]);
});

test("a driver that is being loaded is not cut short: neither by the switch, nor by the next try; for ever it is not waited for", async () => {
  const { driver: _, ...withoutDriver } = root;
  const slow = (milliseconds: number) => ({
    modaliases: ["pci:other"],
    devices: [{ ...withoutDriver, after: 3000 }],
    initramfs: { ...machine.initramfs, [shellPath.slice(1)]: program },
    programs: { ...machine.programs, shell: () => ({ lasts: 60_000 }) },
    insertionLasts: { other: milliseconds },
  });
  const reached = await boot("", slow(20_000));
  assert.equal(reached.word, "switch");
  assert.match(reached.shown, /root: \/dev\/sda[\s\S]*waiting until these drivers are loaded: other/);
  assert.ok(reached.time > 20_000, `${reached.time} ms`);
  const again = await boot("rd.retry=1", { ...slow(80_000), devices: [] });
  assert.equal(again.word, "failed");
  assert.ok(again.time > 80_000, `the shell was left after ${again.time} ms`);
  const stuck = await boot("", slow(1e9));
  assert.equal(stuck.word, "switch");
  assert.match(stuck.shown, /not loaded after 60 s, and not waited for any longer: other/);
  assert.ok(stuck.time < 100_000, `${stuck.time} ms`);
});

test("a driver that never comes back from its device holds up neither the root's file system nor rd.driver.post for ever", async () => {
  const { driver: _, ...withoutDriver } = root;
  const { word, time, shown } = await boot("rd.driver.post=third_one", {
    drivers: { ...machine.drivers, ...drivers("fs-ext4", driver("ext4")) },
    modaliases: ["pci:other"],
    devices: [{ ...withoutDriver, after: 3000 }],
    insertionLasts: { other: 1e9 },
  });
  assert.equal(word, "switch", shown);
  assert.match(shown, /<4>not loaded after 60 s, and not waited for any longer: other/);
  assert.ok(time < 300_000, `${time} ms`);
});

test("a bus that cannot be looked at does not keep the others from getting their drivers", async () => {
  const { word, shown } = await boot(
    "rd.retry=5",
    { modaliases: ["acpi:x", ...machine.modaliases] },
    "/sys/bus/virtio/devices",
  );
  assert.equal(word, "switch", shown);
  assert.match(shown, /<4>list \/sys\/bus\/virtio\/devices: ENOMEM/);
});

test("module_blacklist: the kernel refuses them, so nobody tries", async () => {
  const { inserted, shown } = await boot("module_blacklist=other,libata rd.driver.pre=other");
  assert.deepEqual(
    inserted.flat().filter((name) => /other|libata/.test(name)),
    [],
  );
  assert.match(shown, /driver other is not loaded: module_blacklist= forbids it/);
});

test("hundreds of devices at once: every driver once, in few jobs", async () => {
  const many = Array.from({ length: 300 }, (_, number) => `pci:many${number}`);
  const each = many.map((alias, number) => [alias, [driver("shared"), driver(`d${number % 100}`)]] as const);
  const { inserted, word } = await boot("", {
    drivers: { ...machine.drivers, ...Object.fromEntries(each) },
    modaliases: [...many, ...many, "pci:ahci"],
  });
  assert.equal(word, "switch");
  const all = inserted.flat();
  assert.equal(new Set(all).size, all.length);
  assert.ok(all.length >= 103 && inserted.length < 10, `${all.length} drivers in ${inserted.length} jobs`);
});

test("static nodes are there before the first hook; one of a driver that is there already is left", async () => {
  const list =
    "fuse fuse c10:229\ntun net/tun c10:200\nmapper mapper/control c10:236\nconsole console c5:9\nnonsense\n";
  const { files, word } = await boot("", {
    initramfs: { ...machine.initramfs, "usr/lib/modules/6.1.0/modules.devname": list },
  });
  assert.equal(word, "switch");
  const node = (path: string) => files.find(path);
  assert.deepEqual([node("/dev/fuse").node, node("/dev/net/tun").node], ["10:229", "10:200"]);
  assert.deepEqual([node("/dev/mapper/control").type, node("/dev/mapper/control").mode], ["char", 0o600]);
  assert.equal(node("/dev/console").node, "5:1");
});

test("firmware that a driver of this boot may lack is in the report", async () => {
  const lines = "ahci a.bin b.bin c.bin d.bin\nunused x.bin\n";
  const { shown } = await boot("rd.retry=2", {
    initramfs: { ...machine.initramfs, [missingFirmwarePath.slice(1)]: lines },
    devices: [],
  });
  assert.match(shown, /^Drivers: ahci may lack its firmware, .*: a\.bin, b\.bin, c\.bin and 1 more$/m);
  assert.doesNotMatch(shown, /x\.bin/);
});

test("rd.driver.export: a root without drivers of this kernel gets the image's; one with its own keeps them unless forced", async () => {
  const { ran, files, shown } = await boot("rd.driver.export");
  assert.deepEqual(ran, ["cp -a /usr/lib/modules/6.1.0 /sysroot/lib/modules", "depmod 6.1.0"], shown);
  assert.ok(files.isMountPoint("/sysroot/lib/modules"));
  const devices = [{ ...root, files: { ...root.files, "lib/modules/6.1.0/": "" } }];
  const own = await boot("rd.driver.export", { devices });
  assert.deepEqual(own.ran, []);
  assert.match(own.shown, /the new root has \/lib\/modules\/6\.1\.0 already; rd\.driver\.export=force/);
  assert.equal((await boot("rd.driver.export=force", { devices })).ran.length, 2);
  const { depmod: _, ...programs } = machine.programs;
  assert.match((await boot("rd.driver.export", { programs })).shown, /run depmod in the new root .* ENOENT/);
  assert.deepEqual((await boot("rd.driver.export=0")).ran, []);
  assert.match((await boot("rd.driver.export=some")).shown, /accepted: rd\.driver\.export=0\|1\|force/);
});

test("rd.driver.export: what fails half-way leaves the new root's own drivers as they are, and the boot goes on", async () => {
  const devices = [{ ...root, files: { ...root.files, "lib/modules/6.1.0/": "" } }];
  const missing = () => {
    throw new Failure("ENOENT", "cp");
  };
  const ways: [Partial<MachineDescription>, RegExp][] = [
    [
      { programs: { ...machine.programs, cp: () => ({ status: 1, stderr: "cp: write error: No space\n" }) } },
      /cp failed: cp: write error: No space$/m,
    ],
    [{ programs: { ...machine.programs, cp: missing } }, /the drivers are not handed on: cp failed: .*ENOENT/],
  ];
  for (const [change, warning] of ways) {
    const { word, files, shown } = await boot("rd.driver.export=force", { ...change, devices });
    assert.equal(word, "switch", shown);
    assert.match(shown, warning);
    assert.ok(!files.isMountPoint("/sysroot/lib/modules"));
    assert.doesNotMatch(shown, /has the image's drivers/);
  }
});
