import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { installDrivers } from "../../../core/generator/driver-files.js";
import { byUevent, type DriverSelection, selectDrivers } from "../../../core/generator/driver-selection.js";
import { firmwareFolders, installFirmware } from "../../../core/generator/firmware.js";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { createInstaller, installLayout } from "../../../core/generator/install.js";
import { driverName, type KernelTree, readKernelTree } from "../../../core/generator/kernel-tree.js";
import { createLinker } from "../../../core/generator/libraries.js";
import { createProblems } from "../../../core/generator/problems.js";
import { createTree, type Tree } from "../../../core/generator/tree.js";
import { otherGenerators } from "../../support/generators.js";
import { debianKernel, type KernelFlavour } from "../../support/kernels.js";
import { run } from "../../support/run.js";
import { noDriverSettings, problemsOf, scratchFolder } from "./scratch.js";

const host = createHostFiles();

/** Files of some directories of this machine, links included, as far as they are there. */
const filesOf = (...folders: string[]) =>
  folders
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => host.resolve(path)?.stats.isFile());

/** A program or library that needs no more space than a comparison should take. */
const isSmall = (path: string) => (host.resolve(path)?.stats.size ?? 0) < 4_000_000;

/** At most so many, from all over the list: a comparison takes no longer where more is installed. */
function some(all: readonly string[], most: number): string[] {
  const share = (index: number) => Math.floor((index * most) / all.length);
  return all.filter((_, index) => share(index) !== share(index - 1));
}

async function install(programs: readonly string[]): Promise<{ tree: Tree; failed: string[] }> {
  const tree = createTree();
  installLayout(host, tree);
  const installer = createInstaller(host, tree);
  const failed: string[] = [];
  for (const program of programs) if ((await problemsOf(() => installer.file(program))).length) failed.push(program);
  return { tree, failed };
}

/** Files and links below a folder, from there. */
const listing = async (folder: string) =>
  (await run(["find", folder, "-mindepth", "1", "(", "-type", "f", "-o", "-type", "l", ")", "-printf", "%P\n"]))
    .split("\n")
    .filter(Boolean);

/** Runs a shell command for each word, with the word as $word, and cuts what it writes by them. */
async function forEach(folder: string, words: readonly string[], command: string): Promise<Map<string, string[]>> {
  const list = join(folder, "words");
  writeFileSync(list, `${words.join("\n")}\n`);
  const loop = `while read -r word; do echo "== $word"; ${command}; done < "$0" 2>/dev/null || :`;
  const parts = (await run(["sh", "-c", loop, list])).split(/^== /m).slice(1);
  return new Map(parts.map((part) => part.split("\n")).map(([word = "", ...lines]) => [word, lines.filter(Boolean)]));
}

/** A name without version, "libz.so", is for who compiles programs; dracut-install takes it along, with the links that it leads over. */
function forCompilers(missing: readonly string[]): Set<string> {
  const names = missing.filter((path) => path.endsWith(".so"));
  const links = names.flatMap((path) => host.resolve(`/${path}`)?.links ?? []);
  return new Set([...names, ...links.map(({ path }) => path.slice(1))]);
}

test("of this machine's programs nothing is missing that dracut's dracut-install finds", async (context) => {
  const { dracutInstall } = await otherGenerators();
  const programs = [...some(filesOf("/usr/sbin"), 90), ...some(filesOf("/usr/bin").filter(isSmall), 200)];
  assert.ok(programs.length > 200);
  const { tree, failed } = await install(programs);
  const scripts = failed.filter((path) => readFileSync(path, "latin1").startsWith("#!"));
  assert.deepEqual(
    failed,
    scripts,
    "what an env(1) line asks for may not be installed, which dracut-install does not look at",
  );
  const folder = scratchFolder(context);
  await run([dracutInstall, "-D", folder, "--optional", "--ldd", "--all", ...programs]);
  const missing = (await listing(folder)).filter((path) => !tree.has(path) && !failed.includes(`/${path}`));
  const explained = forCompilers(missing);
  assert.deepEqual(
    missing.filter((path) => !explained.has(path)),
    [],
  );
});

test("of some of this machine's programs nothing is missing that initramfs-tools' copy_exec finds", async (context) => {
  const { hookFunctions } = await otherGenerators();
  const linker = createLinker(host);
  const isProgram = (path: string) => {
    const file = host.resolve(path);
    return file !== undefined && linker.read(file)?.interpreter !== undefined;
  };
  const programs = [
    ...some(filesOf("/usr/sbin").filter(isProgram), 40),
    ...some(
      filesOf("/usr/bin").filter((path) => isSmall(path) && isProgram(path)),
      100,
    ),
  ];
  assert.ok(programs.length > 100);
  const { tree, failed } = await install(programs);
  assert.deepEqual(failed, []);
  const folder = scratchFolder(context);
  const script = '. "$0"; for program; do copy_exec "$program"; done';
  await run(["sh", "-c", script, hookFunctions, ...programs], { env: { DESTDIR: folder, verbose: "n" } });
  assert.deepEqual(
    (await listing(folder)).filter((path) => !tree.has(path)),
    [],
  );
});

/** What ld.so says of a file: paths, free of links, and names of what is nowhere. The image has no directories of hwcaps. */
function parseTrace(lines: readonly string[]): string[] {
  const words = lines.flatMap(
    (line) => /^\t(?:\S+ => )?(\/\S+) \(0x/.exec(line)?.[1] ?? /^\t(\S+) => not found/.exec(line)?.[1] ?? [],
  );
  return words.map((word) => host.resolve(word.replace(/\/glibc-hwcaps\/[^/]+/, ""))?.path ?? word);
}

test("every program and library of this machine is loaded with what its dynamic linker loads it with", async (context) => {
  const linker = createLinker(host);
  const shell = host.resolve("/bin/sh");
  const own = shell && linker.read(shell);
  const dynamicLinker = own?.interpreter;
  assert.ok(dynamicLinker, "the shell is a dynamic program");
  const named = ["-name", "*.so", "-o", "-name", "*.so.*", "-o", "-perm", "/111"];
  const found = await run(["find", "/usr/bin", "/usr/sbin", "/usr/lib", "-type", "f", "(", ...named, ")"]);
  const files = found.split("\n").flatMap((path) => host.resolve(path) ?? []);
  const objects = files.flatMap((file) => {
    const elf = linker.read(file);
    return elf?.needed.length && elf.machine === own.machine && elf.bits === own.bits ? [{ file, elf }] : [];
  });
  assert.ok(objects.length > 300);
  const trace = `LD_TRACE_LOADED_OBJECTS=1 ${dynamicLinker} "$word"`;
  const real = await forEach(
    scratchFolder(context),
    objects.map(({ file }) => file.path),
    trace,
  );
  const differences: Record<string, string[]> = {};
  for (const { file, elf } of objects) {
    const { libraries, missing } = linker.load(file, elf, { linker: dynamicLinker });
    const ours = new Set([
      ...libraries.map((each) => each.file.path),
      ...missing.map(({ soname }) => soname),
      host.resolve(dynamicLinker)?.path,
    ]);
    const lacking = parseTrace(real.get(file.path) ?? ["the dynamic linker said nothing"]).filter(
      (path) => !ours.has(path),
    );
    if (lacking.length) differences[file.path] = lacking;
  }
  assert.deepEqual(differences, {});
});

/** What insmod(8) would be called for, by names. */
const inserted = (lines: readonly string[]) =>
  lines.flatMap((line) => /^insmod \S*\/([^/]+)\.ko/.exec(line)?.[1] ?? []).map(driverName);

/** Of a driver with several lines of soft dependencies modprobe sees the first only (kmod_module_get_softdeps of libkmod): an image has all. */
function driversOfSeveralLines(list: string): Set<string> {
  const names = [...readFileSync(list, "utf8").matchAll(/^softdep (\S+)/gm)].map(([, name = ""]) => driverName(name));
  return new Set(names.filter((name, index) => names.indexOf(name) !== index));
}

function select(kernel: KernelTree, names: readonly string[]): DriverSelection {
  const problems = createProblems();
  const options = { omit: [], settings: noDriverSettings, host: undefined };
  const selection = selectDrivers(
    kernel,
    [{ asker: "test", selectors: names, always: true, required: true }],
    options,
    problems,
  );
  problems.check();
  return selection;
}

for (const flavour of ["cloud", "full"] satisfies KernelFlavour[])
  test(`drivers of the ${flavour} kernel come with those that modprobe loads for them, in its order`, async (context) => {
    const { modules, release } = await debianKernel(flavour);
    const kernel = readKernelTree({ folder: modules, release });
    const { indexed } = select(kernel, [...kernel.drivers.keys()]);
    const chains = new Map(indexed.filter(({ path }) => path).map(({ name, chain }) => [name, chain]));
    const isSoft = (name: string) => kernel.softDependencies.has(name);
    // Of the many without soft dependencies some will do.
    const names = [...chains].flatMap(([name, chain], index) =>
      flavour === "cloud" || chain.some(isSoft) || index % 10 === 0 ? [name] : [],
    );
    const scratch = scratchFolder(context);
    const top = modules.slice(0, -`/lib/modules/${release}`.length);
    const modprobe = `modprobe -C ${scratch} -d ${top} -S ${release} --show-depends "$word"`;
    const real = await forEach(scratch, names, modprobe);
    assert.equal(real.size, names.length);
    const moreKnown = new Set([...driversOfSeveralLines(join(modules, "modules.softdep")), ...byUevent.keys()]);
    const differences: Record<string, unknown> = {};
    for (const [name, lines] of real) {
      const theirs = [...new Set(inserted(lines))];
      const all = chains.get(name) ?? [];
      const ours = all.some((member) => moreKnown.has(member)) ? all.filter((member) => theirs.includes(member)) : all;
      if (theirs.join() !== ours.join()) differences[name] = { theirs, ours };
    }
    assert.deepEqual(differences, {});
  });

/** Where a kernel would find firmware of these names, each in one of the ways that firmware packages use. */
function makeFirmware(folder: string, names: readonly string[]): void {
  const put = (path: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), path);
  };
  for (const [index, name] of names.entries()) {
    const path = name.replaceAll(/\*|\?|\[.*\]/g, `${index}`);
    const way = index % 4;
    if (way === 0) put(path);
    else if (way === 1) put(`${path}.xz`);
    else {
      put(`real/${index}.bin`);
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      const target = way === 2 ? `/real/${index}.bin` : `${relative(dirname(path), "linked")}/${index}.bin`;
      symlinkSync(way === 2 ? join(folder, target) : target, join(folder, path));
    }
  }
  symlinkSync("real", join(folder, "linked"));
}

test("of drivers and their firmware nothing is missing that dracut's dracut-install finds", async (context) => {
  const { dracutInstall } = await otherGenerators();
  const { modules, release } = await debianKernel("full");
  const kernel = readKernelTree({ folder: modules, release });
  // brcmfmac names its firmware with wildcards.
  const names = ["brcmfmac", ...some([...kernel.drivers.keys()], 160)];
  const drivers = select(kernel, names).files;
  const [firmware, theirs] = [scratchFolder(context), scratchFolder(context)];
  const modinfo = ["modinfo", "-F", "firmware", ...drivers.map(({ path }) => join(modules, path))];
  const declared = new Set((await run(modinfo)).split("\n").filter(Boolean));
  assert.ok(declared.size > 50);
  makeFirmware(firmware, [...declared]);

  const tree = createTree();
  installLayout(host, tree);
  const installed = await installDrivers(kernel, drivers, tree);
  const folders = firmwareFolders([firmware], release);
  for (const name of new Set([...installed.firmware.values()].flat())) installFirmware(host, tree, folders, name);
  const options = ["--kerneldir", modules, "--firmwaredirs", firmware, "--optional", "--module"];
  await run([dracutInstall, "-D", theirs, ...options, ...names]);

  const inImage = (path: string) =>
    `/${path}`.startsWith(`${firmware}/`)
      ? `/usr/lib/firmware/${path.slice(firmware.length)}`
      : path.replace(/(\.ko)\.\w+$/, "$1");
  const found = await listing(theirs);
  for (const ending of [".bin", ".bin.xz", ".ko"])
    assert.ok(
      found.some((path) => inImage(path).endsWith(ending)),
      ending,
    );
  assert.deepEqual(
    found.filter((path) => !tree.has(inImage(path))),
    [],
  );
});
