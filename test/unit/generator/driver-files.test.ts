import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { decompress } from "../../../core/generator/decompress.js";
import { driverPath, installDrivers } from "../../../core/generator/driver-files.js";
import { readModinfo } from "../../../core/generator/elf.js";
import { readKernelTree } from "../../../core/generator/kernel-tree.js";
import { stripEntries } from "../../../core/generator/strip.js";
import { createTree } from "../../../core/generator/tree.js";
import { debianKernel, type Kernel, type UnpackedDriver, unpackedDrivers } from "../../support/kernels.js";
import { run } from "../../support/run.js";
import { keepReport, problemsOf, scratchFolder } from "./scratch.js";

test("a driver's own words are those that modinfo(8) reads", async (context) => {
  const kernel = await debianKernel("full");
  const folder = scratchFolder(context);
  for (const name of ["qla2xxx", "ext4", "xhci_pci", "bnx2"]) {
    const path = join(folder, `${name}.ko`);
    writeFileSync(path, (await unpackedDrivers(kernel, [name])).at(-1)?.content ?? "");
    const expected = (await run(["modinfo", "-F", "firmware", path])).split("\n").filter(Boolean);
    const firmware = readModinfo(path).flatMap((entry) => (entry.startsWith("firmware=") ? [entry.slice(9)] : []));
    assert.deepEqual(firmware.sort(), expected.sort(), name);
    assert.deepEqual(readModinfo(readFileSync(path)), readModinfo(path));
  }
});

test("files of every compression come back whole and in their order, empty and large ones too", async (context) => {
  const contents = ["", "x", "y".repeat(255), "z".repeat(256), "0".repeat(65_536), "1".repeat(5_000_000), "last"];
  const folder = scratchFolder(context, Object.fromEntries(contents.map((text, index) => [`${index}.ko`, text])));
  const paths: string[] = [];
  const all: string[] = [];
  for (const [index, text] of contents.entries()) {
    const plain = join(folder, `${index}.ko`);
    writeFileSync(`${plain}.gz`, gzipSync(text));
    await run(["xz", "-k", plain]);
    await run(["xz", "-kf", "-T1", "--block-size=100000", "-S", ".many.xz", plain]);
    await run(["zstd", "-qk", plain]);
    paths.push(`${plain}.gz`, `${plain}.xz`, `${plain}.many.xz`, `${plain}.zst`);
    all.push(...paths.slice(-4));
    // Of several streams or frames, or without a size: what the files tell of themselves is not all.
    const [half, rest] = [join(folder, "half"), join(folder, "rest")];
    writeFileSync(half, text.slice(0, text.length / 2));
    writeFileSync(rest, text.slice(text.length / 2));
    await run(["sh", "-c", `xz -c ${half} > ${plain}.two.xz; xz -c ${rest} >> ${plain}.two.xz`]);
    await run(["sh", "-c", `zstd -qc ${half} > ${plain}.two.zst; zstd -qc < ${rest} >> ${plain}.two.zst`]);
    await run(["sh", "-c", `zstd -qc < ${plain} > ${plain}.stream.zst`]);
    all.push(`${plain}.two.xz`, `${plain}.two.zst`, `${plain}.stream.zst`);
  }
  for (const some of [paths, all]) {
    const unpacked = await decompress(some);
    for (const [index, path] of some.entries())
      assert.ok(unpacked[index]?.equals(Buffer.from(contents[Number(basename(path)[0])] ?? "")), path);
  }
});

test("damaged compressed files are errors", async (context) => {
  const folder = scratchFolder(context, {
    "a.ko": "x".repeat(100_000),
    "c.ko.xz": "not xz at all",
    "d.ko.zst": "neither",
  });
  const path = (name: string) => join(folder, name);
  await run(["xz", "-k", path("a.ko")]);
  await run(["zstd", "-qk", path("a.ko")]);
  truncateSync(path("a.ko.xz"), 60);
  truncateSync(path("a.ko.zst"), 20);
  writeFileSync(path("b.ko.gz"), gzipSync("x".repeat(1000)).subarray(0, 15));
  // A footer that tells of an index of 16 gigabytes.
  writeFileSync(path("e.ko.xz"), Buffer.from("0000\xff\xff\xff\xff00YZ", "latin1"));
  const problems = async (name: string) => (await problemsOf(() => decompress([path(name)])))[0] ?? "";
  assert.match(await problems("a.ko.xz"), /^xz failed: .*\/a\.ko\.xz: .*: install the file's package again$/);
  assert.match(await problems("a.ko.zst"), /^zstd failed: .*a\.ko\.zst/);
  assert.match(await problems("b.ko.gz"), /b\.ko\.gz cannot be unpacked: /);
  for (const name of ["c.ko.xz", "e.ko.xz"]) assert.match(await problems(name), /^xz failed: .*\.ko\.xz: /);
  assert.match(await problems("d.ko.zst"), /^zstd failed: .*d\.ko\.zst/);
});

type Packing = [command: string[], ending: string];

/** A copy of some drivers of Debian's kernel, packed as `pack` says, with lists of its own. */
async function packedKernel(
  kernel: Kernel,
  folder: string,
  drivers: readonly UnpackedDriver[],
  pack: Packing | undefined,
) {
  const modules = join(folder, "lib/modules", kernel.release);
  mkdirSync(modules, { recursive: true });
  for (const list of ["modules.order", "modules.builtin"]) cpSync(join(kernel.modules, list), join(modules, list));
  for (const { path, content } of drivers) {
    mkdirSync(join(modules, dirname(path)), { recursive: true });
    writeFileSync(join(modules, path), content);
  }
  await run(["depmod", "-b", folder, kernel.release]);
  if (!pack) return readKernelTree({ folder: modules, release: kernel.release });
  // By hand, as not every depmod can read every compression.
  const [command, ending] = pack;
  await run([...command, ...drivers.map(({ path }) => join(modules, path))]);
  const list = join(modules, "modules.dep");
  writeFileSync(list, readFileSync(list, "utf8").replaceAll(/\.ko\b/g, `.ko${ending}`));
  return readKernelTree({ folder: modules, release: kernel.release });
}

test("drivers are the same in the image, however the host has packed them", async (context) => {
  const kernel = await debianKernel("cloud");
  const drivers = await unpackedDrivers(kernel, ["virtio_net", "xfs", "tun"]);
  const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  const contents: Record<string, string>[] = [];
  const packings: (Packing | undefined)[] = [
    undefined,
    [["xz", "-q", "--check=crc32"], ".xz"],
    [["zstd", "-q", "--rm"], ".zst"],
    [["gzip"], ".gz"],
  ];
  for (const pack of packings) {
    const packed = await packedKernel(kernel, scratchFolder(context), drivers, pack);
    const tree = createTree();
    await installDrivers(packed, [...packed.drivers.values()], tree);
    const files = tree.entries().flatMap(([path, { type, ...entry }]) => {
      if (type !== "file" || !("content" in entry)) return [];
      const bytes = Buffer.isBuffer(entry.content) ? entry.content : readFileSync(entry.content.path);
      return [[path, digest(bytes)]];
    });
    contents.push(Object.fromEntries(files));
  }
  const [plain, ...packed] = contents;
  const { release } = kernel;
  assert.equal(Object.keys(plain ?? {}).length, drivers.length + 1);
  assert.ok(plain?.[driverPath(release, "kernel/fs/xfs/xfs.ko.xz").slice(1)]);
  assert.equal(plain[driverPath(release, "modules.devname").slice(1)], digest(Buffer.from("tun net/tun c10:200\n")));
  for (const each of packed) assert.deepEqual(each, plain);
});

test("signed drivers stay as they are, --strip or not", async (context) => {
  const kernel = await debianKernel("cloud");
  const [signed] = await unpackedDrivers(kernel, ["libcrc32c"]);
  assert.ok(signed);
  assert.ok(signed.content.toString("latin1").endsWith("~Module signature appended~\n"), "as Debian's are");
  const folder = scratchFolder(context);
  const packed = await packedKernel(kernel, folder, [signed], [["xz", "-q", "--check=crc32"], ".xz"]);
  const tree = createTree();
  await installDrivers(packed, [...packed.drivers.values()], tree);
  const options = { required: true, temporaryFolder: folder, report: keepReport() };
  const stripped = new Map(await stripEntries(tree.entries(), options));
  const entry = stripped.get(driverPath(kernel.release, signed.path).slice(1));
  assert.ok(entry?.type === "file" && Buffer.isBuffer(entry.content) && entry.content.equals(signed.content));
});

test("a driver that modules.dep names and that is not there, or is no driver, is an error", async (context) => {
  const folder = scratchFolder(context, {
    ...{ "modules.dep": "a.ko:\nb.ko:\nc.ko.xz:\nd.ko.zst:\n", "modules.alias": "", "modules.builtin": "" },
    "b.ko": "text",
  });
  mkdirSync(join(folder, "d.ko.zst"));
  const kernel = readKernelTree({ folder, release: "6.1" });
  const install = (name: string) => {
    const driver = kernel.drivers.get(name);
    return problemsOf(() => installDrivers(kernel, driver ? [driver] : [], createTree()));
  };
  for (const [name, file] of Object.entries({ a: "a.ko", c: "c.ko.xz" }))
    assert.deepEqual(await install(name), [
      `${folder}/${file} is named by modules.dep, but is not there: run "depmod 6.1"`,
    ]);
  assert.match((await install("d"))[0] ?? "", /\/d\.ko\.zst cannot be read: /);
  assert.deepEqual(await install("b"), [`${folder}/b.ko is not an ELF file: reinstall the kernel's package`]);
});

test("drivers of another kernel than the one that is named are an error", async () => {
  const { modules, release } = await debianKernel("cloud");
  const other = readKernelTree({ folder: modules, release: "6.99-bogus" });
  const xfs = other.drivers.get("xfs");
  assert.ok(xfs);
  assert.deepEqual(await problemsOf(() => installDrivers(other, [xfs], createTree())), [
    `${join(modules, xfs.path)} is of kernel ${release}, but the image is for 6.99-bogus: say --kver ${release}, or name the directory of 6.99-bogus with -k`,
  ]);
  const elsewhere = { ...xfs, path: `updates/../${xfs.path}` };
  await installDrivers(other, [elsewhere], createTree());
});
