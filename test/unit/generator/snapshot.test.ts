import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { engineFirstPages, engineHash, snapshotMagic, snapshotVersion } from "../../../core/abi/index.js";
import { makeBundle } from "../../../core/generator/bundle.js";
import { findModules } from "../../../core/generator/module-folders.js";
import { createProblems } from "../../../core/generator/problems.js";
import { makeSnapshot } from "../../../core/generator/snapshot.js";
import { problemsOf, scratchFolder } from "./scratch.js";

/** A snapshot of the whole sequencer with one module, which has this hook. */
async function snapshotWith(context: TestContext, hook: string, mostMilliseconds?: number) {
  const files = { "modules.d/10one/module-setup.ts": "export default {};", "modules.d/10one/mount.ts": hook };
  const modules = findModules([`${scratchFolder(context, files)}/modules.d`], createProblems());
  const bundled = await makeBundle({ modules, parameters: {}, roots: [], kernel: null, hostOnly: false });
  return { bundled, snapshot: await makeSnapshot(bundled, modules, mostMilliseconds) };
}

const goodHook = `
export const loaded = [Date.now(), new Date().toString(), performance.now(), Math.random()];
export default { run() {} };`;

test("equal bundles give equal snapshots, whatever the clock, the zone and the environment", async (context) => {
  const { bundled, snapshot } = await snapshotWith(context, goodHook);
  Object.assign(process.env, { TZ: "Asia/Kolkata", LANG: "de_DE.UTF-8" });
  assert.ok(snapshot.equals(await makeSnapshot(bundled, [])));
  assert.ok(!snapshot.equals(await makeSnapshot({ ...bundled, code: `${bundled.code} ` }, [])));
});

test("the header says what it is of, and describes the rest of the file", async (context) => {
  const { snapshot } = await snapshotWith(context, goodHook);
  assert.equal(snapshot.toString("latin1", 0, 8), snapshotMagic);
  assert.equal(snapshot.readUInt32LE(8), snapshotVersion);
  assert.equal(snapshot.toString("latin1", 16, 80), engineHash);
  assert.equal(snapshot.readUInt32LE(88), engineFirstPages);
  const runs = Array.from({ length: snapshot.readUInt32LE(12) }, (_, run) => ({
    address: snapshot.readUInt32LE(100 + 8 * run),
    length: snapshot.readUInt32LE(104 + 8 * run),
  }));
  const contents = runs.reduce((sum, { length }) => sum + length, 0);
  assert.equal(snapshot.length, 100 + 8 * runs.length + contents);
  assert.ok(contents < 1 << 19, `${contents} bytes: neither the whole memory nor the gaps in what is used of it`);
  for (const object of [snapshot.readUInt32LE(92), snapshot.readUInt32LE(96)])
    assert.ok(
      runs.some(({ address, length }) => object >= address && object < address + length),
      "what the context and the runtime are is in the file",
    );
});

test("what the parser has left behind is not in it", async () => {
  const code = `/* ${"only read ".repeat(5000)} */ globalThis.kept = "what " + "stays";`;
  const snapshot = await makeSnapshot({ code, map: "{}" }, []);
  assert.ok(snapshot.includes("what stays"));
  assert.ok(!snapshot.includes("only read"));
});

test("the hash of the bundle is FNV-1a by words of 64 bits, each step folded", async () => {
  const hashOf = async (code: string) => (await makeSnapshot({ code, map: "{}" }, [])).readBigUInt64LE(80);
  const step = (hash: bigint, word: bigint) => {
    const product = BigInt.asUintN(64, (hash ^ word) * 0x100000001b3n);
    return product ^ (product >> 32n);
  };
  const offset = 0xcbf29ce484222325n;
  assert.equal(await hashOf(""), step(offset, 0n));
  assert.equal(await hashOf("0"), step(offset, 0x30n));
  assert.equal(await hashOf("01234567;"), step(step(offset, 0x3736353433323130n), 0x3bn));
});

test("boot code that cannot be loaded on the host is an error with its file and line", async (context) => {
  const cases: [hook: string, says: RegExp][] = [
    [
      "export default {};\nthrow new Error('not today');\n",
      /10one\/mount\.ts:2: Error: not today \(correct the module/,
    ],
    [
      "const x = null as unknown as { y: number };\nexport default x.y;\n",
      /: TypeError: cannot read property 'y' of null \(correct/,
    ],
    [
      'declare const op: (name: string, request: string) => string;\nexport const now = op("now", "{}");\nexport default {};\n',
      /10one\/mount\.ts:2: it asks the op now while it is loaded, .*: do that in a hook \(correct/,
    ],
    [
      'declare const op: (name: string, request: string) => string;\ntry {\n  op("now", "{}");\n} catch {}\nexport default {};\n',
      /modules\.d\/10one: it asks the op now while it is loaded/,
    ],
    ["for (;;);\nexport default {};\n", /: it was still being loaded after 1 s of processor time/],
    ["export default 'x'.repeat(1 << 20).split('');\n", /: .*out of memory/],
  ];
  for (const [hook, says] of cases) {
    const problems = await problemsOf(() => snapshotWith(context, hook, 1000));
    assert.equal(problems.length, 1, hook);
    assert.match(problems[0] ?? "", says);
  }
});
