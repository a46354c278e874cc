import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type IndexedDriver, makeDriverIndex } from "../../../core/generator/driver-index.js";
import { readKernelTree } from "../../../core/generator/kernel-tree.js";
import { matchesGlob, normalizeAlias, openDriverIndex } from "../../../core/rehearsal/driver-index.js";
import { debianKernel } from "../../support/kernels.js";
import { run, tryRun } from "../../support/run.js";
import { scratchFolder } from "./scratch.js";

function driver(name: string, more: Partial<IndexedDriver> = {}): IndexedDriver {
  return { name, path: `/m/${name}.ko`, parameters: "", blacklisted: false, size: 4000, chain: [name], ...more };
}

test("globs as fnmatch(3) has them", () => {
  const cases: [pattern: string, text: string, matches: boolean][] = [
    ["pci:v00008086d*sv*", "pci:v00008086d00001234sv00000000sd0", true],
    ["pci:v00008086d*sv*", "pci:v00008087d00001234sv0", false],
    ["*", "", true],
    ["", "", true],
    ["", "x", false],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-b-b", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["usb:v[0-9A-F]*d", "usb:vBd", true],
    ["usb:v[0-9A-F]*d", "usb:vGd", false],
    ["in[!0-9]x", "inax", true],
    ["in[!0-9]x", "in5x", false],
    ["dmi[]x]*", "dmi]", true],
    ["a[-z]c", "a-c", true],
    ["a[-z]c", "azc", true],
    ["a[-z]c", "ayc", false],
    ["a[b", "a[b", true],
    ["a\\*c", "a*c", true],
    ["a\\*c", "abc", false],
    ["*a*a*a*a*a*a*a*a*b", "a".repeat(200), false],
  ];
  for (const [pattern, text, matches] of cases) assert.equal(matchesGlob(pattern, text), matches, `${pattern} ${text}`);
});

test("- and _ are the same, but not in brackets", () => {
  assert.equal(normalizeAlias("crypto-crc32c[0-9]-x"), "crypto_crc32c[0-9]_x");
  const resolve = openDriverIndex(
    makeDriverIndex([driver("virtio_blk")], [{ pattern: "fs-my-fs", driver: "virtio_blk" }]),
  );
  for (const alias of ["virtio-blk", "virtio_blk", "fs_my-fs"])
    assert.equal(resolve(alias)[0]?.name, "virtio_blk", alias);
});

test("chains, parameters and the blacklist come back as they went in", () => {
  const drivers = [
    driver("low"),
    driver("high", { parameters: "debug=1 name=x", blacklisted: true, chain: ["low", "absent", "high", "after"] }),
    driver("after"),
    driver("within", { path: "", chain: [] }),
  ];
  const resolve = openDriverIndex(
    makeDriverIndex(drivers, [
      { pattern: "bus:*", driver: "high" },
      { pattern: "bus:7", driver: "absent" },
    ]),
  );
  assert.deepEqual(resolve("bus:7"), [
    {
      name: "high",
      blacklisted: true,
      chain: [
        { name: "low", path: "/m/low.ko", parameters: "", size: 4000 },
        { name: "high", path: "/m/high.ko", parameters: "debug=1 name=x", size: 4000 },
        { name: "after", path: "/m/after.ko", parameters: "", size: 4000 },
      ],
    },
  ]);
  assert.deepEqual(resolve("within"), [{ name: "within", blacklisted: false, chain: [] }]);
  assert.deepEqual(resolve("other"), []);
  assert.deepEqual(resolve(""), []);
});

test("patterns without a literal beginning, and with a very long one", () => {
  const long = "x".repeat(300);
  const aliases = [
    { pattern: "*any*", driver: "a" },
    { pattern: `${long}*`, driver: "b" },
    { pattern: `${long}y`, driver: "a" },
  ];
  const resolve = openDriverIndex(makeDriverIndex([driver("a"), driver("b")], aliases));
  assert.deepEqual(
    resolve("has any in it").map(({ name }) => name),
    ["a"],
  );
  assert.deepEqual(
    resolve(`${long}z`).map(({ name }) => name),
    ["b"],
  );
  assert.deepEqual(
    resolve(`${long}y`)
      .map(({ name }) => name)
      .sort(),
    ["a", "b"],
  );
  assert.deepEqual(resolve("x".repeat(299)), []);
});

test("a pattern that is there twice, or is the driver's name, takes its place once", () => {
  const aliases = [
    { pattern: "x-y", driver: "x_y" },
    { pattern: "bus:*", driver: "x_y" },
    { pattern: "bus:*", driver: "x_y" },
  ];
  assert.equal(makeDriverIndex([driver("x_y")], aliases).readUInt32LE(24), 2);
});

test("an empty index answers nothing; a damaged one is refused", () => {
  const empty = makeDriverIndex([], []);
  assert.deepEqual(openDriverIndex(empty)("pci:x"), []);
  for (const damaged of [Buffer.alloc(0), Buffer.alloc(200), empty.subarray(0, -1)])
    assert.throws(() => openDriverIndex(damaged), /not a driver index/);
});

test("the whole of a Debian kernel: the same answers as modprobe's", async (context) => {
  const { modules, release } = await debianKernel("full");
  const tree = readKernelTree({ folder: modules, release });
  const drivers = [
    ...[...tree.drivers.values()].map(({ name, dependencies }) => driver(name, { chain: [...dependencies, name] })),
    ...[...tree.builtin].map((name) => driver(name, { path: "", chain: [] })),
  ];
  const resolve = openDriverIndex(makeDriverIndex(drivers, tree.aliases));
  const root = join(modules, "../../..");
  const noSettings = scratchFolder(context);

  // Every 150th pattern and the last ones, which are those of built-in drivers, their wildcards filled in, and some names of drivers.
  const aliases = tree.aliases
    .filter((_, index) => index % 150 === 0 || index >= tree.aliases.length - 20)
    .map(({ pattern }) => pattern.replace(/\[(.).*?\]/g, "$1").replace(/[*?]/g, "0"));
  const names = drivers.filter((_, index) => index % 100 === 0).map(({ name }) => name);
  for (const alias of [...aliases, ...names, "fs-ext4", "crypto-crc32c", "net-pf-16-proto-9", "pci:nothing"]) {
    const { stdout } = await tryRun(["modprobe", "-C", noSettings, "-d", root, "-S", release, "-R", alias]);
    const expected = [...new Set(stdout.split("\n").filter(Boolean).map(normalizeAlias))].sort();
    const found = resolve(alias)
      .map(({ name }) => name)
      .sort();
    // modprobe does not go on to built-in drivers once a file answers, nor to aliases once a driver has that name.
    const inFiles = found.filter((name) => tree.drivers.has(name));
    const asked = inFiles.length ? inFiles : found;
    const named = asked.filter((name) => name === normalizeAlias(alias));
    assert.deepEqual(named.length ? named : asked, expected, alias);
  }

  const chain = await run(["modprobe", "-C", noSettings, "-d", root, "-S", release, "--show-depends", "mpt3sas"]);
  const expected = [...chain.matchAll(/^insmod \S*\/(\S+)\.ko/gm)].map(([, name]) => normalizeAlias(name ?? ""));
  const [match] = resolve("mpt3sas");
  assert.deepEqual(
    match?.chain.map(({ name }) => name),
    expected,
  );
});
