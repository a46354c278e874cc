/** Encrypted devices: what is unlocked, by what, and what goes wrong, on simulated machines. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { ConsoleAnswer, MachineDescription, SimulatedDevice } from "../../core/rehearsal/description.js";
import type { SimulatedFile } from "../../core/rehearsal/file-tree.js";
import { luksPrograms } from "../../core/rehearsal/luks-model.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { bundleWith } from "../support/rehearsal.js";

const init: SimulatedFile = { type: "file", mode: 0o755, data: "" };
const rootId = "5f1c1fb0-8a0e-4a43-9b0c-6f2d6a7b8c9d";
const dataId = "77aa0000-8a0e-4a43-9b0c-6f2d6a7b8c9d";
const sesame = "open sesame";

/** An encrypted disk, and what is in it. */
function encrypted(
  name: string,
  uuid: string,
  inside: Partial<SimulatedDevice>,
  { detached, ...change }: Partial<SimulatedDevice> & { detached?: true } = {},
): SimulatedDevice[] {
  const number = `254:${name.charCodeAt(2)}`;
  const layer = { kind: "luks", uuid, version: 2, members: [name], passphrases: [sesame], keys: ["k3y"] } as const;
  const tags = { TYPE: "crypto_LUKS", USAGE: "crypto", UUID: uuid };
  return [
    { name, number, tags: detached ? {} : tags, ...change },
    { name: `in-${name}`, number: "0:0", tags: {}, layer: { ...layer, ...(detached ? { detached } : {}) }, ...inside },
  ];
}

const rootInside = {
  tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "ROOT" },
  files: { "sbin/init": init, "run/": "", "dev/": "", "proc/": "", "sys/": "" },
};
const rootDisk = encrypted("vda", rootId, rootInside);
const dataDisk = encrypted("vdb", dataId, { tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "DATA" } });
const stick: SimulatedDevice = {
  ...{ name: "sdx1", number: "8:1", tags: { TYPE: "vfat", USAGE: "filesystem", UUID: "7D2C-41F0", LABEL: "STICK" } },
  files: { "keys/root.key": "k3y", "keys/bad.key": "bad" },
};

let bundle = "";
before(async () => {
  bundle = await bundleWith({ add: ["luks"] });
});

/** Its kernel has all that is needed built in. */
const machine: Omit<MachineDescription, "commandLine"> = {
  kernel: { release: "6.1.0", machine: "x86_64" },
  initramfs: { "etc/": "" },
  devices: rootDisk,
  modaliases: [],
  monolithic: true,
  programs: luksPrograms,
};

interface Course extends Partial<MachineDescription> {
  /** What is typed. */
  typed?: readonly (string | ConsoleAnswer)[];
}

/** Boots from LABEL=ROOT. `mapped`: names of the mappings in the end. */
async function boot(commandLine: string, { typed = [], ...change }: Course = {}) {
  const simulated = createMachine({
    ...machine,
    commandLine: `root=LABEL=ROOT rd.shell=0 rd.retry=60 ${commandLine}`,
    console: typed.map((answer) => (typeof answer === "string" ? { line: answer } : answer)),
    ...change,
  });
  const word = await rehearse(bundle, simulated);
  const recorded = simulated.recorded();
  const requests = (name: string) =>
    recorded
      .filter((entry) => entry.name === name)
      .map((entry) => JSON.parse(entry.arguments) as Record<string, unknown>);
  const cryptsetup = requests("run")
    .map(({ argv }) => argv as string[])
    .filter(([program]) => program === "cryptsetup")
    .map((argv) => argv.slice(1).join(" "));
  return { word, cryptsetup, shown: simulated.console(), requests, files: simulated.files };
}

const openRoot = `open --type luks --key-file - /dev/vda luks-${rootId}`;
const asked = (shown: string) => shown.split("Passphrase for ").length - 1;

test("a passphrase: asked again where it is wrong, and forgotten once the devices are there", async () => {
  const { word, shown, cryptsetup, requests } = await boot(`rd.luks.uuid=luks-${rootId}`, {
    typed: ["", "wrong", { line: sesame, after: 400_000 }],
  });
  assert.equal(word.word, "switch", shown);
  assert.deepEqual(cryptsetup, [openRoot, openRoot, openRoot]);
  assert.match(
    shown,
    /Passphrase for \/dev\/vda \(luks-5f1c1fb0-[\s\S]*This passphrase does not unlock it, try 2 of 3/,
  );
  assert.doesNotMatch(shown, /waiting for/, "nothing is written amid an answer");
  assert.deepEqual(
    requests("forgetSecret").map(({ secret }) => secret),
    [1, 2, 3],
  );
});

test("the beginning of a UUID will do, a name may be given, and options are cryptsetup's", async () => {
  const options = "discard,same-cpu-crypt,no-read-workqueue,key-slot=1,tpm2-device=auto,tries=x";
  const { word, shown, cryptsetup } = await boot(
    `rd.luks.name=5F1C=cryptroot rd.luks.options=5f1c1fb0=${options} root=/dev/mapper/cryptroot`,
    { typed: [sesame] },
  );
  assert.equal(word.word, "switch", shown);
  assert.deepEqual(cryptsetup, [
    "open --type luks --allow-discards --perf-same_cpu_crypt --perf-no_read_workqueue --key-slot 1 --key-file - /dev/vda cryptroot",
  ]);
  assert.match(shown, /rd.luks.options of cryptroot: tpm2-device=auto is an option that the initrd does not know/);
  assert.match(shown, /rd.luks.options of cryptroot: tries=x has no number/);
});

test("the beginning of a UUID that several devices have unlocks them all", async () => {
  const twin = encrypted("vdb", rootId.replace(/.$/, "e"), {
    tags: { TYPE: "ext4", USAGE: "filesystem", LABEL: "TWIN" },
  });
  const { word, shown, cryptsetup, files } = await boot("rd.luks.uuid=5f1c", {
    devices: [...rootDisk, ...twin],
    typed: [sesame],
  });
  assert.equal(word.word, "switch", shown);
  assert.equal(cryptsetup.length, 2);
  assert.ok(files.has(`/dev/mapper/luks-${rootId.replace(/.$/, "e")}`));
});

test("of several devices with one passphrase one is asked for", async () => {
  const devices = [...rootDisk, ...dataDisk];
  const both = await boot(`rd.luks.uuid=${rootId} rd.luks.uuid=${dataId}`, { devices, typed: [sesame] });
  assert.equal(both.word.word, "switch", both.shown);
  assert.equal(asked(both.shown), 1);
  assert.equal(both.cryptsetup.length, 2);
  const all = await boot("rd.auto", { devices, typed: [sesame] });
  assert.equal(all.word.word, "switch", all.shown);
  assert.equal(asked(all.shown), 1);
});

test("an open prompt holds up no other device", async () => {
  const late = encrypted("vdb", dataId, {}, { after: 2000 });
  const { word, shown, cryptsetup } = await boot(
    `rd.luks.uuid=${rootId} rd.luks.uuid=${dataId} rd.luks.key=${dataId}=/keys/root.key:LABEL=STICK`,
    { devices: [...rootDisk, ...late, stick], typed: [{ line: sesame, after: 100_000 }] },
  );
  assert.equal(word.word, "switch", shown);
  assert.match(cryptsetup[0] ?? "", /\/dev\/vdb luks-77aa/);
});

test("keys: in both forms, from a stick that comes later, in the image, anywhere, and at an offset", async () => {
  const late = { ...stick, after: 9000 };
  const mounts = /mount \/dev\/sdx1/;
  for (const [words, devices, initramfs] of [
    [`rd.luks.key=${rootId}=/keys/root.key:LABEL=STICK`, [...rootDisk, late], {}],
    ["rd.luks.key=/keys/root.key:UUID=7d2c", [...rootDisk, stick], {}],
    ["rd.luks.key=/keys/root.key:/dev/sdx1:UUID=5f1c", [...rootDisk, late], {}],
    ["rd.luks.key=keys/root.key", [...rootDisk, ...dataDisk, late], {}],
    ["rd.luks.key=/keys/none rd.luks.key=/etc/root.key", rootDisk, { "etc/root.key": "k3y" }],
    [`rd.luks.key=/etc/long rd.luks.options=keyfile-offset=2,keyfile-size=3`, rootDisk, { "etc/long": "xxk3yxx" }],
  ] as const) {
    const { word, shown, cryptsetup, requests, files } = await boot(`rd.luks.uuid=5f1c ${words} rd.luks.key.tout=10`, {
      ...{ devices, initramfs },
    });
    assert.equal(word.word, "switch", `${words}\n${shown}`);
    assert.equal(cryptsetup.length, 1, words);
    assert.doesNotMatch(shown, mounts);
    assert.deepEqual(
      files.mounts.filter(({ point }) => point.startsWith("/run/luks")),
      [],
      words,
    );
    for (const { flags } of requests("mount").filter(({ target }) => target !== "/sysroot"))
      assert.deepEqual(flags, ["ro"]);
  }
});

test("where no key fits, a person is asked, and told why", async () => {
  for (const [words, why] of [
    [
      "rd.luks.key=/keys/bad.key:LABEL=STICK",
      /the key \/keys\/bad.key on LABEL=STICK does not unlock it: it is none of this device's keys/,
    ],
    [
      "rd.luks.key=/keys/no.key:LABEL=STICK",
      /does not unlock it: \/keys\/no.key on LABEL=STICK: \/dev\/sdx1: .*ENOENT/,
    ],
    [
      "rd.luks.key=/x:LABEL=OTHER",
      /does not unlock it: \/x on LABEL=OTHER, wanted for the key of \/dev\/vda, has not come/,
    ],
    [`rd.luks.key=${rootId}=/x`, /does not unlock it: \/x is not in the image/],
  ] as const) {
    const { word, shown } = await boot(`rd.luks.uuid=5f1c ${words}`, {
      devices: [...rootDisk, stick],
      typed: [sesame],
    });
    assert.equal(word.word, "switch", `${words}\n${shown}`);
    assert.match(shown, why);
  }
});

test("keysource: a device that is unlocked for the key on it, and locked again", async () => {
  const keys = encrypted("vdb", dataId, {
    tags: { TYPE: "ext4", USAGE: "filesystem", UUID: "cccc" },
    files: { keyfile: "k3y" },
  });
  const { word, shown, cryptsetup } = await boot(
    "rd.luks.uuid=5f1c rd.luks.uuid=keysource:77aa rd.luks.key=/keyfile:UUID=CCCC",
    { devices: [...rootDisk, ...keys], typed: [{ line: sesame, after: 100_000 }] },
  );
  assert.equal(word.word, "switch", shown);
  assert.equal(asked(shown), 1);
  assert.equal(cryptsetup.at(-1), `close luks-${dataId}`);
  const without = await boot("rd.luks.uuid=keysource:77aa rd.luks.uuid=5f1c rd.luks.key=/keyfile:UUID=CCCC", {
    ...{ devices: [...rootDisk, ...keys], typed: [{ cancel: true }, sesame] },
  });
  assert.equal(without.word.word, "switch", without.shown);
});

test("a detached header: in the image, and on another disk", async () => {
  const detached = encrypted("vda", rootId, rootInside, { detached: true });
  const devices = [...detached, { ...stick, files: { "luks.hdr": "x" } }];
  const words = `rd.luks.name=${rootId}=cr rd.luks.data=${rootId}=/dev/vda`;
  for (const [header, path] of [
    ["/etc/luks.hdr", "/etc/luks.hdr"],
    ["/luks.hdr:LABEL=STICK", "/run/luks/1/luks.hdr"],
  ]) {
    const { word, shown, cryptsetup } = await boot(`${words} rd.luks.options=${rootId}=header=${header}`, {
      ...{ devices, initramfs: { "etc/luks.hdr": "x" } },
      typed: [sesame],
    });
    assert.equal(word.word, "switch", shown);
    assert.deepEqual(cryptsetup, [`open --type luks --header ${path} --key-file - /dev/vda cr`]);
  }
});

test("the image's crypttab: names, keys and options; what is none of LUKS; noauto and nofail", async () => {
  const crypttab = [
    "# a comment",
    `cryptroot UUID=${rootId} none luks,discard,x-initrd.attach`,
    "cryptswap /dev/vdz /dev/urandom swap",
    `later UUID=${dataId} none noauto`,
    "absent UUID=11110000-0000-0000-0000-000000000000 none nofail",
  ].join("\n");
  const initramfs = { "etc/crypttab": crypttab };
  const { word, shown, cryptsetup } = await boot("", {
    initramfs,
    devices: [...rootDisk, ...dataDisk],
    typed: [sesame],
  });
  assert.equal(word.word, "switch", shown);
  assert.deepEqual(cryptsetup, ["open --type luks --allow-discards --key-file - /dev/vda cryptroot"]);
  assert.match(shown, /crypttab, cryptswap: a new key each time is no LUKS/);
  const named = await boot(`rd.luks.uuid=${rootId}`, { initramfs, typed: [sesame] });
  assert.match(named.cryptsetup[0] ?? "", /--allow-discards .* cryptroot$/);
  const without = await boot(`rd.luks.uuid=${rootId} rd.luks.crypttab=0`, { initramfs, typed: [sesame] });
  assert.deepEqual(without.cryptsetup, [openRoot]);
});

test("what stops the boot says why, and what to do", async () => {
  for (const [words, course, why] of [
    ["rd.luks.uuid=5f1c", { typed: ["a", "b", "c"] }, /none of 3 passphrases unlocks \/dev\/vda \(luks-5f1c/],
    ["rd.luks.uuid=5f1c rd.luks.options=tries=1", { typed: ["a"] }, /none of 1 passphrases unlocks/],
    [
      "rd.luks.uuid=5f1c rd.luks.timeout=9",
      {},
      /\/dev\/vda \(.*\) stays locked: nobody has typed its passphrase in time/,
    ],
    ["rd.luks.uuid=5f1c", { typed: [{ cancel: true }] }, /stays locked: Ctrl-C or Ctrl-D was pressed/],
    ["rd.luks.uuid=5f1c", { console: "none" }, /stays locked: nobody can be asked for its passphrase/],
    ["rd.luks.uuid=abcd", {}, /encrypted device UUID=abcd, wanted for rd.luks, has not come/],
    ["rd.luks.uuid=abcd", {}, /there is \/dev\/vda with LUKS UUID=5f1c1fb0/],
    [
      "rd.luks=0",
      {},
      /Locked: {2}\/dev\/vda is encrypted: rd.luks.uuid=5f1c1fb0-\S+ on the kernel command line unlocks it/,
    ],
    ["", {}, /Locked: {2}\/dev\/vda is encrypted/],
    ["rd.luks.uuid=5f1c rd.luks.options=header=/x", {}, /\/x is not in the image/],
    ["rd.luks.key=/x:STICK", {}, /rd.luks.key=\/x:STICK.*\[UUID=\]PATH\[:DEVICE\[:LUKSDEVICE\]\]/],
    ["rd.luks.uuid=zz", {}, /rd.luks.uuid=zz.*\[keysource:\]\[luks-\]UUID/],
  ] as const satisfies readonly [string, Course, RegExp][]) {
    const { word, shown } = await boot(words, course);
    assert.equal(word.word, "failed", `${words}\n${shown}`);
    assert.match(shown, why);
  }
});

test("what nobody needs is a warning where it cannot be unlocked", async () => {
  const late = { name: "vdc", number: "254:7", after: 5000, ...rootInside } satisfies SimulatedDevice;
  const { word, shown } = await boot("rd.auto", { devices: [late, ...dataDisk], typed: [{ cancel: true }] });
  assert.equal(word.word, "switch", shown);
  assert.match(shown, /luks: \/dev\/vdb: \/dev\/vdb \(luks-77aa.*\) stays locked: Ctrl-C/);
});

test("for what nobody needs nobody is asked any more once the root is there", async () => {
  const late = { name: "vdc", number: "254:7", after: 5000, ...rootInside } satisfies SimulatedDevice;
  const others = [...dataDisk, ...encrypted("vdd", dataId.replace("7", "8"), {})];
  const initramfs = { "etc/crypttab": `data UUID=${dataId} none nofail\n` };
  for (const [words, machine] of [
    ["rd.auto", { devices: [late, ...others] }],
    ["", { devices: [late, ...dataDisk], initramfs }],
    [`rd.luks.uuid=${dataId}:optional`, { devices: [late, ...dataDisk] }],
  ] as const) {
    const typed = [{ line: sesame, after: 1_000_000 }];
    const { word, shown, cryptsetup } = await boot(words, { ...machine, typed });
    assert.equal(word.word, "switch", shown);
    assert.equal(asked(shown), 1);
    assert.match(shown, /\/dev\/vdb \(.*\) stays locked: all that the boot waits for is there/);
    assert.deepEqual(cryptsetup, []);
  }
});

test("a device that is unlocked already is let be", async () => {
  const facts = {
    "dm/name": "other\n",
    "dm/uuid": `CRYPT-LUKS2-${rootId.replaceAll("-", "")}-other\n`,
    "dm/suspended": "0\n",
  };
  const open = { ...rootInside, name: "dm-0", number: "253:0", facts };
  const devices = [...rootDisk.slice(0, 1), open];
  const { word, shown, cryptsetup } = await boot(`rd.luks.uuid=${rootId}`, { devices });
  assert.equal(word.word, "switch", shown);
  assert.deepEqual(cryptsetup, []);
});

test("a shell has the console for itself: who was being asked is asked again where a person has the boot go on", async () => {
  const programs = { ...luksPrograms, shell: () => ({ signal: "SIGUSR1", lasts: 60_000 }) };
  // It has no header, so that the boot stops while the other one's passphrase is asked for.
  const late = encrypted("vdb", dataId, {}, { after: 2000 });
  const { word, shown } = await boot("rd.shell=1 rd.luks.uuid=5f1c rd.luks.uuid=77aa rd.luks.options=77aa=header=/x", {
    ...{ programs, devices: [...rootDisk, ...late], initramfs: { "usr/lib/firstlight/shell": init } },
    // The shell comes before the first one is typed.
    typed: [{ line: sesame, after: 500_000 }, sesame],
  });
  assert.equal(word.word, "switch", shown);
  assert.equal(asked(shown), 2);
});
