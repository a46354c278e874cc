/** Whole unified kernel images, made by the program as people run it, with either tool; and tools that fail. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseCommandLine } from "../../../core/generator/command-line.js";
import { readPe } from "../../../core/generator/pe.js";
import { makeSettings } from "../../../core/generator/settings.js";
import type { Configuration } from "../../../core/schema/configuration.js";
import { mkinitrdCommand } from "../../support/firstlight.js";
import { debianKernel } from "../../support/kernels.js";
import { projectFolder } from "../../support/paths.js";
import { type RunOptions, run, tryRun } from "../../support/run.js";
import { debianUkify, linkPrograms, systemdStub } from "../../support/uefi.js";
import { makePe } from "./pe-files.js";
import { problemsOf, scratchFolder } from "./scratch.js";

const kernel = await debianKernel("cloud");
const [stub, ukify] = [await systemdStub(), await debianUkify()];
const bmp = `BM${"picture".repeat(10)}`;

/** A folder of its own for TMPDIR, in which nothing is to be left, and one for the image. */
function makePlaces(context: TestContext, without: readonly string[]) {
  const folder = scratchFolder(context, { "splash.bmp": bmp });
  for (const name of ["tmp", "esp"]) mkdirSync(join(folder, name));
  const programs = linkPrograms(join(folder, "programs"), without);
  const image = join(folder, "esp/x.efi");
  const env = { PATH: programs, TMPDIR: join(folder, "tmp") };
  return {
    folder,
    image,
    env,
    programs,
    left: () => [...readdirSync(env.TMPDIR), ...readdirSync(join(folder, "esp"))],
  };
}

/** What objcopy finds in a section, padding and all. */
async function section(image: string, name: string): Promise<Buffer> {
  await run(["objcopy", "-O", "binary", `--only-section=${name}`, image, `${image}.section`]);
  return readFileSync(`${image}.section`);
}

for (const { tool, without, path, itsStub } of [
  { tool: "objcopy", without: ["ukify"], path: "", itsStub: stub },
  { tool: "objcopy", without: ["ukify"], path: "", itsStub: ukify.stub },
  { tool: "ukify", without: ["objcopy"], path: `${ukify.programs}:`, itsStub: ukify.stub },
])
  test(`${tool} makes an image of all its parts, with ${itsStub === stub ? "this" : "a newer"} stub`, async (context) => {
    const { folder, image, env, left } = makePlaces(context, without);
    const options: RunOptions = { env: { ...env, PATH: path + env.PATH } };
    const words = ["-N", "--uefi", "--uefi-stub", itsStub, "--kernel-cmdline", "quiet  root=LABEL=x"];
    const build = [...words, "--uefi-splash-image", join(folder, "splash.bmp")];
    const { stderr } = await tryRun(mkinitrdCommand(build, image, kernel), options);
    assert.match(stderr, /^mkinitrd: \S+x\.efi: [\d.]+ MB, .*\n$/);
    assert.deepEqual(left(), ["x.efi", "x.efi.js.map"]);
    const { mode, mtimeMs } = statSync(image);
    assert.equal(mode & 0o777, 0o600);
    assert.ok(Math.abs(Date.now() - mtimeMs) < 60_000, "it bears the time of its making");
    const first = readFileSync(image);

    const expected: [string, string | Buffer][] = [
      [".osrel", readFileSync("/etc/os-release")],
      [".uname", kernel.release],
      [".cmdline", "quiet root=LABEL=x"],
      [".splash", bmp],
      [".linux", readFileSync(kernel.image)],
    ];
    for (const [name, content] of expected) assert.ok((await section(image, name)).equals(Buffer.from(content)), name);
    const lsinitrd = join(projectFolder, "tools/lsinitrd");
    const initrd = join(folder, "initrd");
    writeFileSync(initrd, await section(image, ".initrd"));
    const listing = (file: string) => run(["sh", "-c", `'${lsinitrd}' '${file}' | grep -v :`]);
    assert.equal(await listing(image), await listing(initrd));
    assert.equal(await run([lsinitrd, image, "etc/cmdline.d/01-default.conf"]), "quiet  root=LABEL=x\n");

    await run([join(projectFolder, "tools/mkinitrd"), "-q", "--rebuild", image], options);
    assert.ok(readFileSync(image).equals(first), "--rebuild makes the same");
    const plain = join(folder, "plain.img");
    await run([join(projectFolder, "tools/mkinitrd"), "-q", "--rebuild", image, "--no-uefi", plain], options);
    assert.equal(readFileSync(plain).subarray(0, 4).toString("hex"), "28b52ffd");
  });

/** A tool that does something else. */
function fakeTool(folder: string, script: string): void {
  const path = join(folder, "ukify");
  writeFileSync(path, `#!/bin/sh\nfor word; do case $word in --output=*) out=\${word#*=};; esac; done\n${script}\n`);
  chmodSync(path, 0o755);
}

test("a tool that fails, or makes what cannot be started, leaves the old image", async (context) => {
  const { folder, image, env, programs, left } = makePlaces(context, ["ukify"]);
  writeFileSync(image, "old");
  const overlapping = makePe([
    { name: ".linux", content: "x", address: 0x1000 },
    { name: ".initrd", content: "y", address: 0x1000 },
  ]);
  writeFileSync(join(folder, "overlapping"), overlapping);
  const texts = [
    { name: ".osrel", content: readFileSync("/etc/os-release") },
    { name: ".uname", content: kernel.release },
    { name: ".cmdline", content: "quiet" },
  ];
  writeFileSync(join(folder, "lacking"), makePe(texts));
  writeFileSync(join(folder, "short"), makePe([...texts, { name: ".initrd", content: "x" }]));
  const [text] = readPe(stub).sections;
  assert.ok(text);
  const remedy = "repair it, or remove the package systemd-ukify, so that objcopy is used";
  const bad = `with the stub ${stub}, ukify makes an image that`;
  const other = "name another stub with --uefi-stub, for ukify the one of its own release of systemd";
  const failures: [string, string][] = [
    [
      "echo 'Traceback:' >&2; echo 'No module named pefile' >&2; exit 1",
      `ukify cannot make the image: No module named pefile: ${remedy}`,
    ],
    ["kill -9 $$", `ukify cannot make the image: ukify ended with SIGKILL: ${remedy}`],
    ["exit 0", `${bad} is no PE file, as UEFI starts them: ${other}`],
    [
      `head -c 1000 ${stub} >$out`,
      `${bad} is cut off: its section .text goes to byte ${text.start + text.fileSize}, and the file has 1000: ${other}`,
    ],
    [
      `cat ${join(folder, "overlapping")} >$out`,
      `${bad} has sections that overlap in memory: .linux and .initrd: ${other}`,
    ],
    ...["lacking", "short"].map((name): [string, string] => [
      `cat ${join(folder, name)} >$out`,
      `${bad} lacks a part of its section .initrd: ${other}`,
    ]),
  ];
  const options = ["-N", "--uefi", "--uefi-stub", stub];
  const words = mkinitrdCommand([...options, "--kernel-cmdline", "quiet"], image, kernel);
  for (const [script, complaint] of failures) {
    fakeTool(programs, script);
    const { status, stderr } = await tryRun(words, { env });
    assert.equal(stderr, `mkinitrd: error: ${complaint}\n`);
    assert.equal(status, 1);
    assert.equal(readFileSync(image, "utf8"), "old");
    assert.deepEqual(left(), ["x.efi"]);
  }
  const unnamed = await tryRun(mkinitrdCommand(options, image, kernel), { env });
  assert.match(unnamed.stderr, /^mkinitrd: warning: --uefi: the image has no kernel command line, so whatever starts/);
  const { stderr } = await tryRun([...words, "--tmpdir", "/proc"], { env });
  assert.equal(
    stderr,
    "mkinitrd: error: /proc cannot be written to: no such file or directory: name another directory by --tmpdir\n",
  );
});

test("a signal while the tool works ends that, too, and leaves the old image", async (context) => {
  const { folder, image, env, programs, left } = makePlaces(context, ["ukify"]);
  writeFileSync(image, "old");
  await run(["mkfifo", join(folder, "begun")]);
  fakeTool(programs, `echo half >$out; echo $$ >${folder}/begun; exec sleep 1000`);
  const [command = "", ...words] = mkinitrdCommand(["-qN", "--uefi", "--uefi-stub", stub], image, kernel);
  const child = spawn(command, words, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  const tool = (await run(["cat", join(folder, "begun")])).trim();
  const said = child.stderr.setEncoding("utf8").toArray();
  child.kill("SIGTERM");
  const [status] = await once(child, "exit");
  assert.equal(status, 128 + 15);
  assert.equal((await said).join(""), "mkinitrd: ended by SIGTERM; nothing was changed\n");
  assert.ok(!existsSync(`/proc/${tool}`), "the tool has ended");
  assert.equal(readFileSync(image, "utf8"), "old");
  assert.deepEqual(left(), ["x.efi"]);
});

test("options that do not go together", async () => {
  const half =
    "--uefi (uefi) makes an image that is complete, and --no-kernel (no_kernel) and --kernel-only (kernel_only) one half: say --no-uefi, or leave those out";
  const part = (option: string) => `--${option} is a part of a unified kernel image: say --uefi, too, or leave it out`;
  const wrong: [string[], string][] = [
    [["--uefi", "--no-kernel"], half],
    [["--kernel-only", "--uefi"], half],
    [["--uefi-stub=x"], part("uefi-stub")],
    [["--kernel-image", "x"], part("kernel-image")],
    [["--uefi-splash-image", "x"], part("uefi-splash-image")],
    [
      ["--uefi", "--regenerate-all", "--kernel-image=x"],
      "--regenerate-all and --kernel-image contradict each other: leave one of them out",
    ],
  ];
  const settings = (words: readonly string[], configuration: Partial<Configuration> = {}) =>
    makeSettings(parseCommandLine(words), configuration, {});
  for (const [words, complaint] of wrong) assert.deepEqual(await problemsOf(() => settings(words)), [complaint]);
  // What only a configuration says waits for --uefi; an image without drivers has a kernel nevertheless.
  const configuration = { uefi_stub: "/stub", noimageifnotneeded: "yes" };
  assert.equal(settings([], configuration).uki, undefined);
  const { uki, skipUnneeded } = settings(["--uefi"], configuration);
  assert.deepEqual([uki?.stub, skipUnneeded], ["/stub", false]);
  assert.equal(settings(["--uefi", "--uefi-stub=/x", "--no-uefi"]).uki, undefined);
});
