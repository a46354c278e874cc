/** tools/bug-report on what a boot has left, and the replay of what it has gathered. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { bundlePath, reportPath, tracePath } from "../../core/abi/index.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { projectFolder } from "../support/paths.js";
import { bundleWith } from "../support/rehearsal.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-bug-"));
after(() => rmSync(folder, { recursive: true }));
const output = join(folder, "report");
const left = join(folder, "left");

function run(tool: string, ...args: string[]): { status: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(join(projectFolder, "tools", tool), args, { encoding: "utf8" });
  return { status, out: stdout, error: stderr };
}

test("a boot's recording and report, without its passwords, replayed as they are", async () => {
  const bundle = await bundleWith({ add: [] });
  const machine = createMachine({
    commandLine: "root=UUID=f00d rd.retry=2 rd.shell=0 x.password=hunter22 proxy=http://me:s%C3%A9cret@host/",
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { "etc/": "" },
    devices: [],
    drivers: {},
    modaliases: [],
    programs: {},
  });
  await rehearse(bundle, machine);
  mkdirSync(left);
  for (const path of [tracePath, reportPath])
    writeFileSync(join(left, path.slice(dirname(path).length + 1)), String(machine.files.find(path).data), "latin1");
  const image = join(folder, "image");
  mkdirSync(join(image, dirname(bundlePath)), { recursive: true });
  writeFileSync(join(image, bundlePath), bundle);

  const { status, out, error } = run("bug-report", "--output", output, "--run-initramfs", left, join(folder, "no.img"));
  assert.deepEqual([status, error], [0, ""]);
  assert.match(
    out,
    /^Whether .*no\.img is the image that was booted cannot be told\.\n.* is written; 2 passwords and keys are masked\. Look through it/,
  );
  const text = readFileSync(output, "utf8");
  assert.equal(statSync(output).mode & 0o777, 0o600);
  assert.doesNotMatch(text, /hunter22|s%C3%A9cret|sécret/);
  assert.match(text, /x\.password=masked\d proxy=http:\/\/me:masked\d@host\//);
  for (const said of [
    /^firstlight \d/m,
    /no\.img cannot be read/,
    /^──── \/proc\/cmdline/m,
    /^What: .*UUID=f00d/m,
    /^Not in it: /m,
  ])
    assert.match(text, said);
  const other = join(folder, "other.img");
  const list = join(folder, "list");
  writeFileSync(list, `file ${bundlePath} ${list} 644 0 0\n`);
  run("gen-init-cpio", "-o", other, list);
  const told = run("bug-report", "--output", `${output}2`, "--run-initramfs", left, other);
  assert.match(told.out, /^\S+other\.img is NOT the image that was booted, which has the boot code [0-9a-f]{16}: /);
  assert.match(readFileSync(`${output}2`, "utf8"), /^──── image \S+ ────\n\S+other\.img is NOT the image/m);
  const replayed = run("rehearse", "--replay", output, image);
  assert.equal(replayed.status, 0, replayed.out + replayed.error);
  assert.match(replayed.out, /ops are as recorded: would stop: UUID=f00d/);
});

const wrong: [name: string, args: readonly string[], says: RegExp][] = [
  ["a file that is there", ["--output", output, "--run-initramfs", left], /report is there already: remove it/],
  [
    "a folder that is not",
    ["--output", join(folder, "a"), "--run-initramfs", join(folder, "no")],
    /holds neither a recording nor a report/,
  ],
  ["no place to write to", ["--output", join(folder, "no/a"), "--run-initramfs", left], /no\/a/],
  ["two images", ["a", "b"], /one IMAGE at most/],
  ["an option that is none", ["--out"], /Unknown option '--out': see bug-report --help/],
  ["an empty name", ["--output="], /--output needs a value/],
];
for (const [name, args, says] of wrong)
  test(`no bug report: ${name}`, () => {
    const { status, out, error } = run("bug-report", ...args);
    assert.deepEqual([status, out], [1, ""]);
    assert.match(error, says);
    assert.doesNotMatch(error, /^ +at /m);
  });
