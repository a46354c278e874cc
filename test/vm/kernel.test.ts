/** The ops that need a kernel of their own: drivers, kexec, and what ends a machine. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Verdict } from "../support/conformance/suite.js";
import { bootFrom } from "../support/firstlight.js";
import { scriptOf } from "../support/init-suite.js";
import { kernelImage } from "../support/kernel-image.js";
import { debianKernel } from "../support/kernels.js";

/** Without stage= it runs the cases, and starts the kernel that they have loaded; stage 2 is what that one finds; the others are last words. */
const bundle = await scriptOf(`
  import { cases, nativeCases } from "./conformance/kernel.js";
  import { opsUnderTest, runCases } from "./conformance/suite.js";
  const ops = opsUnderTest(op);
  const print = (text) => ops.value("print", { text: text + "\\n" });
  globalThis.turn = () => {
    for (const [type, target] of [["proc", "/proc"], ["sysfs", "/sys"]])
      ops.value("mountVirtual", { type, target, flags: [], data: "" });
    const line = ops.value("read", { path: "/proc/cmdline" }).data.trim();
    const stage = /stage=(\\w+)/.exec(line)?.[1];
    if (stage === undefined) print("verdicts: " + JSON.stringify(runCases([...nativeCases, ...cases], op)));
    else print("arguments: " + JSON.stringify([line, ops.value("kernel", {}).arguments]));
    ops.value("finish", { word: "reboot", action: { undefined: "kexec", 2: "halt" }[stage] ?? stage });
  };`);
const kernel = await debianKernel("cloud");
const initrd = await kernelImage(kernel, await debianKernel("full"), bundle);
const boot = (context: TestContext, cmdline: string) =>
  bootFrom(context, { kernel: kernel.unpacked, initrd, cmdline }, {});

test("the ops of the family kernel, answered by PID 1 of a real kernel; the last words kexec and halt", async (context) => {
  const guest = boot(context, 'single "two words" module_blacklist=isofs quiet -- last a=b');
  const [, verdicts = ""] = await guest.waitFor(/^verdicts: (.*)\n/m);
  for (const { name, failure } of JSON.parse(verdicts) as Verdict[])
    await context.test(name, () => assert.ok(!failure, failure));
  await guest.waitFor(/\] Linux version /);
  const [, second = ""] = await guest.waitFor(/^arguments: (.*)\n/m);
  const line = 'console=ttyS0 panic=-1 stage=2 "two words" -- given';
  assert.deepEqual(JSON.parse(second), [line, ["two words", "given"]]);
  await guest.waitFor(/reboot: System halted/);
});

for (const [action, says] of [
  ["reboot", /reboot: Restarting system/],
  ["poweroff", /reboot: Power down/],
] as const)
  test(`the last word ${action} on a real kernel`, async (context) =>
    assert.match(await boot(context, `stage=${action}`).ended(), says));
