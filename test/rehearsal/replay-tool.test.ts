/** tools/rehearse --replay, as somebody would type it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { bundlePath, engineHash, snapshotPath, traceHead } from "../../core/abi/index.js";
import { projectFolder } from "../support/paths.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-replay-"));
after(() => rmSync(folder, { recursive: true }));

function put(path: string, text: string): string {
  const place = join(folder, path);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, text);
  return place;
}

const id = "0123456789abcdef";
const bundle = (turn: string) => `globalThis.bundleId = () => "${id}"; globalThis.turn = () => { ${turn} };`;
const image = join(folder, "image");
put(
  `image${bundlePath}`,
  bundle(
    'op("log", \'{"level":6,"text":"phase mount: x"}\'); op("read", \'{"path":"/proc/cmdline"}\'); op("finish", \'{"word":"reboot","action":"halt"}\');',
  ),
);
const lines = [
  '1000000\tlog\t{"level":6,"text":"phase mount: x"}\t{"value":{}}\n',
  '1500000\tread\t{"path":"/proc/cmdline"}\t{"value":{"data":"quiet"}}\n',
  '2000000\tfinish\t{"word":"reboot","action":"halt"}\t\n',
];
const head = `${traceHead(id, 1)}\n`;
const trace = put("trace", head + lines.join(""));

function rehearse(args: readonly string[], input = ""): { status: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(join(projectFolder, "tools/rehearse"), args, {
    input,
    encoding: "utf8",
  });
  return { status, out: stdout, error: stderr };
}

test("a recording that is asked again: its timeline, and its last word", () => {
  const { status, out, error } = rehearse(["--replay", trace, image]);
  assert.deepEqual([status, error], [0, ""]);
  assert.match(out, /^ +1\.000 phase mount: x\n3 of 3 ops are as recorded: would halt, without a new root\n$/);
  const until = rehearse([`--replay=${trace}`, image, "--until", "1"]);
  assert.equal(until.out.split("\n").at(-2), "1 of 3 ops is as recorded: stopped there, as --until says");
});

test("op by op: what was asked, when and where, and what came of it; each Enter one more", () => {
  const { status, out } = rehearse(["--replay", trace, "--step", image], "\n");
  assert.equal(status, 0);
  assert.match(out, /^op 1 of 3, 1\.000000 s, phase mount\n {2}log .*\n {2}→ {"value":{}}\nop 2 of 3, 1\.500000 s, /);
  assert.match(out, /op 3 of 3, .*\n {2}finish .*\n {2}→ the engine ends here\n3 of 3 ops/);
});

test("what is not as recorded: both, where they differ, and what was before and after", () => {
  const other = put("other", head + lines.join("").replace("/proc/cmdline", "/proc/mounts"));
  const { status, out } = rehearse(["--replay", other, image]);
  assert.equal(status, 1);
  assert.match(
    out,
    /^diverged at op 2, 1\.500000 s, phase mount:\n {2}asked: {4}read \{"path":"\/proc\/cmdline"\}\n {2}recorded: read \{"path":"\/proc\/mounts"\}\n {32}\^ the first difference\nbefore it:\n {2}1: log .*\nafter it, recorded:\n {2}3: finish /m,
  );
});

test("a picture: of the whole recording, or up to an op; an older file stays where it cannot be drawn", () => {
  const picture = put("picture.svg", "an older one");
  assert.equal(rehearse(["--replay", trace, join(folder, "no"), "--svg", picture]).status, 3);
  assert.equal(readFileSync(picture, "utf8"), "an older one");
  const drawn = rehearse(["--replay", trace, image, "--svg", picture]);
  assert.deepEqual([drawn.status, drawn.error], [0, ""]);
  assert.match(
    readFileSync(picture, "utf8"),
    /^<svg .*>image, a recorded boot<.*From 1\.000 s to 2\.000 s: 3 of 3 ops .*>mount: x, 1\.00 s<.*<\/svg>\n$/s,
  );
  rehearse(["--replay", trace, image, "--until", "2", "--svg", picture]);
  assert.match(readFileSync(picture, "utf8"), />From 1\.000 s to 1\.500 s: 2 of 3 ops are as recorded: stopped there/);
  rehearse(["--replay", put("other", head + lines[0] + lines[2]), image, "--svg", picture]);
  assert.match(
    readFileSync(picture, "utf8"),
    />From 1\.000 s to 2\.000 s: diverged at op 2, 2\.000000 s, phase mount</,
  );
});

test("the recordings of several engines, in one file or in a folder: all of them, or one", () => {
  const second = `${traceHead(id, 2)}\n${lines[0]}${lines[2]}`;
  const both = put("both", `${head}${lines.join("")}${second}`);
  put("initramfs/trace", head + lines.join(""));
  put("initramfs/trace.2", second);
  put("initramfs/report.txt", "no recording");
  for (const place of [both, join(folder, "initramfs")]) {
    const all = rehearse(["--replay", place, image]);
    assert.equal(all.status, 1, "the worst of them");
    assert.match(all.out, /^──── engine 1 ────\n.*\n3 of 3 ops are .*\n──── engine 2 ────\n.*\ndiverged at op 2, /);
    const first = rehearse(["--replay", place, image, "--engine", "1"]);
    assert.deepEqual([first.status, first.out.split("\n").length], [0, 3]);
    assert.match(
      rehearse(["--replay", place, image, "--engine=2", "--until=1"]).out,
      /\n1 of 2 ops is as recorded: stop/,
    );
    for (const [args, says] of [
      [["--engine=3"], / has no recording of engine 3: there are 1, 2\n/],
      [["--until=1"], / has recordings of 2 engines \(1, 2\): name one by --engine N\n/],
      [["--step"], /name one by --engine N/],
    ] as const) {
      const { status, out, error } = rehearse(["--replay", place, image, ...args]);
      assert.deepEqual([status, out], [3, ""]);
      assert.match(error, says);
    }
  }
  const twice = rehearse([
    "--replay",
    put("twice", `${head}${lines.join("")}`.repeat(2)),
    image,
    "--engine=1",
    "--step",
  ]);
  assert.match(twice.error, /has 2 recordings of engine 1, of several boots: take out one/);
});

test("a recording that is cut, and one that ends too early: status 2", () => {
  const cut = rehearse(["--replay", put("cut", `${head}${lines[0]}cut\tEFBIG\n`), image]);
  assert.equal(cut.status, 2);
  assert.match(cut.out, /^1 of 1 ops is as recorded: the recording is cut there: it had reached its greatest length$/m);
  const early = rehearse(["--replay", put("early", `${head}${lines[0]}`), image]);
  assert.equal(early.status, 2);
  assert.match(early.out, /the recording ends there, and the boot code would go on/);
});

const wrong: [name: string, args: () => string[], says: RegExp][] = [
  ["a recording that is not there", () => ["--replay", join(folder, "no"), image], /no cannot be read: no such file/],
  ["a folder without one", () => ["--replay", image, image], /holds no recording of a boot: name a copy of \/run/],
  ["a device as recording", () => ["--replay", "/dev/zero", image], /zero is larger than 256 MiB: name a recording/],
  ["something else as recording", () => ["--replay", put("x", "x\n"), image], /x holds no recording of a boot: name/],
  [
    "of another image",
    () => ["--replay", put("foreign", `${traceHead("f".repeat(16), 1)}\n${lines[0]}`), image],
    /of another image: of the boot code f{16}, and the image's is 0123456789abcdef; name the image/,
  ],
  ["no image", () => ["--replay", trace, join(folder, "no")], /no cannot be read/],
  [
    "an image without boot code",
    () => ["--replay", trace, dirname(put("empty/init", ""))],
    /has no \/usr\/lib\/firstlight\/bundle/,
  ],
  [
    "an image of another engine",
    () => {
      put(`old${bundlePath}`, bundle(""));
      put(`old${snapshotPath}`, "x".repeat(16) + engineHash.replaceAll(/./g, "0"));
      return ["--replay", trace, join(folder, "old")];
    },
    /boots with another engine/,
  ],
  ["an op that is not there", () => ["--replay", trace, image, "--until", "4"], /has 3 ops, there is no op 4/],
  ["no engine", () => ["--replay", trace, image, "--engine", "one"], /--engine=one: the number of an engine, from 1/],
  ["an engine of none", () => ["--engine", "1", image, "-c", "x"], /--engine goes with --replay only/],
  ["no number", () => ["--replay", trace, image, "--until", "0"], /--until=0: the number of an op, from 1/],
  ["both stops", () => ["--replay", trace, image, "--until", "1", "--step"], /cannot go together/],
  ["a picture without a name", () => ["--replay", trace, image, "--svg="], /--svg needs a file/],
  [
    "a picture that is a device",
    () => ["--replay", trace, image, "--svg", "/dev/null"],
    /null is not a regular file: name/,
  ],
  [
    "a picture in no folder",
    () => ["--replay", trace, image, "--svg", join(folder, "no/x")],
    /no cannot be written to: no/,
  ],
  ["a command line", () => ["--replay", trace, image, "--cmdline", "quiet"], /--cmdline cannot go with --replay/],
  ["without a recording", () => ["--step", image, "--cmdline", "quiet"], /--step goes with --replay only/],
];
for (const [name, args, says] of wrong)
  test(`no replay: ${name}`, () => {
    const { status, out, error } = rehearse(args());
    assert.deepEqual([status, out], [3, ""]);
    assert.match(error, says);
    assert.doesNotMatch(error, /^ +at /m);
  });
