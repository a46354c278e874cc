import assert from "node:assert/strict";
import { test } from "node:test";
import { BuildError } from "../../../core/generator/problems.js";
import { createCpioReader } from "../../../core/image/cpio-reader.js";
import type { FileWindow } from "../../../core/image/file-window.js";
import { endOfLz4, endOfLzop, endOfXz, endOfZstd } from "../../../core/image/stream-ends.js";
import { createRandom, type Random } from "../../support/random.js";
import { tryRun } from "../../support/run.js";
import { archive, folder, link, memberBytes } from "./archives.js";

/** All that a reader tells of bytes that it is given in pieces of these sizes, the content joined; the last line is its complaint. */
function readIn(bytes: Buffer, pieceSize: () => number): string[] {
  const told: string[] = [];
  let data = 0;
  const reader = createCpioReader("x");
  const flush = () => {
    if (data) told.push(`data ${data}`);
    data = 0;
  };
  try {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + Math.max(1, pieceSize()));
      at += piece.length;
      for (const event of reader.push(piece)) {
        if (event.kind === "data") data += event.chunk.length;
        else {
          flush();
          told.push(JSON.stringify(event));
        }
      }
    }
    reader.end();
    flush();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    flush();
    told.push(error.message);
  }
  return told;
}

const read = (bytes: Buffer) => readIn(bytes, () => bytes.length);
const complaint = (bytes: Buffer) => read(bytes).at(-1) ?? "";

const sample = () =>
  Buffer.concat([
    Buffer.alloc(5),
    archive([folder("a"), { name: "a/b", content: "123456789" }, link("c", "a/b"), { name: "empty" }]),
    Buffer.alloc(512),
    archive([{ name: "second", content: Buffer.alloc(300, "0") }]),
    Buffer.alloc(7),
  ]);

test("archives, NULs between them, contents and targets", () => {
  const told = read(sample());
  assert.equal(told.filter((line) => line.includes('"trailer"')).length, 2);
  assert.deepEqual(
    told.flatMap((line) => line.match(/"name":"([^"]*)"/)?.[1] ?? (line.startsWith("data") ? [line] : [])),
    ["a", "a/b", "data 9", "c", "empty", "second", "data 300"],
  );
  assert.match(told.join("\n"), /"name":"c".*"target":"a\/b"/);
});

test("what follows an archive and is none is left to the caller", () => {
  const bytes = archive([{ name: "a" }]);
  const told = read(Buffer.concat([bytes, Buffer.alloc(4), Buffer.from("(zstd")]));
  assert.equal(told.at(-1), JSON.stringify({ kind: "foreign", at: bytes.length + 4 }));
});

test("a name may be followed by several NULs, as dracut-cpio aligns contents", () => {
  assert.match(read(archive([{ name: "a", content: "x", nameEnd: "\0".repeat(9) }])).join("\n"), /"name":"a"/);
});

test("damage is told with its position and a remedy", () => {
  const cases: [RegExp, Buffer][] = [
    [/a name does not end with NUL/, memberBytes({ name: "abc", nameEnd: "" })],
    [/a name is 0 bytes long/, memberBytes({ name: "", nameEnd: "" })],
    [/a name is 5001 bytes long/, memberBytes({ name: "a".repeat(5000) })],
    [/leads to more than 4096 bytes/, memberBytes(link("a", "b".repeat(5000)))],
    [
      /there is no cpio header/,
      Buffer.from(memberBytes({ name: "a" }).toString("latin1").replace("0701", "07zz"), "latin1"),
    ],
    [/old format/, Buffer.from("070707".padEnd(200, "0"))],
    [/ends within "a"/, memberBytes({ name: "a", fields: { size: 0xffffffff } })],
    [/ends without its last entry/, memberBytes({ name: "a", content: "1234" })],
    [/ends within/, sample().subarray(0, 200)],
  ];
  for (const [pattern, bytes] of cases) {
    assert.match(complaint(bytes), pattern);
    assert.match(complaint(bytes), /damaged at its byte \d+: .*; build the image again/);
  }
});

function mutate(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let count = random.below(6); count >= 0; count--) {
    const at = random.below(result.length + 1);
    const length = random.below(40);
    const part = [
      Buffer.from(Array.from({ length }, () => random.below(256))),
      result.subarray(random.below(result.length + 1)).subarray(0, length),
      Buffer.from(random.of(["00000000", "ffffffff", "070701", "TRAILER!!!\0", "\0\0\0\0", "0000000g", "7fffffff"])),
    ][random.below(3)] as Buffer;
    const isInserted = random.below(4) === 0;
    result = Buffer.concat([result.subarray(0, at), part, result.subarray(isInserted ? at : at + part.length)]);
    if (random.below(8) === 0) result = result.subarray(0, random.below(result.length + 1));
  }
  return result;
}

test("20,000 damaged archives: told or refused, the same in whatever pieces they come, never more content than there are bytes", () => {
  const random = createRandom(4);
  const original = sample();
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = mutate(original, random);
    const whole = read(bytes);
    const pieces = random.of([7, 64, 200]);
    assert.deepEqual(
      readIn(bytes, () => random.below(pieces)),
      whole,
      `round ${round}`,
    );
    const content = whole.reduce((sum, line) => sum + Number(line.match(/^data (\d+)$/)?.[1] ?? 0), 0);
    assert.ok(content <= bytes.length);
    if (/damaged/.test(whole.at(-1) ?? "")) refused++;
  }
  assert.ok(refused > 5000 && refused < 20_000, `${refused} were refused`);
});

/** A file that is in memory. */
function windowOf(bytes: Buffer): FileWindow {
  return {
    path: "x",
    size: bytes.length,
    upTo: (at, length) => bytes.subarray(at, at + length),
    bytes: (at, length) => {
      assert.ok(Number.isSafeInteger(at) && at >= 0, `position ${at}`);
      if (at + length > bytes.length) throw new BuildError("cut off");
      return bytes.subarray(at, at + length);
    },
    close: () => undefined,
  };
}

const formats = [
  { program: "zstd -qc", end: endOfZstd },
  { program: "xz -qc -T1", end: endOfXz },
  { program: "xz -qc -T2 --block-size=8192 --check=crc64", end: endOfXz },
  { program: "lz4 -lqc", end: endOfLz4 },
  { program: "lzop -qc", end: endOfLzop },
];
for (const { program, end } of formats)
  test(`${program}: the end of its stream is found, and of 4,000 damaged ones it is told or refused`, async () => {
    const { stdout } = await tryRun(["sh", "-c", `seq 20000 | ${program} | od -An -v -tx1 | tr -d ' \\n'`]);
    const stream = Buffer.from(stdout, "hex");
    assert.ok(stream.length > 1000);
    for (const after of [Buffer.alloc(0), Buffer.alloc(64), Buffer.from("070701".padEnd(64, "f"))])
      assert.equal(end(windowOf(Buffer.concat([stream, after])), 0), stream.length);
    assert.throws(() => end(windowOf(stream.subarray(0, -40)), 0), BuildError);
    const random = createRandom(5);
    for (let round = 0; round < 4000; round++) {
      const bytes = mutate(stream, random);
      try {
        const position = end(windowOf(bytes), 0);
        assert.ok(position > 0 && position <= bytes.length, `round ${round}: ${position} of ${bytes.length}`);
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
      }
    }
  });
