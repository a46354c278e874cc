/** The program as people run it; kernel-lists.test.ts has it beside the kernel's own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { readIn } from "../image/archives.js";
import { everyKindList, gentooList } from "./cpio-lists.js";
import { scratchFolder } from "./scratch.js";

const program = join(projectFolder, "tools/gen-init-cpio");

/** "NAME MODE UID:GID LINKS SIZE MAJOR:MINOR TARGET" of each entry, as far as they are not 0 or 1; archives must be whole. */
function entriesOf(archive: Buffer): string[] {
  const { told, isRefused } = readIn(archive, () => archive.length);
  assert.ok(!isRefused, told.at(-1));
  return told.flatMap((line) => {
    if (!line.startsWith("{")) return [];
    const { member } = JSON.parse(line);
    if (!member) return [];
    const { name, mode, uid, gid, links, size, node, target, modified } = member;
    assert.ok(modified === 1_600_000_000 || (mode & 0o170000) === 0o100000);
    const words = [name, mode.toString(8), uid || gid ? `${uid}:${gid}` : "", links > 1 ? `x${links}` : "", size || ""];
    return [[...words, node[0] ? node.join(":") : "", target ? `-> ${target}` : ""].filter(Boolean).join(" ")];
  });
}

test("every kind of line, blanks of any kind, an identical repeat, hard links, what lies below a link", async (context) => {
  const folder = scratchFolder(context, { list: everyKindList, "files/busybox": "1234567890", odd: "odd" });
  const options = { cwd: folder, env: { FILES: "files" } };
  await run([program, "-t", "1600000000", "-o", "x.cpio", "list"], options);
  const expected = [
    "dev 40755",
    "dev/console 20600 5:1",
    "dev/vda 60660 0:6 254:0",
    "dev/initctl 10600",
    "dev/log 140666 1:2",
    "bin 40755",
    "lib 120777 6 -> /lib64",
    "bin/busybox 104755 10:20 x3",
    "bin/sh 104755 10:20 x3",
    // What the list lacks, and the kernel's tool does not make.
    "usr 40755",
    "usr/bin 40755",
    "usr/bin/ls 104755 10:20 x3 10",
    "lib64 40755",
    "lib/x.so 100644 3",
    "init 120777 11 -> bin/busybox",
  ];
  const archive = readFileSync(join(folder, "x.cpio"));
  assert.deepEqual(entriesOf(archive), expected);
  const piped = spawnSync(program, ["-ct", "1600000000", "-"], {
    ...{ cwd: folder, env: { ...process.env, FILES: "files" } },
    input: everyKindList,
  });
  assert.deepEqual(entriesOf(piped.stdout), expected);
  // The sum of "1234567890", 10 bytes, stands in the header of the name that they come with.
  assert.match(piped.stdout.toString("latin1"), /070702[0-9a-f]{96}0000020dusr\/bin\/ls\0/);
  assert.match(archive.toString("latin1"), /070701[0-9a-f]{96}00000000usr\/bin\/ls\0/);
  const extracted = join(folder, "out");
  await run(["sh", "-c", `mkdir '${extracted}' && cd '${extracted}' && cpio -id --quiet < ../x.cpio`]);
  assert.deepEqual(readdirSync(extracted).sort(), ["bin", "dev", "init", "lib", "lib64", "usr"]);
});

test("the list of Gentoo's guide: each line once, in its order", async (context) => {
  const files = gentooList.flatMap((line) => /\$\{BINS\}(\S+)/.exec(line)?.[1] ?? []);
  const folder = scratchFolder(context, Object.fromEntries(files.map((path) => [`bins${path}`, path])));
  const { stdout, status } = spawnSync(program, ["-t", "1600000000", "-"], {
    ...{ input: `${gentooList.join("\n")}\n`, env: { ...process.env, BINS: join(folder, "bins") } },
  });
  assert.equal(status, 0);
  const listed = gentooList.flatMap((line) => /^\w+\s+\/(\S+)/.exec(line)?.[1] ?? []);
  const names = entriesOf(stdout).map((line) => line.split(" ")[0]);
  assert.equal(names.length, 41);
  assert.deepEqual(names, [...new Set(listed)]);
});

test("all that is wrong with a list is told with its line, and nothing is written", async (context) => {
  const list = `bogus x
file /a
dir ../x 755 0 0
nod /x 999 0 0 d 1 2
file /a /nonexistent 644 0 0
file /b \${NOPE}/x 644 0 0
dir /c 755 0 0
dir /c 700 0 0
file /c/d /etc/passwd 644 0 0
file /c/d/e /etc/passwd 644 0 0
slink /l l 777 0 0
file /l/x /etc/passwd 644 0 0
file /dir /etc 644 0 0
slink /c/d2/x y 777 0 0
slink /c/d2 z 777 0 0
nod /n 600 0 0 c 4096 0
__proto__ /x 755 0 0`;
  const folder = scratchFolder(context, { list, old: "old" });
  const { status, stderr } = await tryRun([program, "-o", "old", "list"], { cwd: folder });
  assert.equal(status, 1);
  assert.deepEqual(stderr.trimEnd().split("\n"), [
    'gen-init-cpio: error: list:1: unknown type "bogus": it is one of file, dir, nod, slink, pipe, sock',
    'gen-init-cpio: error: list:2: 1 words after "file", where 5 must be: file NAME LOCATION MODE UID GID [HARDLINK...]',
    'gen-init-cpio: error: list:3: NAME is "../x", which is not a path of UTF-8 without ..: dir NAME MODE UID GID',
    'gen-init-cpio: error: list:4: MODE is "999", which is not an octal number up to 7777: nod NAME MODE UID GID b|c MAJOR MINOR',
    'gen-init-cpio: error: list:4: b|c is "d", which is not b or c: nod NAME MODE UID GID b|c MAJOR MINOR',
    "gen-init-cpio: error: list:5: /nonexistent cannot be read: no such file or directory",
    "gen-init-cpio: error: list:6: the environment variable NOPE of LOCATION is not set",
    "gen-init-cpio: error: list:8: /c is in the list already, as something else, by line 7; leave one of them out",
    "gen-init-cpio: error: list:10: /c/d is no directory: line 9 makes it a file",
    "gen-init-cpio: error: list:12: the links on the way to l/x go round in circles",
    "gen-init-cpio: error: list:13: /etc is no regular file: only those have a content",
    "gen-init-cpio: error: list:15: /c/d2 is in the list already, as something else: files lie below it; leave one of them out",
    'gen-init-cpio: error: list:16: MAJOR is "4096", which is not a number below 4096: nod NAME MODE UID GID b|c MAJOR MINOR',
    'gen-init-cpio: error: list:17: unknown type "__proto__": it is one of file, dir, nod, slink, pipe, sock',
  ]);
  const noList = spawnSync(program, ["-o", "old", "-"], { cwd: folder, input: "what is this\n".repeat(5000) });
  assert.match(noList.stderr.toString(), /^(gen-init-cpio: error: standard input:\d+: unknown type "what".*\n){100}$/);
  assert.equal(readFileSync(join(folder, "old"), "utf8"), "old");
  assert.deepEqual(readdirSync(folder).sort(), ["list", "old"]);
});

test("what is wrong with a command line", async (context) => {
  const folder = scratchFolder(context, { list: "dir /a 755 0 0\n" });
  const cases: [string[], RegExp][] = [
    [[], /name one list/],
    [["list", "list"], /name one list/],
    [["-t", "soon", "list"], /-t "soon": it is a number of seconds/],
    [["-t", "4294967296", "list"], /at most 4294967295/],
    [["-z", "list"], /Unknown option '-z'.*: gen-init-cpio -h shows all/],
    [["none"], /none cannot be read: no such file/],
    [["-o", "no/x", "list"], /no cannot be written to/],
  ];
  for (const [words, pattern] of cases) {
    const { status, stdout, stderr } = await tryRun([program, ...words], { cwd: folder });
    assert.match(stderr, pattern);
    assert.match(stderr, /^gen-init-cpio: error: .*\n$/);
    assert.deepEqual([status, stdout], [1, ""]);
  }
  assert.match(
    (await tryRun(["sh", "-c", `'${program}' '${folder}/list' > /dev/full`])).stderr,
    /no space left on device/,
  );
  assert.match(await run([program, "-h"]), /^usage: gen-init-cpio \[-t TIMESTAMP\] \[-c\] \[-o FILE\] LIST\|-\n/);
  assert.ok(!existsSync(join(folder, "no")));
});
