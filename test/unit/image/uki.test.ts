/** lsinitrd with unified kernel images. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { type MadeSection, makePe } from "../generator/pe-files.js";
import { scratchFolder } from "../generator/scratch.js";
import { archive } from "./archives.js";

const program = join(projectFolder, "tools/lsinitrd");
const lsinitrd = (...words: string[]) => run([program, ...words]);
const initrd = archive([{ name: "hello", content: "world" }]);

/** What comes after the initramfs image does not belong to it, whatever it is. */
const others: MadeSection[] = [{ name: ".linux", content: archive([{ name: "foreign", content: "no" }]) }];
const file = (context: TestContext, bytes: Buffer) => join(scratchFolder(context, { "x.efi": bytes }), "x.efi");

for (const compressor of ["cat", "zstd -q", "gzip", "xz", "lzma", "bzip2", "lz4 -lq", "lzop"])
  test(`the initramfs image in a unified kernel image: ${compressor}`, async (context) => {
    const { stdout } = spawnSync("sh", ["-c", compressor], { input: initrd });
    const content = Buffer.concat([stdout, Buffer.alloc(100)]);
    const path = file(context, makePe([{ name: ".initrd", content }, ...others]));
    const listing = await lsinitrd(path);
    assert.match(listing, /: 1 entries\n=+\n-rw-r--r-- .* hello\n=+\n$/);
    assert.equal(await lsinitrd(path, "hello"), "world");
    const folder = join(path, "../unpacked");
    await lsinitrd(`--unpack=${folder}`, path);
    assert.equal(readFileSync(join(folder, "hello"), "utf8"), "world");
  });

test("what the image tells of itself is shown, and cannot move the cursor", async (context) => {
  const sections: MadeSection[] = [
    { name: ".osrel", content: 'NAME=x\nPRETTY_NAME="Any \x1b[2J Linux ü"\nID=any\n' },
    { name: ".uname", content: "1.2-any" },
    { name: ".cmdline", content: "quiet root=/dev/vda1\0" },
    { name: ".initrd", content: initrd },
  ];
  const heading = (listing: string) => listing.split("\n").slice(1, 5);
  const full = heading(await lsinitrd(file(context, makePe(sections))));
  assert.match(full.shift() ?? "", /^Unified kernel image: its initramfs image takes \d+ bytes$/);
  assert.deepEqual(full, [
    "OS release: Any \\033[2J Linux ü",
    "Kernel version: 1.2-any",
    "Command line: quiet root=/dev/vda1",
  ]);
  sections[0] = { name: ".osrel", content: "ID=any" };
  assert.equal(heading(await lsinitrd(file(context, makePe(sections))))[1], "OS release: any");
  assert.match(heading(await lsinitrd(file(context, makePe(sections.slice(3)))))[1] ?? "", /^=+$/);
});

test("damaged ones, and programs that are none, are errors", async (context) => {
  const remedy = "build the image again, or copy it again from where it came";
  const whole = makePe([...others, { name: ".initrd", content: initrd }]);
  const half = makePe([{ name: ".initrd", content: initrd.subarray(0, 100) }, ...others]);
  const wrong: [Buffer, RegExp][] = [
    [
      whole.subarray(0, -1),
      new RegExp(`is cut off: its section \\.initrd goes to byte \\d+, and the file has \\d+: ${remedy}`),
    ],
    [Buffer.from("MZ"), new RegExp(`is no PE file, as UEFI starts them: ${remedy}`)],
    [makePe(others), /is a program for UEFI without an initramfs image in it: name an initramfs image, or a unified/],
    [makePe([{ name: ".initrd", content: "" }, ...others]), /holds nothing: name an initramfs image/],
    [half, /the cpio archive is damaged at its byte 100: it ends within an entry/],
    [
      makePe([{ name: ".initrd", content: "\x28\xb5\x2f\xfdx" }]),
      /neither a cpio archive nor any compression|cut off|damaged/,
    ],
  ];
  for (const [bytes, complaint] of wrong) {
    const { status, stderr, stdout } = await tryRun([program, file(context, bytes)]);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^lsinitrd: error: .*\n$/);
    assert.match(stderr, complaint);
  }
});
