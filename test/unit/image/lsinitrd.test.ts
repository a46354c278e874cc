/** The program as people run it, on our images, on those of each compressor, and on such as were made to do harm. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { buildImage } from "../../support/firstlight.js";
import { outFolder, projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { scratchFolder } from "../generator/scratch.js";
import { archive, folder, link, memberBytes, type TestMember } from "./archives.js";

const program = join(projectFolder, "tools/lsinitrd");
const { file: image } = await buildImage("lsinitrd", ["-N", "-a", "tmpfs-root", "--compress", "zstd -1"]);
const plain = join(outFolder, "tests/lsinitrd.cpio");
await run(["sh", "-c", `zstd -dcqf '${image}' > '${plain}'`]);

const lsinitrd = (...words: string[]) => run([program, ...words]);
/** Lines of the list, without headings. */
const rows = (text: string) => text.split("\n").filter((line) => /^[-dlcbps][r-][w-]/.test(line));

async function problemOf(...words: string[]): Promise<string> {
  const { status, stderr } = await tryRun([program, ...words]);
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^(lsinitrd: .*\n)+$/, "no stack trace");
  return stderr;
}

function imageOf(context: TestContext, members: readonly TestMember[]): { file: string; target: string } {
  const file = join(scratchFolder(context, { "x.img": archive(members) }), "x.img");
  return { file, target: join(file, "../target") };
}

test("an image of ours: the list is cpio's own, sorted by name or by size", async () => {
  const expected = (await run(["sh", "-c", `TZ=UTC cpio -tv --quiet < '${plain}'`])).split("\n").filter(Boolean);
  const text = await lsinitrd(image);
  assert.match(
    text,
    /^Image: \S+lsinitrd.img: [\d.]+ MB\nVersion: firstlight [\d.]+\nArguments: --no-hostonly --add=tmpfs-root '--compress=zstd -1' --kmoddir=.*\nModules: .*\bbusybox\b.*\n=+\nCPIO image, zstd, at byte 0: \d+ entries\n=+\n/,
  );
  assert.deepEqual(rows(text).sort(), expected.sort());
  const bySize = rows(await lsinitrd("-s", image)).filter((line) => !line.startsWith("c"));
  const sizes = bySize.map((line) => Number(line.match(/^(?:\S+ +){4}(\d+)/)?.[1]));
  assert.deepEqual(
    sizes,
    [...sizes].sort((a, b) => a - b),
  );
});

for (const compressor of ["zstd -q", "gzip", "xz", "lzma", "bzip2", "lz4 -lq", "lzop"])
  test(`${compressor}: the same list as that of the archive`, async (context) => {
    const packed = join(scratchFolder(context), "packed");
    await run(["sh", "-c", `${compressor} -1 -c < '${plain}' > '${packed}'`]);
    assert.deepEqual(rows(await lsinitrd(packed)), rows(await lsinitrd(plain)));
    writeFileSync(packed, readFileSync(packed).subarray(0, -5000));
    assert.match(await problemOf(packed), /cut off|cannot be unpacked|damaged/);
  });

test("an early segment, one of each compression, an uncompressed one, and padding", async (context) => {
  const early = archive([{ name: "early_cpio" }, folder("kernel"), { name: "kernel/x86/microcode", content: "code" }]);
  const last = archive([{ name: "appended", content: "last words" }]);
  const scratch = scratchFolder(context, { early: Buffer.concat([early, Buffer.alloc(512)]), last });
  const zeros = "head -c 300 /dev/zero;";
  const file = join(scratch, "x.img");
  const packed = ["gzip", "lzma", "bzip2", "xz", "lzop", "lz4 -l", "zstd", "lzma", "bzip2"]
    .map((compressor) => `${zeros} ${compressor} -qc last;`)
    .join("");
  await run([
    "sh",
    "-c",
    `cd '${scratch}' && (cat early '${image}'; ${packed} bzip2 -c last; ${zeros} cat last) > x.img`,
  ]);
  const text = await lsinitrd(file);
  const compressions = ["zstd", "gzip", "lzma", "bzip2", "xz", "lzo", "lz4", "zstd", "lzma", "bzip2", "bzip2"];
  assert.deepEqual(text.match(/^(Early )?CPIO image, \w+/gm), [
    "Early CPIO image, uncompressed",
    ...[...compressions, "uncompressed"].map((name) => `CPIO image, ${name}`),
  ]);
  assert.equal(await lsinitrd(file, "appended"), "last words");
  await lsinitrd(`--unpackearly=${join(scratch, "e")}`, file);
  assert.deepEqual(readdirSync(join(scratch, "e")), ["early_cpio", "kernel"]);
  await lsinitrd(`--unpack=${join(scratch, "m")}`, file);
  assert.ok(existsSync(join(scratch, "m/appended")) && !existsSync(join(scratch, "m/kernel")));
});

test("contents of files, links followed; what is not there", async (context) => {
  const members = [link("bin", "usr/bin"), folder("usr"), folder("usr/bin"), { name: "usr/bin/a", content: "A\n" }];
  const { file } = imageOf(context, [...members, link("usr/bin/b", "/bin/a"), link("loop", "loop")]);
  assert.equal(await lsinitrd(file, "/bin/b"), "A\n");
  assert.equal(await lsinitrd("-f", "usr/bin/a", file), "A\n");
  assert.match(
    await lsinitrd(file, "bin/a", "bin/b"),
    /^initramfs:\/bin\/a\n=+\nA\n=+\ninitramfs:\/bin\/b\n=+\nA\n=+\n$/,
  );
  assert.match(await problemOf(file, "usr/bin/c"), /has no file usr\/bin\/c: did you mean usr\/bin\/[ab]\?/);
  assert.match(await problemOf(file, "usr"), /no regular file/);
  assert.match(await problemOf(file, "loop"), /has no file loop/);
});

test("modules: ours and dracut's", async (context) => {
  assert.deepEqual((await lsinitrd("-m", image)).match(/^(base|busybox|tmpfs-root)$/gm)?.sort(), [
    "base",
    "busybox",
    "tmpfs-root",
  ]);
  const { file } = imageOf(context, [{ name: "lib/dracut/modules.txt", content: "bash\nsystemd\n" }]);
  assert.equal(await lsinitrd("--mod", file), "bash\nsystemd\n");
  const theirs = imageOf(context, [
    { name: "usr/lib/dracut/dracut-059-4", content: "dracut-059-4\n" },
    { name: "usr/lib/dracut/build-parameter.txt", content: " --force  --kver '6.1\x1b[2J'\n" },
  ]);
  assert.match(await lsinitrd(theirs.file), /\nVersion: dracut-059-4\nArguments: --force {2}--kver '6\.1\\033\[2J'\n=/);
  assert.match(await problemOf("-m", imageOf(context, [{ name: "a" }]).file), /does not tell its modules/);
  assert.ok(
    (await run(["sh", "-c", `'${program}' '${image}' usr/lib/firstlight/modules | zstd -9c | wc -c`])).trim().length <
      4,
  );
});

test("unpacked as cpio unpacks: contents, modes, owners, times, links, nodes", async (context) => {
  const scratch = scratchFolder(context);
  const facts = (name: string) =>
    run([
      "sh",
      "-c",
      `cd '${join(scratch, name)}' && find . -mindepth 1 -printf '%P %m %U:%G %s %y %l\\n' -type f -printf '%T@\\n' -exec sha256sum {} \\; | sort`,
    ]);
  mkdirSync(join(scratch, "theirs"));
  await run(["sh", "-c", `cd '${scratch}/theirs' && cpio -idm --quiet < '${plain}'`]);
  await lsinitrd(`--unpack=${join(scratch, "ours")}`, image);
  const normal = (text: string) => text.replaceAll(/^(\S+ \d+ \d+:\d+) \d+ d/gm, "$1 d");
  assert.equal(normal(await facts("ours")), normal(await facts("theirs")));
  assert.match(
    await problemOf(`--unpack=${join(scratch, "ours")}`, image),
    /is not empty: name a new or an empty folder/,
  );
  await lsinitrd(`--unpack=${join(scratch, "some")}`, image, "/etc", "init");
  assert.deepEqual(readdirSync(join(scratch, "some")).sort(), ["etc", "init"]);
});

test("hard links stay hard links; a name that comes twice is the later file; parents that are not there are made", async (context) => {
  const one = { fields: { inode: 7, links: 2 } };
  const { file, target } = imageOf(context, [
    { name: "d/first", ...one },
    { name: "d/second", content: "shared", fields: { ...one.fields, size: 6 } },
    { name: "twice", content: "earlier, longer" },
    { name: "twice", content: "later" },
    { name: "\xff\n", content: "odd name" },
    link("bin", "/usr/bin"),
    { name: "bin/tool", content: "below a link" },
  ]);
  await lsinitrd(`--unpack=${target}`, file);
  assert.equal(readFileSync(join(target, "d/first"), "utf8"), "shared");
  assert.equal(statSync(join(target, "d/first")).ino, statSync(join(target, "d/second")).ino);
  assert.equal(readFileSync(join(target, "twice"), "utf8"), "later");
  assert.equal(readFileSync(join(target, "usr/bin/tool"), "utf8"), "below a link");
  assert.equal(readlinkSync(join(target, "bin")), "/usr/bin");
  assert.equal(await lsinitrd(file, "d/first"), "shared");
  assert.ok(
    rows(await lsinitrd(file)).some((line) => line.endsWith("ÿ\\n")),
    "no name breaks a line",
  );
});

test("nothing is written outside of the folder, whatever the image says", async (context) => {
  const evil = { name: "", content: "evil" };
  const outside = scratchFolder(context, { victim: "victim" });
  const safe: TestMember[][] = [
    [link("out", outside), { ...evil, name: "out/victim" }],
    [link("out", `../../../../../../../../..${outside}`), { ...evil, name: "out/victim" }],
    [{ ...evil, name: `${outside}/victim` }],
    [link("victim", join(outside, "victim")), { ...evil, name: "victim" }],
    [link("a", outside), link("b", "a"), folder("b", 0o40777), { ...evil, name: "b/victim" }],
    [folder("d"), link("d", outside), { ...evil, name: "d/victim" }],
    [link("late", "a"), { ...evil, name: "late/victim" }, link("a", outside), { ...evil, name: "a/victim" }],
  ];
  for (const [index, members] of safe.entries()) {
    const { file, target } = imageOf(context, members);
    await tryRun([program, `--unpack=${target}`, file]);
    assert.equal(readFileSync(join(outside, "victim"), "utf8"), "victim", `image ${index}`);
    assert.deepEqual(readdirSync(outside), ["victim"]);
  }
  for (const name of ["../victim", "a/../../victim", ".."]) {
    const { file, target } = imageOf(context, [{ name: "fine" }, { ...evil, name }]);
    assert.match(await problemOf(`--unpack=${target}`, file), /which leads out of it/);
    assert.ok(!existsSync(target), "and nothing of it is left");
  }
});

test("a failure leaves an existing folder empty", async (context) => {
  const { file, target } = imageOf(context, [{ name: "a" }, { name: "a/b", content: "below a file" }]);
  mkdirSync(target);
  assert.match(await problemOf(`--unpack=${target}`, file), /a\/b of \S+ cannot be unpacked/);
  assert.deepEqual(readdirSync(target), []);
});

test("a signal in the midst of unpacking leaves the folder empty", async (context) => {
  const { file, target } = imageOf(
    context,
    Array.from({ length: 20_000 }, (_, index) => ({ name: `f${index}` })),
  );
  mkdirSync(target);
  const child = spawn("node", [join(projectFolder, "dist/tools/lsinitrd.mjs"), "-v", `--unpack=${target}`, file]);
  const ended = once(child, "close");
  await once(child.stderr, "data");
  child.kill("SIGTERM");
  child.stderr.resume();
  assert.deepEqual(await ended, [143, null]);
  assert.deepEqual(readdirSync(target), []);
});

test("a decompression bomb, a million names, and what is no image are errors", async (context) => {
  const scratch = scratchFolder(context, { text: "just text", empty: "", zeros: Buffer.alloc(4096) });
  const bomb = join(scratch, "bomb");
  await run(["sh", "-c", `head -c 1200000000 /dev/zero | zstd -q -1 -c > '${bomb}'`]);
  assert.match(await problemOf(bomb), /250 times as many/);
  const names = join(scratch, "names");
  const many = memberBytes({ name: "x".repeat(3999) });
  writeFileSync(names, Buffer.concat(Array.from({ length: 34_000 }, () => many)));
  assert.match(await problemOf(names), /more than a million files/);
  assert.match(await problemOf(join(scratch, "text")), /neither a cpio archive nor any compression/);
  assert.match(await problemOf(join(scratch, "empty")), /holds nothing/);
  assert.match(await problemOf(join(scratch, "zeros")), /holds nothing/);
  assert.match(await problemOf(join(scratch, "none")), /cannot be read: no such file/);
  assert.match(await problemOf(scratch), /not a regular file/);
  assert.match(await problemOf("--sizes", image), /unknown option --sizes: did you mean --size\?/);
  assert.match(await problemOf("-k", "0.0-none"), /there is no image \/boot\/initramfs-0\.0-none\.img/);
});

test("differences: files, sizes, contents, modes, targets", async (context) => {
  const before = imageOf(context, [
    { name: "same" },
    { name: "gone" },
    { name: "a", content: "1" },
    link("l", "x"),
    { name: "s", content: "1" },
  ]);
  const after = imageOf(context, [
    { name: "same" },
    { name: "new", content: "12" },
    { name: "a", content: "2", mode: 0o100600 },
    link("l", "y"),
    { name: "s", content: "12" },
  ]);
  assert.equal(
    await lsinitrd("--diff", before.file, after.file),
    [
      "!        1 a: -rw-r--r-- -> -rw-------, content",
      "-        0 gone",
      "!        1 l: target x -> y",
      "+        2 new",
      "!        2 s: 1 -> 2 bytes",
      "1 added, 1 removed, 3 changed: +3 bytes unpacked",
      "",
    ].join("\n"),
  );
});

/** Boxes of an element's rectangles, in a map. */
function boxesOf(svg: string, kind: string): { x: number; y: number; width: number; height: number }[] {
  const number = '"([\\d.]+)"';
  const pattern = `<rect class="${kind}" x=${number} y=${number} width=${number} height=${number}`;
  return [...svg.matchAll(new RegExp(pattern, "g"))].map((match) => {
    const [x = 0, y = 0, width = 0, height = 0] = match.slice(1).map(Number);
    return { x, y, width, height };
  });
}

test("a map: groups by module and kind, each with its size, files in proportion, none over another", async (context) => {
  const scratch = scratchFolder(context);
  await lsinitrd("--map", join(scratch, "a.svg"), image);
  const svg = readFileSync(join(scratch, "a.svg"), "utf8");
  for (const name of ["firstlight", "module busybox", "drivers: "]) assert.ok(svg.includes(`<title>${name}`), name);
  const busybox = statSync("/bin/busybox").size;
  assert.match(svg, new RegExp(`>module busybox</text>.*>${(busybox / 1e6).toFixed(1)} MB</text>`), "the legend");
  const files = boxesOf(svg, "c b\\d+");
  assert.ok(files.length > 50);
  const area = files.reduce((sum, { width, height }) => sum + (width + 1) * (height + 1), 0);
  assert.ok(area > 0.9 * 1030 * 774 && area < 1030 * 774, `${area} of the picture`);
  for (const [index, a] of files.entries())
    for (const b of files.slice(index + 1)) {
      const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
      const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
      assert.ok(across < 0.2 || down < 0.2, `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
    }
  const small = Array.from({ length: 300 }, (_, index) => ({ name: `etc/f${index}`, content: "x" }));
  const large = { name: 'usr/<script>&"\u202e\x1b', content: "x".repeat(50_000) };
  await lsinitrd(`--map=${join(scratch, "b.html")}`, imageOf(context, [large, ...small]).file);
  const html = readFileSync(join(scratch, "b.html"), "utf8");
  assert.ok(html.startsWith("<!doctype html>") && html.includes("&lt;script&gt;&amp;&quot;"));
  assert.doesNotMatch(html, /<script|\p{Cf}|[^\n\P{Cc}]/u);
  assert.match(html, /<title>300 smaller files, 300 bytes \(etc\)<\/title>/);
  assert.match(html, /<details><summary>.*<span>etc<\/span><span>300 bytes<\/span><span>0\.6 %<\/span>/);
  assert.match(await problemOf("--map", join(scratch, "c.png"), image), /written as FILE.svg or FILE.html/);
});

test("a reader that has seen enough is no error", () => {
  const { stderr, status } = spawnSync("bash", ["-o", "pipefail", "-c", `'${program}' '${image}' | head -1`], {
    encoding: "utf8",
  });
  assert.deepEqual([stderr, status], ["", 0]);
});
