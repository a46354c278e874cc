import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DriverRequest,
  remarksOnOmitted,
  type SelectionOptions,
  selectDrivers,
} from "../../../core/generator/driver-selection.js";
import type { KernelTree } from "../../../core/generator/kernel-tree.js";
import { createProblems } from "../../../core/generator/problems.js";
import { noDriverSettings, problemsOf } from "./scratch.js";

const paths: Record<string, string[]> = {
  "kernel/drivers/ata/ahci.ko": ["scsi_mod", "libata"],
  "kernel/drivers/ata/libata.ko": ["scsi_mod"],
  "kernel/drivers/ata/pata_via.ko": ["scsi_mod", "libata"],
  "kernel/drivers/ata2/other.ko": [],
  "kernel/drivers/scsi/scsi_mod.ko": [],
  "kernel/drivers/scsi/sd_mod.ko": ["scsi_mod"],
  "updates/drivers/ata/better.ko": [],
  "extra/vendor/raid.ko": [],
  "kernel/fs/xfs/xfs.ko": ["libcrc32c"],
  "kernel/lib/libcrc32c.ko": [],
  "kernel/crypto/crc32c_generic.ko": [],
  "kernel/crypto/crc32c_intel.ko": [],
  "kernel/x/first.ko": [],
  "kernel/x/second.ko": [],
  "kernel/drivers/misc/tifm_7xx1.ko.xz": [],
  "kernel/drivers/misc/tifm_7xx10.ko.xz": [],
  "kernel/drivers/mmc/host/tifm_sd.ko": ["scsi_mod"],
};

const names = Object.keys(paths).map((path) => /([^/]+)\.ko(\.xz)?$/.exec(path)?.[1] ?? "");

const tree: KernelTree = {
  release: "6.1",
  folder: "/none",
  drivers: new Map(
    Object.entries(paths).map(([path, dependencies], index) => [
      names[index] ?? "",
      { name: names[index] ?? "", path, dependencies },
    ]),
  ),
  builtin: new Set(["ext4", "nvme", "crc32c"]),
  aliases: [
    { pattern: "pci:v0000197B*", driver: "ahci" },
    { pattern: "pci:v00001106*", driver: "pata_via" },
    { pattern: "of:N*T*Cbetter", driver: "better" },
    { pattern: "pci:v0000AAAA*", driver: "raid" },
    { pattern: "crypto-crc32c", driver: "crc32c_intel" },
    { pattern: "crypto-crc32c", driver: "crc32c_generic" },
    { pattern: "crc32c", driver: "crc32c_generic" },
    { pattern: "fs-xfs", driver: "xfs" },
    { pattern: "fs-ext4", driver: "ext4" },
    { pattern: "pci:v0000104Cd0000803B*", driver: "tifm_7xx1" },
    { pattern: "pci:v0000104Cd0000803B*", driver: "tifm_7xx10" },
  ],
  softDependencies: new Map([
    ["libcrc32c", { pre: ["crypto-crc32c", "missing"], post: [] }],
    ["sd_mod", { pre: [], post: ["first"] }],
    ["first", { pre: ["second"], post: [] }],
    ["second", { pre: ["first"], post: [] }],
  ]),
  weakDependencies: new Map([["xfs", ["raid"]]]),
  staticNodes: new Map(),
};

function select(requests: Partial<DriverRequest>[], options: Partial<SelectionOptions> = {}) {
  const problems = createProblems();
  const all = requests.map((request) => ({ asker: "module x", selectors: [], ...request }));
  const full = { omit: [], settings: noDriverSettings, host: undefined, ...options };
  return { ...selectDrivers(tree, all, full, problems), problems };
}

const namesOf = (selection: ReturnType<typeof select>) => selection.files.map(({ name }) => name);
const chainOf = (selection: ReturnType<typeof select>, wanted: string) =>
  selection.indexed.find(({ name }) => name === wanted)?.chain;

test("a directory stands for all drivers with an alias below it, of any tree, and for what they need", () => {
  assert.deepEqual(namesOf(select([{ selectors: ["=drivers/ata"] }])), [
    "ahci",
    "better",
    "libata",
    "pata_via",
    "scsi_mod",
  ]);
  assert.deepEqual(namesOf(select([{ selectors: ["=drivers/scsi", "=lib"] }])), []);
  assert.deepEqual(namesOf(select([{ selectors: ["=lib"], always: true }])), [
    "crc32c_generic",
    "crc32c_intel",
    "libcrc32c",
  ]);
});

test("what a directory is not to stand for comes along only where it is needed", () => {
  const except = ["pata-via", "libata"];
  assert.deepEqual(namesOf(select([{ selectors: ["=kernel/drivers/ata"], except }])), ["ahci", "libata", "scsi_mod"]);
});

test("a directory may be one of the tops besides kernel/, for what comes from elsewhere", () => {
  assert.deepEqual(namesOf(select([{ selectors: ["=updates", "=extra"] }])), ["better", "raid"]);
  const host = { modaliases: [], loaded: ["raid"] };
  assert.deepEqual(namesOf(select([{ selectors: ["=updates", "=extra"] }], { host })), ["raid"]);
});

test("one driver of a directory, as the directory; a TI card reader brings along what no modalias asks for", () => {
  const request = { selectors: ["=drivers/misc/tifm_7xx1"] };
  assert.deepEqual(namesOf(select([request], { host: { modaliases: ["pci:v1"], loaded: [] } })), []);
  const there = select([request], { host: { modaliases: ["pci:v0000104Cd0000803Bsv"], loaded: [] } });
  assert.deepEqual(namesOf(there), ["scsi_mod", "tifm_7xx1", "tifm_sd"]);
  assert.deepEqual(chainOf(there, "tifm_7xx1"), ["tifm_7xx1", "scsi_mod", "tifm_sd"]);
});

test("what is to be omitted and is not there", () => {
  assert.deepEqual(remarksOnOmitted(tree, ["pata-via", "xfz", "ext4", "something_else"]), [
    "there is no driver xfz to omit: did you mean xfs?",
    "driver ext4 is built into the kernel, and cannot be omitted",
    "there is no driver something_else to omit",
  ]);
});

test("host-only: what answers a modalias or is loaded, unless all is wanted", () => {
  const host = { modaliases: ["pci:v0000197Bd00002363sv0"], loaded: ["better"] };
  assert.deepEqual(namesOf(select([{ selectors: ["=drivers/ata/"] }], { host })), [
    "ahci",
    "better",
    "libata",
    "scsi_mod",
  ]);
  assert.equal(namesOf(select([{ selectors: ["=drivers/ata"], always: true }], { host })).length, 5);
  const any = [{ selectors: ["=drivers/ata"], anyMachine: true }];
  assert.deepEqual(
    namesOf(select(any, { host })),
    namesOf(select([{ selectors: ["=drivers/ata"] }])),
    "as in a generic image",
  );
  assert.deepEqual(namesOf(select([{ selectors: ["sd-mod"] }], { host })), ["first", "scsi_mod", "sd_mod", "second"]);
});

test("soft dependencies come before or after, by alias, too, as far as they exist", () => {
  const selection = select([{ selectors: ["fs-xfs", "sd_mod"] }]);
  assert.deepEqual(chainOf(selection, "xfs"), ["crc32c_intel", "crc32c_generic", "libcrc32c", "xfs"]);
  assert.deepEqual(chainOf(selection, "sd_mod"), ["scsi_mod", "sd_mod", "second", "first"]);
});

test("a name is a driver's file, else an alias, else what is built in, as for modprobe", () => {
  const selection = select([{ selectors: ["crc32c", "ext4"], required: true }]);
  assert.deepEqual(namesOf(selection), ["crc32c_generic"]);
});

test("drivers that are built in are in the index, and no error", () => {
  const selection = select([{ selectors: ["nvme", "fs-ext4"], required: true }]);
  assert.deepEqual(namesOf(selection), []);
  assert.deepEqual(chainOf(selection, "nvme"), []);
});

test("what is missing is an error only if it is required", async () => {
  assert.deepEqual(namesOf(select([{ selectors: ["nonsense", "=drivers/nonsense"] }])), []);
  const { problems } = select([
    { selectors: ["xfz", "=drivers/nonsense", "ext5"], required: true, asker: "--add-drivers" },
  ]);
  assert.deepEqual(await problemsOf(problems.check), [
    "--add-drivers needs driver xfz, which kernel 6.1 does not have: did you mean xfs?",
    "--add-drivers needs drivers of drivers/nonsense, which kernel 6.1 does not have",
    "--add-drivers needs driver ext5, which kernel 6.1 does not have: did you mean ext4?",
  ]);
});

test("an omitted driver takes along those that need it", async () => {
  assert.deepEqual(namesOf(select([{ selectors: ["=drivers/ata", "sd_mod"] }], { omit: ["libata"] })), [
    "better",
    "first",
    "scsi_mod",
    "sd_mod",
    "second",
  ]);
  const { problems } = select([{ selectors: ["libata"], required: true }], { omit: ["libata"] });
  assert.deepEqual(await problemsOf(problems.check), [
    "module x needs driver libata, which is omitted: omit it no longer",
  ]);
  const wanted = { selectors: ["ahci"], required: true, asker: "--add-drivers" };
  assert.deepEqual(await problemsOf(select([wanted], { omit: ["libata"] }).problems.check), [
    "--add-drivers needs driver ahci, which needs libata, which is omitted: omit it no longer",
  ]);
});

test("modprobe.d's settings reach the index", () => {
  const settings = {
    ...noDriverSettings,
    blacklist: new Set(["ahci"]),
    options: new Map([["ahci", "mobile_lpm_policy=1"]]),
    aliases: [{ pattern: "my-disk", driver: "sd_mod" }],
    softDependencies: new Map([["ahci", { pre: ["sd-mod"], post: [] }]]),
  };
  const selection = select([{ selectors: ["ahci"] }], { settings });
  const ahci = selection.indexed.find(({ name }) => name === "ahci");
  assert.deepEqual([ahci?.blacklisted, ahci?.parameters], [true, "mobile_lpm_policy=1"]);
  assert.deepEqual(ahci?.chain, ["scsi_mod", "libata", "sd_mod", "second", "first", "ahci"]);
  assert.ok(selection.aliases.some(({ pattern }) => pattern === "my-disk"));
});

test("a weak dependency is in the image, and not loaded", () => {
  const selection = select([{ selectors: ["xfs"] }]);
  assert.ok(namesOf(selection).includes("raid"));
  assert.ok(!chainOf(selection, "xfs")?.includes("raid"));
});

test("an administrator's alias stands in place of the drivers' own, the first of two; off stands for none", () => {
  const settings = {
    ...noDriverSettings,
    aliases: [
      { pattern: "pci:v0000197B*", driver: "raid" },
      { pattern: "pci:v0000197B*", driver: "better" },
      { pattern: "fs-xfs", driver: "off" },
    ],
  };
  const { aliases } = select([{ selectors: ["ahci"] }], { settings });
  const driversOf = (wanted: string) => aliases.filter(({ pattern }) => pattern === wanted).map(({ driver }) => driver);
  assert.deepEqual([driversOf("pci:v0000197B*"), driversOf("fs-xfs")], [["raid"], []]);
  assert.deepEqual(driversOf("crypto-crc32c"), ["crc32c_intel", "crc32c_generic"]);
});
