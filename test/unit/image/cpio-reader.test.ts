import assert from "node:assert/strict";
import { test } from "node:test";
import { BuildError } from "../../../core/generator/problems.js";
import { compressedNumbers, streamFormats, windowOf } from "../../fuzz/binary-readers.js";
import { archive, folder, link, memberBytes, readIn } from "./archives.js";

const read = (bytes: Buffer) => readIn(bytes, () => bytes.length).told;
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

for (const { command, end } of streamFormats)
  test(`${command}: the end of its stream is found, whatever follows`, () => {
    const stream = compressedNumbers(command, 20_000);
    for (const after of [Buffer.alloc(0), Buffer.alloc(64), Buffer.from("070701".padEnd(64, "f"))])
      assert.equal(end(windowOf(Buffer.concat([stream, after])), 0), stream.length);
    assert.throws(() => end(windowOf(stream.subarray(0, -40)), 0), BuildError);
  });
