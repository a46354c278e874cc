import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { cpio } from "../../core/generator/cpio.js";
import type { Entry } from "../../core/generator/tree.js";
import { testedDriverIndex } from "../support/conformance/driver-index.js";
import { projectFolder } from "../support/paths.js";
import { run, tryRun } from "../support/run.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-fuzz-"));
const fuzz = join(folder, "fuzz");
const sources = ["json.c", "text.c", "last_word.c", "driver_index.c", "image.c"].map((name) =>
  join(projectFolder, "core/init", name),
);

before(() =>
  run([
    ...["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    ...[`-I${join(projectFolder, "core/init")}`, `-I${join(projectFolder, "out/cache/init/include")}`, "-o", fuzz],
    ...[join(projectFolder, "test/support/init-fuzz.c"), ...sources],
  ]),
);
after(() => rmSync(folder, { recursive: true }));

/** The same numbers in every run (mulberry32, Tommy Ettinger, public domain). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % below;
  };
}

const seeds = [
  '{"word":"switch","root":"/sysroot","init":"/sbin/init","arguments":["a","\\udcff"],"moves":["/run","/dev"]}',
  '{"word":"run","program":{"argv":["sh","-c","true"],"env":["A=b"],"cwd":"/","root":"/r"}}',
  '{"word":"failed","reason":"because \\ud83d\\ude00 \\u0000 \u00e4\u20ac\u{1f600}","retry":false}',
  '{"shell":true,"action":"reboot","delay":1.5e1}',
  '[0,-0,1.25,-1e+10,2E-3,true,false,null,"","\\"\\\\\\/\\b\\f\\n\\r\\t",{},[],[[[[{"a":{"b":[]}}]]]]]',
  ' { "a" : [ 1 , 2 ] , "b" : { } } ',
  `${"[".repeat(40)}1${"]".repeat(40)}`,
];
const pieces = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "0",
  "-",
  ".",
  "e",
  "\\u",
  "\\udc80",
  "\\ud800",
  "\\ud83d\\ue000",
  "\\u0000",
  " ",
  "\n",
  "\0",
  "\x80",
  "\xed\xa0\x80",
  "\xc0\x80",
  "\xf5",
  "true",
];

function mutated(random: (below: number) => number): Buffer {
  let bytes = Buffer.from(seeds[random(seeds.length)] ?? "");
  for (let changes = random(4); changes > 0; changes--) {
    const at = random(bytes.length + 1);
    const piece = Buffer.from(pieces[random(pieces.length)] ?? "", "latin1");
    bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + random(3) * random(6))]);
  }
  return bytes;
}

/** Everything that is in a value: strings, keys, and how deep it goes. */
function survey(value: unknown, depth = 0): { strings: string[]; keys: string[]; depth: number } {
  if (typeof value === "string") return { strings: [value], keys: [], depth };
  if (typeof value !== "object" || value === null) return { strings: [], keys: [], depth };
  const inner = Object.values(value).map((each) => survey(each, depth + 1));
  return {
    strings: inner.flatMap(({ strings }) => strings),
    keys: [...(Array.isArray(value) ? [] : Object.keys(value)), ...inner.flatMap(({ keys }) => keys)],
    depth: Math.max(depth, ...inner.map((each) => each.depth)),
  };
}

/** What PID 1 takes: JSON whose lone surrogates are all escaped bytes, whose keys are plain, not too deep. By JavaScript's own parser. */
function isAcceptable(bytes: Buffer): boolean {
  try {
    const { strings, keys, depth } = survey(
      JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)),
    );
    const isLone = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udc7f\udd00-\udfff]/;
    return (
      depth <= 32 &&
      keys.every((key) => !key.includes("\0")) &&
      [...strings, ...keys].every((text) => !isLone.test(text))
    );
  } catch {
    return false;
  }
}

test("the JSON reader takes what JSON.parse takes, and nothing else", async () => {
  const random = randomNumbers(1);
  const texts = [
    ...seeds.map((seed) => Buffer.from(seed)),
    Buffer.alloc(0),
    ...Array.from({ length: 40_000 }, () => mutated(random)),
  ];
  const file = join(folder, "texts");
  const lengths = (bytes: Buffer) => Buffer.from(Uint32Array.of(bytes.length).buffer);
  writeFileSync(file, Buffer.concat(texts.flatMap((text) => [lengths(text), text])));
  const answers = (await run([fuzz, "json", file])).trim().split("\n");
  const wrong = texts.filter((bytes, number) => answers[number] !== (isAcceptable(bytes) ? "+" : "-"));
  assert.deepEqual(
    wrong.map((bytes) => bytes.toString("latin1")),
    [],
  );
  const taken = answers.filter((answer) => answer === "+").length;
  assert.ok(
    taken > 1000 && taken < texts.length - 1000,
    `${taken} of ${texts.length} are JSON: the mutations are of use`,
  );
});

test("any bytes come back from JSON as they were", async () => {
  await run([fuzz, "bytes", "20000", "2"]);
});

test("a damaged driver index is never read outside of its bytes", async () => {
  const file = join(folder, "index");
  writeFileSync(file, testedDriverIndex());
  await run([fuzz, "index", file, "30000", "3"]);
});

test("a damaged archive of PID 1's own files is never read outside of its bytes", async () => {
  const entries = ["one", "empty", "usr/lib/three"].map((path): [string, Entry] => [
    path,
    { type: "file", mode: 0o644, modified: 0, content: Buffer.from(path === "empty" ? "" : `content of ${path}\n`) },
  ]);
  const archive: Buffer[] = [];
  for await (const chunk of cpio(entries)) archive.push(chunk);
  const file = join(folder, "archive");
  writeFileSync(file, Buffer.concat(archive));
  const find = (path: string) => tryRun([fuzz, "find", file, path, "0"]);
  assert.equal((await find("/one")).stdout, "content of one\n");
  assert.equal((await find("/empty")).stdout, "");
  assert.equal((await find("/usr/lib/three")).stdout, "content of usr/lib/three\n");
  assert.match((await find("/two")).stderr, /^No such file/);
  await run([fuzz, "archive", file, "200000", "4"]);
});
