import assert from "node:assert/strict";
import { test } from "node:test";
import { traceFirstLimit } from "../../core/abi/index.js";
import { runInit } from "../support/init-container.js";
import { bootCode, testFamily } from "../support/init-suite.js";

testFamily("trace", { setup: "mkdir -p run" });

/** Boot code of the first engine fails, that of the second shows what the first one's trace is. */
const secondShows = (first: string) =>
  bootCode(`
    if (engine === 1) { ${first} }
    print(ops.value("read", { path: "/run/trace" }).data);`);

const failing = {
  rescue: "shell=1 action=none delay=0",
  setup: "rm bin/sh; echo '#!/bin/true' >bin/sh; chmod 755 bin/sh",
};
const begin = 'ops.value("trace", { path: "/run/trace", limit: 1 << 20, head: "head" });';

/** Names of the ops in a trace on the console. */
function opsIn(console: string): string[] {
  const lines = console.slice(console.indexOf("head\n")).split("\n");
  return lines.slice(1).flatMap((line) => line.split("\t")[1] ?? []);
}

test("the trace of an engine that is killed ends with its last op", async () => {
  const killed = `${begin} ops.job("run", { argv: ["busybox", "sh", "-c", "kill -9 $PPID; sleep 9"], env: ["PATH=/bin"] });`;
  const { console } = await runInit({ ...failing, bundle: await secondShows(killed) });
  assert.match(console, /the engine was killed by SIGKILL/);
  assert.deepEqual(opsIn(console), ["kernel", "trace", "run", "now"]);
});

test("the trace of an engine that throws, and of one that is hung, ends with its last op", async () => {
  const throwing = await runInit({ ...failing, bundle: await secondShows(`${begin} throw new Error("no more");`) });
  assert.deepEqual(opsIn(throwing.console), ["kernel", "trace"]);
  const hung = `ops.value("setLimits", { turn: 100 }); ${begin} for (;;);`;
  const { console } = await runInit({ ...failing, bundle: await secondShows(hung) });
  assert.deepEqual(opsIn(console), ["kernel", "setLimits", "trace"]);
});

test("the last word is in the trace, without an outcome", async () => {
  const word = 'ops.value("finish", { word: "failed", reason: "enough", retry: true });';
  const { console } = await runInit({ ...failing, bundle: await secondShows(`${begin} ${word}`) });
  assert.match(console, /^\d+\tfinish\t\{"word":"failed","reason":"enough","retry":true\}\t$/m);
});

test("a full file system: the trace ends with a line that is whole, and the boot goes on", async () => {
  const { console } = await runInit({
    setup: "mkdir -p run small; mount -t tmpfs -o size=16k small small",
    bundle: await bootCode(`
      ops.value("trace", { path: "/small/trace", limit: 1 << 20, head: "head" });
      for (let count = 0; count < 1000; count++) ops.value("now", {});
      const { data } = ops.value("read", { path: "/small/trace" });
      print(data.length > 12_000 && data.length <= 16_384 && data.endsWith("}}\\ncut\\tENOSPC\\n") ? "good" : data);`),
  });
  assert.equal(console, "good\n");
});

test("what is kept in memory before anybody says where to is bounded", async () => {
  const { console } = await runInit({
    setup: "mkdir -p run",
    bundle: await bootCode(`
      ops.value("write", { path: "/run/long", data: "x".repeat(${traceFirstLimit}), mode: 0o600 });
      ${begin}
      print(ops.value("read", { path: "/run/trace" }).data.replace(/^\\d+/gm, "").replaceAll("\\t", " "));`),
  });
  assert.match(console, /^head\n kernel \{\} .*\ncut EFBIG\n\n$/);
});
