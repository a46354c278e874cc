/** PID 1 starts from the engine that the build has left in the image, or from the bundle. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotPath } from "../../core/abi/index.js";
import { makeSnapshot, snapshotProblem } from "../../core/generator/snapshot.js";
import { type InitOptions, runInit } from "../support/init-container.js";
import { bootCode } from "../support/init-suite.js";

/** Boot code that can tell whether it was loaded at build time: then the clock stood still. */
const bootCodeWithOrigin = async (body: string) => `const loaded = Date.now();\n${await bootCode(body)}`;

const snapshotOf = (bundle: string) => makeSnapshot({ code: bundle, map: "{}" }, []);

const sayOrigin = `
  print((loaded === 0 ? "restored" : "loaded") + " in engine " + engine + ": " + ops.value("kernel", {}).snapshot);`;

function runWith(bundle: string, snapshot: Uint8Array, options: InitOptions = {}) {
  return runInit({ bundle, files: { [snapshotPath]: snapshot }, ...options });
}

test("an engine that was restored goes on as one that has loaded the bundle itself", async () => {
  const bundle = `
    const origin = Date.now();
    const found = [];
    class Counter { #n = 0; next() { return ++this.#n; } }
    const counter = new Counter();
    const numbers = (function* () { for (let n = 1n; ; n *= 3n) yield n; })();
    const cache = new Map([[counter, "counter"], [Symbol.iterator, [numbers.next().value, 0.1 + 0.2, -0, NaN, 1e21]]]);
    const pattern = /(?<word>\\p{Lu}\\w+)/gu;
    const promised = Promise.resolve("queued while loading").then((text) => found.push(text));
    counter.next();
    globalThis.turn = () => {
      found.push(counter.next(), String(numbers.next().value), cache.get(counter), cache.get(Symbol.iterator).map(String));
      found.push([..."Ab cD Ef".matchAll(pattern)].map((match) => match.groups.word), new Date(1e12).toString());
      found.push([3, 1, 2].toSorted(), Math.sin(1e10), typeof op, (() => { try { null.x; } catch (error) { return error.stack; } })());
      for (let n = 0; n < 200; n++) { const cycle = { text: "x".repeat(1e5) + n }; cycle.self = cycle; }
      const recurse = () => recurse() + 1;
      try { recurse(); } catch (error) { found.push(error.name); }
      const text = JSON.stringify(found) + "\\n" + (origin === 0 ? "restored" : "loaded") + "\\n";
      op("print", JSON.stringify({ text }));
      op("finish", JSON.stringify({ word: "reboot", action: "poweroff" }));
    };`;
  const restored = await runWith(bundle, await snapshotOf(bundle));
  const loaded = await runInit({ bundle });
  assert.match(loaded.console, /^\["queued while loading",2,"3","counter",.*bundle\.js:.*\nloaded\n$/);
  assert.equal(snapshotProblem(await snapshotOf(bundle), Buffer.from(bundle)), undefined);
  assert.equal(restored.console, loaded.console.replace(/loaded\n$/, "restored\n"));
});

test("a restored engine's memory grows, and its garbage is collected", async () => {
  const bundle = await bootCodeWithOrigin(`
    const kept = Array.from({ length: 250 }, (_, n) => "x".repeat(100_000) + n);
    for (let n = 0; n < 2000; n++) { const cycle = { text: "x".repeat(100_000) + n }; cycle.self = cycle; }
    print(kept.length + (loaded === 0 ? " restored" : " loaded"));`);
  assert.equal((await runWith(bundle, await snapshotOf(bundle))).console, "250 restored\n");
});

test("jobs run beside a restored engine, and time and chance are those of the boot", async () => {
  const bundle = await bootCodeWithOrigin(`
    print(ops.done("run", { argv: ["sh", "-c", "echo $((6 * 7))"], stdout: "keep" }).stdout.trim());
    print(String(Math.abs(Date.now() - ops.value("now", {}).realtime) < 10_000));
    ${sayOrigin}`);
  assert.equal(
    (await runWith(bundle, await snapshotOf(bundle))).console,
    "42\ntrue\nrestored in engine 1: undefined\n",
  );
});

test("no snapshot is nothing to talk about", async () => {
  const { console } = await runInit({ bundle: await bootCodeWithOrigin(sayOrigin) });
  assert.equal(console, "loaded in engine 1: undefined\n");
});

/** Bytes of the header; the table of runs follows, and then their content. */
const headerSize = 100;
const contentOf = (snapshot: Buffer) => snapshot.subarray(headerSize + snapshot.readUInt32LE(12) * 8);

/** Ways in which a snapshot can be wrong. */
const damages: [name: string, damage: (snapshot: Buffer) => Buffer, says: string][] = [
  ["is empty", () => Buffer.alloc(0), "it is cut"],
  ["ends in the header", (snapshot) => snapshot.subarray(0, 99), "it is cut"],
  ["ends with the header", (snapshot) => snapshot.subarray(0, headerSize), "it is cut"],
  ["ends in the table of runs", (snapshot) => snapshot.subarray(0, headerSize + 12), "it is cut"],
  ["ends with the table", (snapshot) => snapshot.subarray(0, -contentOf(snapshot).length), "it is cut"],
  ["lacks the last byte", (snapshot) => snapshot.subarray(0, -1), "it is cut"],
  ["has a byte too many", (snapshot) => Buffer.concat([snapshot, Buffer.alloc(1)]), "it is cut"],
  ["is another file", (snapshot) => changed(snapshot, 0, 1), "it is not a snapshot"],
  ["has another version", (snapshot) => changed(snapshot, 8, 99), "it is of another engine"],
  ["is of another engine", (snapshot) => changed(snapshot, 79, 0x67), "it is of another engine"],
  ["is of another bundle", (snapshot) => changed(snapshot, 87, 1), "it is of another bundle"],
  ["has another memory", (snapshot) => changed32(snapshot, 88, 257), "its header makes no sense"],
  ["has no runtime", (snapshot) => changed32(snapshot, 92, 0), "its header makes no sense"],
  ["has a runtime between two words", (snapshot) => changed(snapshot, 92, 1), "its header makes no sense"],
  ["has a context elsewhere", (snapshot) => changed32(snapshot, 96, 16 << 20), "its header makes no sense"],
  ["has endless runs", (snapshot) => changed32(snapshot, 12, 0xffffffff), "it is cut"],
  ["has no runs", (snapshot) => changed32(snapshot, 12, 0), "it is cut"],
  ["has a run outside of the memory", (snapshot) => changed32(snapshot, 108, 16 << 20), "it is cut"],
  ["has a run that begins in the one before", (snapshot) => changed32(snapshot, 108, 0), "it is cut"],
  ["has a run that is endless", (snapshot) => changed32(snapshot, 104, 0xffffffff), "it is cut"],
  ["has a run of nothing", (snapshot) => changed32(snapshot, 104, 0), "it is cut"],
];

function changed(snapshot: Buffer, at: number, byte: number): Buffer {
  assert.notEqual(snapshot[at], byte);
  snapshot[at] = byte;
  return snapshot;
}

function changed32(snapshot: Buffer, at: number, value: number): Buffer {
  assert.notEqual(snapshot.readUInt32LE(at), value);
  snapshot.writeUInt32LE(value, at);
  return snapshot;
}

for (const [name, damage, says] of damages)
  test(`the bundle is loaded, and the reason told, here and in a rehearsal, if the snapshot ${name}`, async () => {
    const bundle = await bootCodeWithOrigin(sayOrigin);
    const snapshot = damage(await snapshotOf(bundle));
    assert.equal(snapshotProblem(snapshot, Buffer.from(bundle)), says);
    const { console, signal } = await runWith(bundle, snapshot);
    assert.equal(console, `loaded in engine 1: ${says}\n`);
    assert.equal(signal, "SIGINT");
  });

test("a snapshot cannot be read", async () => {
  const bundle = await bootCodeWithOrigin(sayOrigin);
  const { console } = await runInit({ bundle, setup: `mkdir .${snapshotPath}` });
  assert.equal(console, "loaded in engine 1: it cannot be read\n");
});

test("a bundle that was changed after the build is what boots", async () => {
  const bundle = await bootCodeWithOrigin(sayOrigin);
  const { console } = await runWith(`${bundle} `, await snapshotOf(bundle));
  assert.equal(console, "loaded in engine 1: it is of another bundle\n");
});

/** What may stand in the runs of a snapshot whose header is good. */
const contents: [name: string, fill: (contents: Buffer) => void][] = [
  ["zeros", (bytes) => bytes.fill(0)],
  ["ones", (bytes) => bytes.fill(0xff)],
  ["addresses outside of the memory", (bytes) => bytes.fill(Buffer.from([0xf0, 0xff, 0xff, 0x7f]))],
  ["addresses of itself", (bytes) => bytes.fill(Buffer.from([0, 0x90, 0x51, 0]))],
];

for (const [name, fill] of contents)
  test(`PID 1 outlives a snapshot that is full of ${name}; the next engine loads the bundle`, async () => {
    const bundle = await bootCodeWithOrigin(sayOrigin);
    const snapshot = await snapshotOf(bundle);
    fill(contentOf(snapshot));
    const { console, signal } = await runWith(bundle, snapshot, {
      // A shell that ends at once: a fresh engine follows.
      rescue: "shell=1 action=none delay=0",
      setup: "rm bin/sh; echo '#!/bin/true' >bin/sh; chmod 755 bin/sh",
    });
    assert.match(console, /^firstlight: the boot has failed: ./m);
    assert.match(console, /^loaded in engine 2: undefined$/m);
    assert.equal(signal, "SIGINT");
  });
