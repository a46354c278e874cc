import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { makePassingFolder } from "../../../core/emulator/passing-folder.js";
import { projectFolder } from "../../support/paths.js";

const folder = mkdtempSync(join(tmpdir(), "firstlight-passing-"));
after(() => rmSync(folder, { recursive: true }));

test("it is there, and then it is gone, with the traces that belong to it", async () => {
  const traces = join(folder, "traces of it");
  mkdirSync(traces);
  for (const name of ["a.1", "a.2", "b"]) writeFileSync(join(traces, name), "");
  const passing = makePassingFolder("a-name", () => join(traces, "a"));
  assert.match(passing.path, /\/a-name-\w+$/);
  writeFileSync(join(passing.path, "file"), "");
  await passing.remove();
  assert.ok(!existsSync(passing.path));
  assert.deepEqual(readdirSync(traces), ["b"]);
});

test("it goes with its process, however that ends: its work done, killed, or its whole group", async () => {
  const program = join(folder, "process.mjs");
  const contents = `
    import { makePassingFolder } from "./core/emulator/passing-folder.js";
    console.log(makePassingFolder("passing").path);
    if (process.argv[2] === "stays") setTimeout(() => {}, 1e6);`;
  const stdin = { contents, resolveDir: projectFolder };
  await build({ stdin, outfile: program, bundle: true, platform: "node", format: "esm", logLevel: "error" });
  const ends: [word: string, end: (pid: number) => void][] = [
    ["ends", () => {}],
    ["stays", (pid) => process.kill(pid, "SIGKILL")],
    ["stays", (pid) => process.kill(-pid, "SIGHUP")],
  ];
  for (const [word, end] of ends) {
    const child = spawn(process.execPath, [program, word], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    const path = said.toString().trim();
    end(child.pid ?? 0);
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    // Whoever was killed cannot wait for it.
    for (let left = 600; left && existsSync(path); left--) await sleep(20);
    assert.ok(!existsSync(path), path);
  }
});

test("where it cannot be made, another place is to be named", (context) => {
  const before = process.env.TMPDIR;
  context.after(() => {
    process.env.TMPDIR = before;
    if (before === undefined) delete process.env.TMPDIR;
  });
  process.env.TMPDIR = join(folder, "gone");
  assert.throws(() => makePassingFolder("a"), { name: "BuildError", message: /gone cannot hold .* by TMPDIR$/ });
});
