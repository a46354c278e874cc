import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine, EngineError, type EngineOptions } from "../../../core/rehearsal/engine.js";

function start(options: Partial<EngineOptions> = {}) {
  return createEngine({ memoryPages: 768, stackSize: 256 << 10, interrupt: () => false, functions: {}, ...options });
}

/** What a call ends with. */
function failure(work: () => unknown): EngineError {
  try {
    work();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

test("strings go in and out, and through the host's functions", async () => {
  const engine = await start({ functions: { twice: (text = "") => text + text } });
  engine.evaluate("globalThis.greet = (name, mark) => 'ä ' + twice(name) + mark", "a.js");
  assert.equal(engine.call("greet", "x", "\ud83d\ude00"), "ä xx\ud83d\ude00");
});

test("what the code throws comes with its place; the engine goes on", async () => {
  const functions = {
    fail: () => {
      throw new RangeError("not for you");
    },
  };
  const engine = await start({ functions });
  engine.evaluate(
    "function one() {\n  return fail();\n}\nfunction nothing() { throw null; }\nfunction text() { throw 'words'; }",
    "a.js",
  );
  const thrown = failure(() => engine.call("one"));
  assert.equal(thrown.message, "RangeError: not for you");
  assert.match(thrown.trace, /at one \(a\.js:2:/);
  assert.equal(failure(() => engine.call("text")).message, "words");
  assert.match(failure(() => engine.call("nothing")).message, /^out of memory, or null was thrown$/);
  assert.match(failure(() => engine.evaluate("let = ;", "b.js")).message, /SyntaxError/);
  assert.match(failure(() => engine.call("missing")).message, /not a function/);
  assert.equal(thrown.broken, false);
});

test("an endless loop is ended, and cannot catch that", async () => {
  let steps = 0;
  const engine = await start({ interrupt: () => ++steps > 10 });
  engine.evaluate(
    "function loop() {\n  for (;;) try { for (;;); } catch {} finally { continue; }\n}\nfunction fine() { return 'yes'; }",
    "a.js",
  );
  const ended = failure(() => engine.call("loop"));
  assert.equal(ended.interrupted, true);
  assert.match(ended.trace, /at loop \(a\.js:/);
  steps = -1e9;
  assert.equal(engine.call("fine"), "yes");
});

test("reactions to promises without end are ended, and those that have an end are not", async () => {
  let reactions = 0;
  let asked = 0;
  const functions = { count: () => String(++reactions) };
  const engine = await start({ interrupt: () => ++asked > 10, functions });
  engine.evaluate("async function turn(limit) { for (let n = 0; n < limit; n++) { await null; count(); } }", "a.js");
  engine.evaluate("turn(499)", "b.js");
  engine.runPendingJobs();
  assert.equal(reactions, 499);
  engine.evaluate("turn(Infinity)", "c.js");
  assert.equal(failure(() => engine.runPendingJobs()).interrupted, true);
  assert.ok(reactions < 1100, `${reactions}`);
});

test("memory and stack end, the engine does not", async () => {
  const engine = await start();
  engine.evaluate(
    "function eat() { const all = []; for (;;) all.push(new Array(1000).fill(1)); }\nfunction deep() { return deep() + 1; }",
    "a.js",
  );
  assert.match(failure(() => engine.call("eat")).message, /out of memory/);
  assert.match(failure(() => engine.call("deep")).message, /Maximum call stack size exceeded/);
});

test("two engines share nothing", async () => {
  const [one, two] = [await start(), await start()];
  one.evaluate("Array.prototype.mine = 'here'", "a.js");
  two.evaluate("function look() { return String([].mine); }", "a.js");
  assert.equal(two.call("look"), "undefined");
});

test("an engine becomes what another one was, has functions of its own, and goes its own way", async () => {
  const first = await start({ functions: { name: () => "first" } });
  first.evaluate('let count = 0; globalThis.next = () => name() + " " + ++count', "count.js");
  assert.equal(first.call("next"), "first 1");
  const memory = first.memory();
  const second = await start({ functions: { name: () => "second" } });
  second.write(memory);
  assert.equal(first.call("next"), "first 2");
  assert.equal(second.call("next"), "second 2");
  assert.equal(second.call("next"), "second 3");
  const third = await start({ functions: { name: () => "third" } });
  third.write(memory);
  assert.equal(third.call("next"), "third 2", "what was copied stays as it was");
});

test("what has changed in an engine since a copy is enough to make it again, also what lies beyond another's memory", async () => {
  const first = await start();
  first.evaluate("const all = []; let count = 0; globalThis.next = () => String(++count + all.length)", "count.js");
  const before = first.memory();
  first.call("next");
  const changes = first.changes(before);
  assert.ok(changes.size > 0 && changes.size < 50, `${changes.size} parts`);
  first.evaluate("all.push(new Uint8Array(40 << 20).fill(1))", "more.js");
  const more = first.changes(before);
  const again = async (parts: typeof changes, limit = 1024) => {
    const engine = await start({ memoryPages: limit });
    engine.write(before);
    engine.write(parts);
    return engine;
  };
  assert.equal((await again(changes)).call("next"), "2");
  assert.equal((await again(more)).call("next"), "3");
  const grown = await again(more);
  const apart = new Map([[30 << 20, new Uint8Array(4096).fill(7)]]);
  assert.deepEqual((await again(apart)).changes(before), apart, "making room leaves no trace");
  grown.evaluate("all.push(new Uint8Array(10 << 20).fill(1))", "more.js");
  assert.equal(grown.call("next"), "4", "it can have more, and knows what it has");
  await assert.rejects(again(more, 512), /out of memory/);
});
