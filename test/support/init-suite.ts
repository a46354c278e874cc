import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import type { Verdict } from "./conformance/suite.js";
import { type InitOptions, runInit } from "./init-container.js";
import { projectFolder } from "./paths.js";

/** One script for the engine out of TypeScript that may import from test/support. */
export async function scriptOf(contents: string): Promise<string> {
  const result = await build({
    stdin: { contents, resolveDir: join(projectFolder, "test/support"), loader: "ts" },
    bundle: true,
    format: "iife",
    platform: "neutral",
    target: "es2023",
    keepNames: true,
    write: false,
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}

/**
 * Boot code for PID 1 out of TypeScript. It finds `ops` (conformance/suite.ts), `engine` (1 in the first engine of a boot) and
 * `print`, which shows a line. It runs in the first turn; if it comes to its end, the machine is powered off.
 */
export const bootCode = (body: string): Promise<string> =>
  scriptOf(`
    import { equal, errnoOf, ok, opsUnderTest } from "./conformance/suite.js";
    const ops = opsUnderTest(op);
    const print = (text) => ops.value("print", { text: text + "\\n" });
    globalThis.turn = () => {
      const { engine, status } = ops.value("kernel", {});
      ${body}
      ops.value("finish", { word: "reboot", action: "poweroff" });
    };`);

/** Declares one test per case of a family of the conformance suite (test/support/conformance), against the native PID 1. */
export function testFamily(family: string, options: InitOptions = {}): void {
  test(`the ops of the family ${family}, answered by PID 1`, async (context) => {
    const bundle = await scriptOf(`
      import * as family from "./conformance/${family}.js";
      import { runCases } from "./conformance/suite.js";
      globalThis.turn = () => {
        const text = "verdicts: " + JSON.stringify(runCases([...family.cases, ...(family.nativeCases ?? [])], op)) + "\\n";
        op("print", JSON.stringify({ text }));
        op("finish", JSON.stringify({ word: "reboot", action: "poweroff" }));
      };`);
    const { console, signal } = await runInit({ ...options, bundle });
    const verdicts = /^verdicts: (.*)$/m.exec(console)?.[1];
    assert.ok(verdicts, `no verdicts; the console says:\n${console}`);
    assert.equal(signal, "SIGINT", "powered off");
    for (const { name, failure } of JSON.parse(verdicts) as Verdict[])
      await context.test(name, () => assert.ok(!failure, failure));
  });
}
