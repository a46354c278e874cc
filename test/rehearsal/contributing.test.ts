/** The module that CONTRIBUTING.md makes in five minutes: its text is built and booted. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { ProgramRequest } from "../../core/abi/index.js";
import { createMachine } from "../../core/rehearsal/machine.js";
import { rehearse } from "../../core/rehearsal/rehearse.js";
import { projectFolder } from "../support/paths.js";
import { bundleWith } from "../support/rehearsal.js";

const program = { type: "file", mode: 0o755, data: "" } as const;

test("the example module builds, refuses a wrong date, and sets the clock", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "firstlight-contributing-"));
  context.after(() => rm(folder, { recursive: true }));
  const text = await readFile(join(projectFolder, "CONTRIBUTING.md"), "utf8");
  const files = [...text.matchAll(/`modules\.d\/([^`]+\.ts)`[\s\S]*?```ts\n([\s\S]*?)```/g)];
  assert.deepEqual(
    files.map(([, path]) => path),
    ["60clock-floor/module-setup.ts", "60clock-floor/pre-mount.ts"],
  );
  for (const [, path = "", content = ""] of files) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  const bundle = await bundleWith({ add: ["clock-floor"], folders: [folder] });

  const asked: ProgramRequest[] = [];
  const boot = async (parameters: string) => {
    const machine = createMachine({
      commandLine: `root=/dev/vda rd.shell=0 ${parameters}`,
      kernel: { release: "6.1.0", machine: "x86_64" },
      initramfs: {},
      devices: [{ name: "vda", number: "254:0", tags: { TYPE: "ext4" }, files: { "sbin/init": program } }],
      drivers: {},
      modaliases: [],
      programs: {
        date: (request) => {
          asked.push(request);
          return { status: 1, stderr: "date: no" };
        },
      },
    });
    return { word: await rehearse(bundle, machine), shown: machine.console() };
  };

  const early = await boot("rd.clockfloor=2025-01-01");
  assert.equal(early.word.word, "switch", early.shown);
  assert.equal(asked.length, 0, "the simulated clock starts in 2026");
  const set = await boot("rd.clockfloor=2030-01-01");
  assert.equal(set.word.word, "switch");
  assert.deepEqual(asked[0]?.argv, ["date", "-s", "2030-01-01"]);
  assert.match(set.shown, /the clock stays in the past: date: no/);
  const wrong = await boot("rd.clockfloor=soon");
  assert.equal(wrong.word.word, "failed");
  assert.match(wrong.shown, /rd\.clockfloor=soon \(accepted: rd\.clockfloor=YYYY-MM-DD\)/);
});
