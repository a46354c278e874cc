import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bundlePath, rescuePath, shellPath } from "../../core/abi/index.js";
import { addText } from "../../core/generator/fill-tree.js";
import { addRescue } from "../../core/generator/rescue.js";
import { createTree } from "../../core/generator/tree.js";
import { compileStatic } from "../support/compile.js";
import { runInit, startInit } from "../support/init-container.js";
import { bootCode } from "../support/init-suite.js";
import { projectFolder } from "../support/paths.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-words-"));
after(() => rmSync(folder, { recursive: true }));

/** Processes of the PID namespace but PID 1 and the engine: what they were started as. */
const listOthers = `
  const others = () => ops.value("list", { path: "/proc" }).entries
    .filter(({ name }) => /^\\d+$/.test(name))
    .map(({ name }) => ops.value("read", { path: "/proc/" + name + "/cmdline" }).data.split("\\0").slice(0, -1).join(" "))
    .filter((command) => command !== "/init");`;

/** Leaves a process behind, and goes on once it is what it will be: before execve(2) it has its parent's words, within it none. */
const leaveSleeping = `
  ops.done("run", { argv: ["sh", "-c", "setsid sleep 1000 &"] });
  while (others().join() !== "sleep 1000") ops.wait(2);`;

for (const [action, signal] of [
  ["reboot", "SIGHUP"],
  ["poweroff", "SIGINT"],
  ["halt", "SIGINT"],
] as const)
  test(`last word reboot, action ${action}`, async () => {
    const end = await runInit({
      bundle: await bootCode(`ops.value("finish", { word: "reboot", action: "${action}" });`),
    });
    assert.deepEqual([end.signal, end.console], [signal, ""]);
  });

test("last word reboot, action kexec, without a kernel loaded: the reason, then the policy", async () => {
  const { signal, console } = await runInit({
    bundle: await bootCode('ops.value("finish", { word: "reboot", action: "kexec" });'),
  });
  assert.match(console, /^firstlight: the boot has failed: .*reboot\(2\): EINVAL$/m);
  assert.equal(signal, "SIGINT");
});

test("last word failed: reason, delay, action of the policy that was set", async () => {
  const { signal, console } = await runInit({
    bundle: await bootCode(`
      ops.value("setRescuePolicy", { shell: true, action: "halt", delay: 1e6 });
      ops.value("setRescuePolicy", { shell: false, action: "reboot", delay: 0.01 });
      ops.value("finish", { word: "failed", reason: "no root=", retry: false });`),
  });
  assert.equal(console, "firstlight: the boot has failed: no root=\n");
  assert.equal(signal, "SIGHUP");
});

test("the image's policy holds until another is set; without shell or action PID 1 waits for ever", async () => {
  const fail = await bootCode('ops.value("finish", { word: "failed", reason: "because", retry: false });');
  const byImage = await runInit({ bundle: fail, rescue: "shell=0 action=reboot delay=0\n" });
  assert.equal(byImage.signal, "SIGHUP");
  const noShell = await runInit({ bundle: fail, rescue: "shell=1 action=halt delay=0", setup: `rm .${shellPath}` });
  assert.deepEqual([noShell.signal, noShell.console], ["SIGINT", "firstlight: the boot has failed: because\n"]);
  const delayed = await runInit({ bundle: fail, rescue: "shell=0 action=poweroff delay=1" });
  assert.match(delayed.console, /^firstlight: no shell: poweroff in 1 s$/m, "a person has to know what comes");
  const noInterpreter = await runInit({
    bundle: fail,
    rescue: "shell=1 action=halt delay=0",
    setup: "rm bin/sh; echo '#!/none' >bin/sh; chmod 755 bin/sh",
  });
  assert.equal(noInterpreter.signal, "SIGINT", "a shell that cannot be executed is none");
  for (const [rescue, complaint] of [
    ["shell=0 action=none delay=0", /^firstlight: the boot/],
    ["nonsense", new RegExp(`^firstlight: ${rescuePath} is missing or damaged`)],
  ] as const) {
    const run = await startInit({ bundle: fail, rescue });
    await run.waitFor(complaint);
    await run.waitFor(/nothing more can be done/);
    run.stop();
    assert.equal((await run.ended()).signal, "SIGKILL");
  }
});

test("a shell where the policy allows one: its environment, terminal, job control; leaving it starts a fresh engine", async () => {
  const run = await startInit({
    terminal: true,
    rescue: "shell=1 action=reboot delay=0",
    bundle: await bootCode(`
      if (engine === 1) ops.value("finish", { word: "failed", reason: "first", retry: false });
      print("engine " + engine);`),
  });
  await run.waitFor(/the boot has failed: first\n/);
  await run.waitFor(/# /);
  run.type("echo \"PATH=$PATH HOME=$HOME TERM=$TERM\"; sh -c 'echo started; exec sleep 1000'\n");
  await run.waitFor(/^PATH=\/usr\/sbin:\/usr\/bin:\/sbin:\/bin HOME=\/ TERM=linux\n/m);
  await run.waitFor(/^started\n/m);
  run.type("\x03");
  await run.waitFor(/# /);
  run.type("cut -d' ' -f 5,6,8 /proc/self/stat; echo alive\n");
  const [, group, session, foreground] = await run.waitFor(/^(\d+) (\d+) (\d+)\nalive$/m);
  assert.ok(group === foreground && group !== session, "the shell's job has a group of its own, in the foreground");
  run.type("exit\n");
  await run.waitFor(/engine 2\n/);
  const { console } = await run.ended();
  assert.doesNotMatch(console, /job control turned off/);
});

test("a shell with a password: asked for by PID 1, too, not shown, and then a shell like any other", async () => {
  // "open sesame"
  const hash = "$6$firstlight$nkHk8CspploD787olisBcV4l4wWeAuQf/w4jlDfxNmXKSOrV.iambD98WuzyeL4WrALdPDrxMd/o2Sihy/IOv1";
  const tree = createTree();
  for (const path of ["/bin/sh", "/bin/busybox"]) addText(tree, path, "\0mkpasswd\0");
  const options = { kernelCommandLine: "", emergencyPasswordHash: hash };
  addRescue(tree, options, { expectShell: true, report: { warning: assert.fail, note: () => {} } });
  const asking = tree.get(shellPath);
  const run = await startInit({
    terminal: true,
    rescue: "shell=1 action=reboot delay=0",
    files: { [shellPath]: asking?.type === "file" ? String(asking.content) : "" },
    bundle: await bootCode(`
      if (engine === 1) ops.value("finish", { word: "failed", reason: "first", retry: false });
      print("engine " + engine);`),
  });
  await run.waitFor(/^Password of the rescue shell .*: /m);
  run.type("open simsim\n");
  await run.waitFor(/^That is not the password\.$/m);
  await run.waitFor(/^Password of the rescue shell .*: /m);
  run.type("open sesame\n");
  await run.waitFor(/# /);
  run.type("sh -c 'echo started; exec sleep 1000'\n");
  await run.waitFor(/^started\n/m);
  run.type("\x03");
  await run.waitFor(/# /);
  run.type("exit\n");
  await run.waitFor(/engine 2\n/);
  const { console } = await run.ended();
  assert.doesNotMatch(console, /open|simsim|sesame|job control turned off/);
});

test("retry starts a fresh engine at once; the old one's processes and its new root are gone", async () => {
  const { console, signal } = await runInit({
    setup: "mkdir half",
    bundle: await bootCode(`${listOthers}
      if (engine === 1) {
        ops.done("mount", { source: "half", target: "/half", type: "tmpfs", flags: [], data: "" });
        ops.start("run", { argv: ["sleep", "1000"] });
        ops.done("run", { argv: ["sh", "-c", "setsid sleep 2000 &"] });
        ops.value("finish", { word: "failed", reason: "the shell was left", retry: true });
      }
      print(engine + ": " + others().join() + (ops.value("read", { path: "/proc/self/mounts" }).data.match(/half/) ?? ""));`),
  });
  assert.equal(console, "firstlight: the boot starts again: the shell was left\n2: \n");
  assert.equal(signal, "SIGINT");
});

test("engines that fail at once again and again do not keep the machine busy", async () => {
  const run = await startInit({
    rescue: "shell=1 action=none delay=0",
    setup: "rm bin/sh; echo '#!/bin/false' >bin/sh; chmod 755 bin/sh",
    bundle: await bootCode('print("at " + ops.value("now", {}).monotonic); throw new Error("again");'),
  });
  const times: number[] = [];
  while (times.length < 3) times.push(Number((await run.waitFor(/^at (\d+)$/m))[1]));
  run.stop();
  await run.ended();
  for (const [number, time] of times.slice(1).entries())
    assert.ok(time - (times[number] ?? 0) >= 1000, `times ${times}`);
});

test("last word run: PID 1 waits for the program, a fresh engine hears its status", async () => {
  const { console } = await runInit({
    setup: "mkdir -p other/bin other/work; cp bin/busybox other/bin/sh",
    bundle: await bootCode(`
      const run = (program) => ops.value("finish", { word: "run", program });
      print(engine + " " + status);
      if (engine === 1) run({ argv: ["sh", "-c", "echo pid $PPID \\"$A\\" in $PWD; exit 3"], env: ["PATH=/bin", "A=b"] });
      if (engine === 2) run({ argv: ["sh", "-c", "kill -KILL $$"] });
      if (engine === 3) run({ argv: ["/none"] });
      if (engine === 4) run({ argv: ["sh", "-c", "echo /*"], root: "/other", cwd: "/work" });`),
  });
  assert.equal(
    console,
    "1 null\npid 1 b in /\n2 3\n3 137\nfirstlight: cannot start /none: ENOENT\n4 127\n/bin /work\n5 0\n",
  );
});

test("last word run with streams, others and state: the next engine hears what no program can change, and why one did not start", async () => {
  const { console } = await runInit({
    setup: "echo given >in; : >err",
    bundle: await bootCode(`${listOthers}
      const streams = [["/none", "/in"], ["/none"], ["/none/either", "/err"]];
      const run = (state, argv, others) => ops.value("finish", { word: "run", program: { argv }, streams, state, others });
      const { state, failure } = ops.value("kernel", {});
      print([engine, JSON.stringify(state), status, failure, others()].join(" "));
      if (engine === 1) {
        ${leaveSleeping}
        run("first \\udcff", ["sh", "-c", "cat; echo told >&2; readlink /proc/1/fd/2; cut -d' ' -f6 /proc/$$/stat | grep -x $$ >/dev/null; exit $(($? + 3))"], "keep");
      }
      print(ops.value("read", { path: "/err" }).data.trim());
      if (engine === 2) run("second", ["/none"], "kill");
      if (engine === 3) throw new Error("the state stays");
      if (engine === 4) ops.value("finish", { word: "run", program: { argv: ["true"] } });`),
    rescue: "shell=0 action=again delay=0",
  });
  assert.equal(
    console.replace(/^.*the state stays[\s\S]*the state stays\n/m, ""),
    [
      "1    ",
      "given",
      "/err",
      '2 "first \\udcff" 3  sleep 1000',
      "told",
      '3 "second" 127 ENOENT ',
      "told",
      '4 "second"   ',
      "told",
      "5  0  ",
      "told",
      "",
    ].join("\n"),
  );
});

test("policy again: a fresh engine after an engine's death or a reboot that fails; what runs and is mounted stays", async () => {
  const { console } = await runInit({
    setup: "mkdir half",
    rescue: "shell=1 action=again delay=0",
    bundle: await bootCode(`${listOthers}
      const { state, failure } = ops.value("kernel", {});
      const mounted = ops.value("read", { path: "/proc/self/mounts" }).data.match(/half/)?.[0];
      print([engine, state, failure, mounted, others()].join(" "));
      if (engine === 1) {
        ops.value("setRescuePolicy", { shell: false, action: "again", delay: 0 });
        ops.done("mount", { source: "half", target: "/half", type: "tmpfs", flags: [], data: "" });
        ${leaveSleeping}
        ops.done("run", { argv: ["sh", "-c", "kill -KILL $PPID"] });
      }
      if (engine === 2) ops.value("finish", { word: "reboot", action: "kexec", state: "after kexec" });`),
  });
  assert.match(
    console,
    /^1 {4}\nfirstlight: the boot has failed: the engine was killed by SIGKILL\n2 {3}half sleep 1000\n/,
  );
  assert.match(console, /reboot\(2\): EINVAL\n3 after kexec EINVAL half \n$/, "all other processes are killed first");
});

test("processes that mark themselves with @ outlive the engine when PID 1 goes on", async () => {
  const pause = join(folder, "pause");
  await compileStatic(join(projectFolder, "test/support/init-pause.c"), pause);
  const { console } = await runInit({
    files: { "/bin/@storage": readFileSync(pause), "/bin/other": readFileSync(pause) },
    bundle: await bootCode(`${listOthers}
      if (engine === 1) {
        ops.done("run", { argv: ["sh", "-c", "@storage & other &"] });
        while (others().join() !== "@storage,other" && others().join() !== "other,@storage") ops.wait(2);
        ops.value("finish", { word: "run", program: { argv: ["true"] } });
      }
      print("left: " + others().join());`),
  });
  assert.equal(console, "left: @storage\n");
});

test("last words and policies that do not fit are EINVAL, and the boot goes on", async () => {
  const words = [
    {},
    { word: "nonsense" },
    { word: "reboot", action: "sleep" },
    { word: "failed", reason: "x" },
    { word: "failed", reason: 1, retry: false },
    { word: "failed", reason: "", retry: false },
    { word: "run", program: { argv: [] } },
    { word: "run", program: {} },
    { word: "run", program: { argv: ["a"], env: "b" } },
    { word: "run", program: { argv: ["a"] }, streams: [["/a"], ["/b"]] },
    { word: "run", program: { argv: ["a"] }, streams: [["/a"], ["/b"], ["/c"], ["/d"]] },
    { word: "run", program: { argv: ["a"] }, streams: [["/a"], "/b", ["/c"]] },
    { word: "run", program: { argv: ["a"] }, others: "spare" },
    { word: "run", program: { argv: ["a"] }, state: 1 },
    { word: "reboot", action: "reboot", state: "a\0b" },
    { word: "switch", root: "relative", init: "/i", arguments: [], moves: [] },
    { word: "switch", root: "/r", init: "", arguments: [], moves: [] },
    { word: "switch", root: "/r", init: "/i", arguments: [1], moves: [] },
    { word: "switch", root: "/r", init: "/i", arguments: [] },
    { word: "failed", reason: "x".repeat(200_000), retry: false },
  ];
  const policies = [
    {},
    { shell: 1, action: "none", delay: 0 },
    { shell: true, action: "kexec", delay: 0 },
    { shell: true, action: "none", delay: -1 },
    { shell: true, action: "none" },
  ];
  const { console } = await runInit({
    bundle: await bootCode(`
      for (const word of ${JSON.stringify(words)}) equal(errnoOf(ops.outcome("finish", word)), "EINVAL", JSON.stringify(word).slice(0, 100));
      for (const policy of ${JSON.stringify(policies)}) equal(errnoOf(ops.outcome("setRescuePolicy", policy)), "EINVAL", JSON.stringify(policy));
      for (const turn of [0, -1, "1", null]) equal(errnoOf(ops.outcome("setLimits", { turn })), "EINVAL", "limit " + turn);
      equal(errnoOf(ops.outcome("kexecLoad", { kernel: "/k" })), "EINVAL", "kexecLoad");
      equal(errnoOf(ops.job("kexecLoad", { kernel: "/none", cmdline: "" })), "ENOENT", "kexecLoad");
      print("all good");`),
  });
  assert.equal(console, "all good\n");
});

test("PID 1 by another name, as a root's init executes it when the system goes down: the boot code hears it", async () => {
  const { console, signal } = await runInit({
    invokedAs: "/shutdown",
    arguments: ["poweroff", "--timeout=90"],
    setup: "ln -s init shutdown",
    bundle: await bootCode(
      'print(JSON.stringify([ops.value("kernel", {}).invokedAs, ...ops.value("kernel", {}).arguments]));',
    ),
  });
  assert.deepEqual([console, signal], ['["/shutdown","poweroff","--timeout=90"]\n', "SIGINT"]);
});

test("PID 1 that is not PID 1 says so; without a bundle it says which file is missing", async () => {
  const missing = await runInit({ program: "init" });
  assert.equal(
    missing.console,
    `firstlight: the boot has failed: cannot read the boot code ${bundlePath}: ENOENT. Build the image anew\n`,
  );
  const { console } = await runInit({
    bundle: await bootCode(`
      const result = ops.done("run", { argv: ["/init"], stderr: "keep" });
      print(result.status + " " + result.stderr);`),
  });
  assert.match(console, /^1 firstlight's init is the first program of an initramfs/);
});

test("without /dev/console nothing is lost but the text, and the console is used once it is there", async () => {
  const { console, signal } = await runInit({
    setup: "exec 5<&0 <&- >&- 2>&-",
    bundle: await bootCode(`
      print("nobody sees this");
      ops.value("write", { path: "/dev/console", data: "", mode: 0o600 });
      print("one");
      ops.done("run", { argv: ["sh", "-c", "echo two; echo three >&2"], stdout: "console", stderr: "console" });
      const { data } = ops.value("read", { path: "/dev/console" });
      ops.value("finish", { word: "reboot", action: data === "one\\ntwo\\nthree\\n" ? "reboot" : "poweroff" });`),
  });
  assert.deepEqual([console, signal], ["", "SIGHUP"]);
});
