import assert from "node:assert/strict";
import { test } from "node:test";
import { runInit, startInit } from "../support/init-container.js";
import { bootCode } from "../support/init-suite.js";

/** Shows the outcome of a prompt as one line. */
const ask = `
  const ask = (request) => {
    const outcome = ops.job("prompt", { text: "", secret: false, ...request });
    print("outcome " + JSON.stringify(outcome));
    return outcome.value;
  };`;

test("prompt reads a line from the terminal, with editing, and shows it", async () => {
  const run = await startInit({
    terminal: true,
    bundle: await bootCode(`${ask}
      for (let n = 1; n <= 5; n++) ask({ text: "Name " + n + ": " });`),
  });
  const answer = async (number: number, keys: string) => {
    await run.waitFor(new RegExp(`^Name ${number}: `, "m"));
    run.type(keys);
    return JSON.parse((await run.waitFor(/^outcome (.*)\n/m))[1] ?? "");
  };
  assert.deepEqual(await answer(1, "plain\r"), { value: { line: "plain" } });
  assert.deepEqual(await answer(2, "abc\x7f\x7fx\b\u00e4\x7fy\n"), { value: { line: "ay" } });
  assert.deepEqual(await answer(3, "gone\x15kept\t\x1b\r"), { value: { line: "kept" } });
  assert.deepEqual(await answer(4, "\u00e4\u20ac \u{1f600}\r"), { value: { line: "\u00e4\u20ac \u{1f600}" } });
  assert.deepEqual(await answer(5, "\r"), { value: { line: "" } });
  const { console } = await run.ended();
  assert.match(console, /^Name 1: plain$/m);
});

test("prompt: given up, timed out, ended by a signal; the terminal is as before", async () => {
  const run = await startInit({
    terminal: true,
    bundle: await bootCode(`${ask}
      const settings = () => ops.done("run", { argv: ["stty", "-a"], stdin: "console", stdout: "keep" }).stdout;
      const before = settings();
      ask({ text: "One: " });
      ask({ text: "Two: " });
      ask({ text: "Three: ", timeLimit: 50 });
      const job = ops.start("prompt", { text: "Four: ", secret: true });
      // The child of the job waits for keys once it catches SIGTERM (bit 14).
      const isAsking = (pid) => {
        const { value } = ops.outcome("read", { path: "/proc/" + pid + "/status" });
        return (parseInt(/^SigCgt:\\s*(\\w+)$/m.exec(value?.data)?.[1] ?? "0", 16) & 0x4000) !== 0;
      };
      while (!ops.value("list", { path: "/proc" }).entries.some(({ name }) => /^\\d+$/.test(name) && isAsking(name))) ops.wait(2);
      ops.value("signal", { job, signal: "SIGTERM" });
      print("outcome " + JSON.stringify(ops.finished(job)));
      print("settings " + (settings() === before));`),
  });
  await run.waitFor(/^One: /m);
  run.type("x\x03");
  await run.waitFor(/^outcome {"error":{"errno":"ECANCELED"}}/m);
  await run.waitFor(/^Two: /m);
  run.type("\x04");
  await run.waitFor(/^outcome {"error":{"errno":"ECANCELED"}}/m);
  await run.waitFor(/^outcome {"error":{"errno":"ETIMEDOUT"}}/m);
  await run.waitFor(/^outcome {"error":{"errno":"ECANCELED"}}/m);
  await run.waitFor(/^settings true/m);
  await run.ended();
});

test("a secret is neither shown nor told: only programs can read it, each from its start, until it is forgotten", async () => {
  const run = await startInit({
    terminal: true,
    bundle: await bootCode(`${ask}
      const { secret } = ask({ text: "Secret: ", secret: true });
      const use = () => ops.outcome("run", { argv: ["sh", "-c", "cat; echo; wc -c </proc/self/fd/0"], stdin: { secret }, stdout: "keep" }).value.job;
      const jobs = [use(), use()];
      for (const job of jobs) print("read " + ops.finished(job).value.stdout.split("").reverse().join(""));
      print("status " + ops.done("run", { argv: ["sh", "-c", 'read -r line; [ "$line" = "open sesame" ]'], stdin: { secret } }).status);
      ops.value("forgetSecret", { secret });
      print("then " + errnoOf(ops.finished(use())) + " " + errnoOf(ops.outcome("forgetSecret", { secret })));`),
  });
  await run.waitFor(/^Secret: /m);
  run.type("open sesane\x7f\x7fme\r");
  const { console } = await run.ended();
  assert.match(console, /^outcome {"value":{"secret":1}}\nread \n11\nemases nepo\nread \n11\nemases nepo\nstatus 0$/m);
  assert.doesNotMatch(console, /open|sesame/);
  assert.match(console, /^then EBADF ENOENT$/m);
});

test("a secret is in no recording, whoever reads it; what is typed in the open is", async () => {
  const run = await startInit({
    terminal: true,
    bundle: await bootCode(`${ask}
      ops.value("trace", { path: "/run/trace", limit: 1 << 20, head: "head" });
      ask({ text: "Line: " });
      const { secret } = ask({ text: "Secret: ", secret: true });
      equal(ops.done("run", { argv: ["grep", "-q", "sesame"], stdin: { secret } }).status, 0, "it is read");
      ops.value("forgetSecret", { secret });
      ops.value("trace", { path: null });
      print("recorded " + ops.value("read", { path: "/run/trace" }).data.replaceAll("\\n", " "));`),
  });
  await run.waitFor(/^Line: /m);
  run.type("in the open\r");
  await run.waitFor(/^Secret: /m);
  run.type("sesame\r");
  const recorded = /^recorded (.*)$/m.exec((await run.ended()).console)?.[1] ?? "";
  assert.match(recorded, /"text":"Secret: ","secret":true.*forgetSecret/);
  assert.match(recorded, /in the open/);
  // But for the program that looks for it.
  assert.equal(recorded.match(/sesame/g)?.length, 1, recorded);
});

test("prompt without any terminal is EIO, and with wrong arguments EINVAL", async () => {
  const { console } = await runInit({
    bundle: await bootCode(`${ask}
      ask({ text: "Hello" });
      for (const request of [{}, { text: "" }, { text: 1, secret: false }, { text: "", secret: false, timeLimit: -1 }])
        print(errnoOf(ops.outcome("prompt", request)));`),
  });
  assert.equal(console, 'outcome {"error":{"errno":"EIO"}}\nEINVAL\nEINVAL\nEINVAL\nEINVAL\n');
});

test("a program with the terminal has job control, and Ctrl-C reaches it, not the engine", async () => {
  const run = await startInit({
    terminal: true,
    bundle: await bootCode(`
      const { status: left } = ops.done("run", { argv: ["sh"], stdin: "console", stdout: "console", stderr: "console", terminal: true });
      print("left with " + left);`),
  });
  await run.waitFor(/# /);
  run.type("sh -c 'echo started; exec sleep 1000'\n");
  await run.waitFor(/^started\n/m);
  run.type("\x03");
  await run.waitFor(/# /);
  run.type("exit 7\n");
  await run.waitFor(/^left with 7\n/m);
  const { console } = await run.ended();
  assert.doesNotMatch(console, /job control turned off/);
});
