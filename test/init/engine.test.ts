import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bundlePath, reportPath } from "../../core/abi/index.js";
import { compileStatic } from "../support/compile.js";
import { runInit } from "../support/init-container.js";
import { bootCode } from "../support/init-suite.js";
import { projectFolder } from "../support/paths.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-engine-"));
after(() => rmSync(folder, { recursive: true }));

/** Boot code that makes the engine fail: PID 1 says why, and follows the policy. */
const failures: [name: string, bundle: string, says: RegExp[]][] = [
  [
    "an exception in a turn",
    "function inner() { throw new TypeError('bad thing'); }\nglobalThis.turn = () => inner();",
    [
      /^firstlight: TypeError: bad thing\n {4}at inner \(.*bundle\.js:1:\d+\)/m,
      /^firstlight: the boot has failed: TypeError: bad thing$/m,
    ],
  ],
  ["an exception while the bundle is evaluated", "null.x", [/^firstlight: the boot has failed: TypeError: /m]],
  ["a text that is thrown", "globalThis.turn = () => { throw 'text'; };", [/failed: text$/m]],
  [
    "nothing that is thrown",
    "globalThis.turn = () => { throw null; };",
    [/failed: out of memory, or something was thrown that is no Error$/m],
  ],
  [
    "an object that is thrown",
    "globalThis.turn = () => { throw { message: 7 }; };",
    [/failed: out of memory, or something/m],
  ],
  ["a bundle that is cut", "globalThis.turn = () => { for (;;", [/failed: SyntaxError: /m]],
  ["a bundle full of zeros", "\0".repeat(5000), [/failed: (SyntaxError|TypeError): /m]],
  ["a bundle of something else", "\u007fELF\u0002\u0001\u0001".repeat(500), [/failed: SyntaxError: /m]],
  ["an empty bundle", "", [/failed: TypeError: not a function$/m]],
  ["a turn that is no function", "globalThis.turn = 5;", [/failed: TypeError: not a function$/m]],
  ["an op without arguments", "op();", [/failed: op needs two arguments: name, JSON$/m]],
  ["a module", "import 'x'; export const y = 1;", [/failed: SyntaxError: /m]],
  [
    "a loop without end",
    `op("setLimits", '{"turn":100}'); function spin() { try { for (;;); } finally { for (;;); } }\nglobalThis.turn = spin;`,
    [/^ {4}at spin /m, /failed: the boot code used more than 0\.1 s of processor time without waiting for anything$/m],
  ],
  [
    "a loop of promises without end",
    `op("setLimits", '{"turn":100}'); const spin = async () => { for (;;) await null; };\nglobalThis.turn = () => void spin();`,
    [/failed: the boot code used more than 0\.1 s/m],
  ],
  [
    "promises without end that swallow being interrupted",
    `op("setLimits", '{"turn":100}'); let turns = 0; const loop = () => void Promise.resolve().then(loop);
    globalThis.turn = () => { if (++turns > 1) op("finish", '{"word":"reboot","action":"poweroff"}'); loop(); };`,
    [/failed: the boot code used more than 0\.1 s/m],
  ],
  [
    "a built-in function without end",
    `op("setLimits", '{"turn":100}');\nglobalThis.turn = () => Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);`,
    [/failed: the boot code used more than 0\.1 s/m],
  ],
  [
    "ops without end",
    `op("setLimits", '{"turn":100}'); globalThis.turn = () => { for (;;) op("now", "{}"); };`,
    [/failed: the boot code used more than 0\.1 s/m],
  ],
  [
    "too much memory",
    "const all = []; for (;;) all.push('x'.repeat(1e5) + all.length);",
    [/failed: (out of memory|InternalError: out of memory)/m],
  ],
  ["memory in one piece", "'x'.repeat(1e8) + 'y';", [/failed: (out of memory|InternalError: out of memory)/m]],
];

for (const [name, bundle, says] of failures)
  test(`the engine ends with a reason: ${name}`, async () => {
    const { console, signal } = await runInit({ bundle });
    for (const pattern of says) assert.match(console, pattern);
    assert.equal(signal, "SIGINT", "the policy of the image was followed");
  });

test("waiting costs no processor time of the turn, and each wait starts the count anew", async () => {
  const { console } = await runInit({
    bundle: await bootCode(`
      ops.value("setLimits", { turn: 300 });
      const busy = (milliseconds) => { for (const end = Date.now() + milliseconds; Date.now() < end; ); };
      ops.wait(400);
      for (let n = 0; n < 6; n++) { busy(200); ops.wait(1); }
      print("good");`),
  });
  assert.equal(console, "good\n");
});

test("recursion without end is an exception that boot code can catch", async () => {
  const { console } = await runInit({
    // Less than the engine needs.
    setup: "ulimit -S -s 1024",
    bundle: await bootCode(`
      const recurse = () => recurse() + 1;
      const caught = (work) => { try { work(); return "nothing"; } catch (error) { return error.name; } };
      print(caught(recurse));
      print(caught(() => JSON.parse("[".repeat(1e6))));
      print(caught(() => eval("(".repeat(1e6))));
      print(caught(() => new RegExp("(".repeat(1e5) + ")".repeat(1e5))));`),
  });
  assert.match(
    console,
    /^(RangeError|InternalError)\n(SyntaxError|RangeError|InternalError)\n(SyntaxError|RangeError|InternalError)\n(SyntaxError|InternalError)\n$/,
  );
});

test("garbage in cycles of big strings is collected before memory runs out", async () => {
  const { console } = await runInit({
    bundle: await bootCode(`
      for (let n = 0; n < 2000; n++) {
        const cycle = { text: "x".repeat(100_000) + n };
        cycle.self = cycle;
      }
      print("good");`),
  });
  assert.equal(console, "good\n");
});

test("memory that one engine has used up is there again for the next", async () => {
  const { console } = await runInit({
    rescue: "shell=1 action=none delay=0",
    setup: "rm bin/sh; echo '#!/bin/true' >bin/sh; chmod 755 bin/sh",
    bundle: await bootCode(`
      const resident = () => Number(/^VmRSS:\\s+(\\d+)/m.exec(ops.value("read", { path: "/proc/self/status" }).data)[1]) >> 10;
      const all = [];
      print("engine " + engine + " begins with less than 24 MiB: " + (resident() < 24));
      if (engine > 2) ops.value("finish", { word: "reboot", action: "poweroff" });
      for (let n = 0; n < 350; n++) all.push("x".repeat(1e5) + n);
      print("and has more than 30 MiB: " + (resident() > 30));
      for (;;) all.push("x".repeat(1e5) + all.length);`),
  });
  for (const number of [1, 2, 3])
    assert.match(console, new RegExp(`^engine ${number} begins with less than 24 MiB: true$`, "m"));
  assert.equal(console.match(/^and has more than 30 MiB: true$/gm)?.length, 2);
  assert.equal(console.match(/failed: (out of memory|InternalError: out of memory)$/gm)?.length, 2);
});

test("an engine that is killed, and its processes with it", async () => {
  const { console, signal } = await runInit({
    bundle: await bootCode(`
      ops.start("run", { argv: ["sh", "-c", "sleep 1000 & kill -9 $PPID; wait"] });
      for (;;) ops.wait(1000);`),
  });
  assert.equal(console, "firstlight: the boot has failed: the engine was killed by SIGKILL\n");
  assert.equal(signal, "SIGINT");
});

test("a comparison without end within a sort, and a loop of promises that never wait, end as any other loop", async () => {
  for (const work of [
    "new Uint8Array(1 << 10).sort((a, b) => { for (;;); })",
    "(async () => { try { for (;;) await undefined; } finally { for (;;); } })()",
  ]) {
    const { console, signal } = await runInit({
      bundle: `op("setLimits", '{"turn":100}');\nglobalThis.turn = () => void (${work});`,
    });
    assert.match(console, /failed: the boot code used more than 0\.1 s/m, work);
    assert.equal(signal, "SIGINT");
  }
});

test("a signal of the processor's ends the engine alone", async () => {
  for (const name of ["SEGV", "BUS", "ILL", "FPE", "ABRT"]) {
    const { console, signal } = await runInit({
      // The sanitizers' own handlers would take it.
      program: "init",
      bundle: await bootCode(`
        ops.start("run", { argv: ["sh", "-c", "kill -${name} $PPID; sleep 1000"] });
        for (;;) ops.wait(1000);`),
    });
    assert.match(console, /^firstlight: the boot has failed: ./m, name);
    assert.equal(signal, "SIGINT", name);
  }
});

test("the report has the reason, where the engine could not write it", async () => {
  const { console } = await runInit({
    // A shell that ends at once: a fresh engine follows.
    rescue: "shell=1 action=none delay=0",
    setup: "rm bin/sh; echo '#!/bin/true' >bin/sh; chmod 755 bin/sh; mkdir run/initramfs",
    bundle: await bootCode(`
      if (engine === 1) {
        const inner = () => { throw new TypeError("bad thing"); };
        inner();
      }
      print("report: " + ops.value("read", { path: "${reportPath}" }).data);
      print("mode " + ops.value("stat", { path: "${reportPath}" }).mode.toString(8));`),
  });
  assert.match(
    console,
    /^report: firstlight: TypeError: bad thing\n {4}at inner [\s\S]*^firstlight: the boot has failed: TypeError: bad thing\n/m,
  );
  assert.match(console, /^mode 600$/m);
});

test("a console that takes nothing, and a full /run: the policy is followed", async () => {
  const { signal } = await runInit({
    rescue: "shell=0 action=reboot delay=0",
    setup: `mkdir full; mount -t tmpfs -o size=4k none full; mkdir full/initramfs; cat /init >full/file 2>/dev/null || :
      mount --move full run; mknod dev/full c 1 7; exec <dev/full >dev/full 2>&1`,
    bundle: await bootCode(`
      if (errnoOf(ops.outcome("print", { text: "x" })) !== "EIO") ops.value("finish", { word: "reboot", action: "poweroff" });
      throw new Error("nobody hears of it");`),
  });
  assert.equal(signal, "SIGHUP");
});

test("an engine that PID 1 does not understand", async () => {
  const program = join(folder, "nonsense");
  await compileStatic(join(projectFolder, "test/support/init-nonsense.c"), program);
  for (const message of [
    "nonsense",
    "L{}",
    "L",
    'L{"word":"switch"',
    'P{"shell":true}',
    'L{"word":"run","program":{"argv":[]}}',
  ]) {
    const { console } = await runInit({
      files: { "/bin/nonsense": readFileSync(program) },
      bundle: await bootCode(`
        const message = ${JSON.stringify(message)};
        const sent = ops.done("run", { argv: ["sh", "-c", "nonsense $PPID '" + message + "'; echo $?"], stdout: "keep" });
        print("sent " + sent.stdout.trim());
        ops.start("run", { argv: ["sh", "-c", "kill -9 $PPID"] });
        for (;;) ops.wait(1000);`),
    });
    assert.equal(
      console,
      "sent 0\nfirstlight: the boot has failed: the engine told PID 1 something that makes no sense\n",
      message,
    );
  }
});

test("what the boot code may rely on: UTC, numbers, the file's name in traces", async () => {
  const { console } = await runInit({
    setup: "export TZ=EST5EDT",
    bundle: await bootCode(`
      print(new Date(0).getHours() + " " + new Date(86400000 * 20000.5).toString());
      print([0.1 + 0.2, Math.pow(2, 0.5), 1e21, 5e-324, Math.sin(1e10)].join(" "));
      print(new Error("x").stack.includes("${bundlePath}"));`),
  });
  assert.equal(
    console,
    `0 ${new Date(86400000 * 20000.5).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) (\S+) GMT$/, "$1 $3 $2 $4 $5 GMT+0000")}\n` +
      `${[0.1 + 0.2, 2 ** 0.5, 1e21, 5e-324, Math.sin(1e10)].join(" ")}\ntrue\n`,
  );
});
