import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseCommandLine } from "../../../core/generator/command-line.js";
import { compressionNames } from "../../../core/generator/compressor.js";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { chooseFormat, packImage } from "../../../core/generator/image-file.js";
import { readRecordedOptions, recordOptions } from "../../../core/generator/recorded-options.js";
import { makeSettings } from "../../../core/generator/settings.js";
import { createTree } from "../../../core/generator/tree.js";
import { keepReport, problemsOf, scratchFolder } from "./scratch.js";

test("an image of any compression, with microcode or without, tells the options that it was built with", async (context) => {
  const root = scratchFolder(context, { "lib/firmware/amd-ucode/microcode_amd.bin": "microcode" });
  const path = join(root, "x.img");
  const report = keepReport();
  const running = { host: createHostFiles(root), report, signal: new AbortController().signal };
  const words = ["-N", "--include", "a b"];
  for (const compression of [...compressionNames, "none"])
    for (const early of ["--early-microcode", "--no-early-microcode"]) {
      const settings = makeSettings(parseCommandLine(["-N", early, "--compress", compression]), {}, {});
      const tree = createTree();
      recordOptions(tree, words);
      await packImage(path, tree, chooseFormat(settings, undefined, report), settings, running);
      assert.deepEqual(await readRecordedOptions(path), words, `${compression} ${early}`);
    }
  assert.equal(report.notes.length, compressionNames.length + 1);
  writeFileSync(path, Buffer.from("fd377a58", "hex"));
  assert.deepEqual(await problemsOf(() => readRecordedOptions(path)), [
    `${path} cannot be unpacked: xz finds it damaged`,
  ]);
});
