import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { recordedOptionsPath } from "../../../core/abi/index.js";
import { parseCommandLine } from "../../../core/generator/command-line.js";
import { compressionNames } from "../../../core/generator/compressor.js";
import { addText } from "../../../core/generator/fill-tree.js";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { chooseFormat, packImage } from "../../../core/generator/image-file.js";
import { recordOptions } from "../../../core/generator/recorded-options.js";
import { makeSettings } from "../../../core/generator/settings.js";
import { createTree, type Tree } from "../../../core/generator/tree.js";
import { readRecordedOptions } from "../../../core/image/recorded-options.js";
import { keepReport, problemsOf, scratchFolder } from "../generator/scratch.js";

test("an image of any compression, with microcode or without, tells the options that it was built with", async (context) => {
  const root = scratchFolder(context, { "lib/firmware/amd-ucode/microcode_amd.bin": "microcode" });
  const path = join(root, "x.img");
  const report = keepReport();
  const running = { host: createHostFiles(root), report, signal: new AbortController().signal };
  const words = ["-N", "--include", "a b"];
  const pack = async (options: string[], tree: Tree) => {
    const settings = makeSettings(parseCommandLine(["-N", ...options]), {}, {});
    await packImage(path, tree, chooseFormat(settings, undefined, report), settings, running);
  };
  for (const compression of [...compressionNames, "none"])
    for (const early of ["--early-microcode", "--no-early-microcode"]) {
      const tree = createTree();
      recordOptions(tree, words);
      await pack([early, "--compress", compression], tree);
      assert.deepEqual(await readRecordedOptions(path), words, `${compression} ${early}`);
    }
  assert.equal(report.notes.length, compressionNames.length + 1);
  for (const content of ["", "{}", "[1]", "["]) {
    const tree = createTree();
    addText(tree, recordedOptionsPath, content);
    await pack([], tree);
    assert.deepEqual(await problemsOf(() => readRecordedOptions(path)), [
      `${path}: its record of options, ${recordedOptionsPath}, is damaged: build it without --rebuild`,
    ]);
  }
});
