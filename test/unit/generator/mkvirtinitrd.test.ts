/** mkvirtinitrd as people run it: what is in the archive, in which order, and what it says when it cannot make one. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { debianKernel, unpackedDrivers } from "../../support/kernels.js";
import { projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { scratchFolder } from "./scratch.js";

const kernel = await debianKernel("cloud");
const tool = join(projectFolder, "tools/mkvirtinitrd");
const init = join(projectFolder, "dist/init/init");

/** Some driver that no kernel of Debian has built in: what is in it does not matter to this test. */
const [driver] = await unpackedDrivers(kernel, ["dummy"]);
const content = driver?.content ?? Buffer.alloc(0);

/** The archive's regular files by their paths, in its order. */
async function filesOf(context: TestContext, archive: string): Promise<Map<string, Buffer>> {
  const folder = scratchFolder(context);
  await run(["sh", "-c", 'cd "$1" && cpio -idm --quiet <"$2"', "sh", folder, archive]);
  const paths = (await run(["sh", "-c", 'cpio -it --quiet <"$1"', "sh", archive])).trim().split("\n");
  const files = paths.filter((path) => statSync(join(folder, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(folder, path))]));
}

/** A kernel's directory with drivers of these paths, each after those it depends on; its files are compressed as their names say. */
async function modulesFolder(context: TestContext, drivers: Record<string, string>, builtin: string[] = []) {
  const folder = scratchFolder(context);
  const programs: Record<string, string> = { xz: "xz", zst: "zstd -q --rm", gz: "gzip" };
  for (const path of Object.keys(drivers)) {
    const file = join(folder, path);
    const [, plain = file, ending] = /^(.*\.ko)(?:\.(\w+))?$/.exec(file) ?? [];
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(plain, content);
    if (ending) await run(["sh", "-c", `${programs[ending]} "$1"`, "sh", plain]);
  }
  writeFileSync(
    join(folder, "modules.dep"),
    Object.entries(drivers)
      .map(([path, needs]) => `${path}: ${needs}\n`)
      .join(""),
  );
  if (builtin.length) writeFileSync(join(folder, "modules.builtin"), builtin.map((path) => `${path}\n`).join(""));
  return folder;
}

test("drivers come unpacked and numbered, each behind those that it needs, whoever names them how", async (context) => {
  const fuse = "kernel/fs/fuse";
  const folder = await modulesFolder(
    context,
    {
      [`${fuse}/virtiofs.ko.xz`]: `${fuse}/fuse.ko.zst kernel/drivers/virtio/virtio_ring.ko.gz`,
      [`${fuse}/fuse.ko.zst`]: "",
      "kernel/drivers/virtio/virtio_ring.ko.gz": "kernel/drivers/virtio/virtio.ko",
      "kernel/drivers/virtio/virtio.ko": "",
      "kernel/a/an-other.ko": "kernel/a/zz_needed.ko kernel/drivers/virtio/virtio.ko",
      "kernel/a/zz_needed.ko": "",
      "kernel/a/unwanted.ko": "",
    },
    ["kernel/drivers/virtio/virtio_pci.ko", "kernel/a/built-in.ko"],
  );
  const out = join(folder, "out");
  writeFileSync(out, "old");
  await run([tool, "--module=an_other", "--module", "built_in", "--module", "an-other", init, folder, out]);
  const files = await filesOf(context, out);
  const names = ["virtio", "virtio_ring", "fuse", "virtiofs", "zz_needed", "an_other"];
  assert.deepEqual([...files.keys()], ["init", ...names.map((name, index) => `usr/lib/modules/00${index}-${name}.ko`)]);
  for (const [path, bytes] of files) assert.ok(bytes.equals(path === "init" ? readFileSync(init) : content), path);
  assert.equal(statSync(out).mode & 0o777, 0o644);
  assert.match(await run(["sh", "-c", 'cpio -itv --quiet <"$1"', "sh", out]), /^-rwxr-xr-x .* init$/m);
  const before = readFileSync(out);
  await run([tool, "--module=an_other", init, folder, out]);
  assert.ok(readFileSync(out).equals(before), "the same input, the same bytes");
});

test("Debian's own kernel: virtiofs and what it is reached by", async (context) => {
  const out = join(scratchFolder(context), "out");
  await run([tool, init, kernel.modules, out]);
  const names = [...(await filesOf(context, out)).keys()].map((path) => path.replace(/^.*\d{3}-/, ""));
  const builtIn = readFileSync(join(kernel.modules, "modules.builtin"), "utf8");
  for (const [needed, driver] of [
    ["fuse.ko", "virtiofs.ko"],
    ["virtio_ring.ko", "virtio_pci.ko"],
  ] as const) {
    // Debian 12's kernel has drivers of them; in 13's they are built in.
    if (builtIn.includes(`/${driver}\n`)) assert.ok(!names.includes(driver), driver);
    else assert.ok(names.includes(needed) && names.indexOf(needed) < names.indexOf(driver), driver);
  }
});

test("what is built into the kernel is left out; a kernel without PCI is warned of", async (context) => {
  const folder = await modulesFolder(context, {}, ["kernel/fs/fuse/virtiofs.ko"]);
  const out = join(folder, "out");
  const { status, stderr } = await tryRun([tool, init, folder, out]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^mkvirtinitrd: warning: the kernel has no driver virtio_pci: only machines without PCI/);
  assert.deepEqual([...(await filesOf(context, out)).keys()], ["init"]);
});

test("whatever is wrong is told with its remedy, and an old archive stays", async (context) => {
  const good = { "kernel/virtiofs.ko": "", "kernel/virtio_pci.ko": "" };
  const folder = await modulesFolder(context, good);
  const lacking = await modulesFolder(context, good);
  rmSync(join(lacking, "kernel/virtiofs.ko"));
  const strange = await modulesFolder(context, good);
  writeFileSync(join(strange, "kernel/virtiofs.ko"), "");
  const damaged = await modulesFolder(context, { ...good, "kernel/x.ko.xz": "" });
  writeFileSync(join(damaged, "kernel/x.ko.xz"), "no xz");
  const place = scratchFolder(context, {
    old: "old",
    script: "#!/bin/sh\n",
    "folder/x": "",
    "below/6.1.0/modules.dep": "",
  });
  const at = (name: string) => join(place, name);
  const out = at("old");
  const cases: [words: string[], says: RegExp][] = [
    [[], /name INIT, MODULES_DIR and OUT: see mkvirtinitrd --help/],
    [[init, folder], /name INIT, MODULES_DIR and OUT/],
    [[init, folder, out, "more"], /name INIT, MODULES_DIR and OUT/],
    [["--modul=x", init, folder, out], /Unknown option '--modul': see mkvirtinitrd --help/],
    [["--module=", init, folder, out], /^mkvirtinitrd: error: --module needs the name of a driver: name one, or leave/],
    [
      ["--module=virtio-psi", init, folder, out],
      /--module needs driver virtio-psi, which .* does not have: did you mean virtio_pci\?/,
    ],
    [
      [init, await modulesFolder(context, {}), out],
      /the initramfs needs driver virtiofs, which kernel \S+ does not have/,
    ],
    [[at("none"), folder, out], /none cannot be read: no such file or directory: INIT is a static program/],
    [[at("folder"), folder, out], /folder cannot be read: it is a directory: INIT/],
    [[at("script"), folder, out], /script is no ELF program: INIT/],
    [
      ["/bin/sh", folder, out],
      /\/bin\/sh needs \S+ld-linux\S+, and nothing but drivers is beside it in the initramfs: link it statically/,
    ],
    [[init, at("none"), out], /there is no directory \S+none: MODULES_DIR is that of one kernel/],
    [[init, at("script"), out], /there is no directory \S+script: MODULES_DIR/],
    [[init, at("folder"), out], /folder has no modules\.dep: run "depmod folder", or name the directory of one kernel/],
    [[init, at("below"), out], /below has no modules\.dep: name the directory of one kernel, as \S+\/below\/6\.1\.0/],
    [
      [init, lacking, out],
      /kernel\/virtiofs\.ko is named by modules\.dep, but is not there: reinstall the kernel's package/,
    ],
    [[init, strange, out], /kernel\/virtiofs\.ko is no driver, but something else: reinstall/],
    [["--module=x", init, damaged, out], /xz failed: .*: install the file's package again/],
    [[init, folder, at("none/out")], /none cannot be written to: no such file or directory/],
    [[init, folder, at("folder")], /folder is not a regular file: name another file/],
  ];
  for (const [words, says] of cases) {
    const { status, stdout, stderr } = await tryRun([tool, ...words]);
    assert.deepEqual([status, stdout], [1, ""], words.join(" "));
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
  assert.equal(readFileSync(out, "utf8"), "old");
  assert.deepEqual(readdirSync(place).sort(), ["below", "folder", "old", "script"]);
  assert.match(await run([tool, "--help"]), /^usage: mkvirtinitrd \[--module NAME\]\.\.\. INIT MODULES_DIR OUT\n/);
});

test("what a link leads to is written, and the link stays", async (context) => {
  const folder = scratchFolder(context);
  symlinkSync("target", join(folder, "link"));
  await run([tool, init, kernel.modules, join(folder, "link")]);
  assert.ok(existsSync(join(folder, "target")));
});
