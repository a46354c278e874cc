import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { firmwareFolders, installFirmware } from "../../../core/generator/firmware.js";
import { createHostFiles } from "../../../core/generator/host-files.js";
import { createTree } from "../../../core/generator/tree.js";
import { scratchFolder } from "./scratch.js";

test("firmware is where the image's kernel looks, links, folders of its own and endings included", (context) => {
  const root = scratchFolder(context, {
    "usr/lib/firmware/plain.bin": "x",
    "usr/lib/firmware/plain.bin.xz": "the kernel takes the plain one",
    "usr/lib/firmware/packed.bin.xz": "x",
    "usr/lib/firmware/vendor/real-2.0.bin": "x",
    "usr/lib/firmware/both.bin": "old",
    "usr/lib/firmware/updates/6.1/both.bin": "new",
    "usr/lib/firmware/chip/board-a.bin": "a",
    "usr/lib/firmware/chip/board-b.bin.zst": "b",
    "usr/lib/firmware/chip/other.txt": "c",
    "etc/outside.bin": "x",
  });
  mkdirSync(join(root, "usr/lib/firmware/alias"));
  symlinkSync("usr/lib", join(root, "lib"));
  symlinkSync("../vendor/real-2.0.bin", join(root, "usr/lib/firmware/alias/real.bin"));
  symlinkSync("/etc/outside.bin", join(root, "usr/lib/firmware/outside.bin"));
  const tree = createTree();
  const folders = firmwareFolders([], "6.1");
  const install = (name: string) => installFirmware(createHostFiles(root), tree, folders, name);
  for (const name of ["plain.bin", "packed.bin", "alias/real.bin", "both.bin", "chip/board-*.bin", "outside.bin"])
    assert.equal(install(name), true, name);
  assert.equal(install("missing.bin"), false);
  assert.equal(install("chip/none-*.bin"), false);
  const files = tree.entries().flatMap(([path, entry]) => (entry.type === "dir" ? [] : [path]));
  assert.deepEqual(files, [
    "etc/outside.bin",
    ...["alias/real.bin", "chip/board-a.bin", "chip/board-b.bin.zst", "outside.bin", "packed.bin.xz", "plain.bin"].map(
      (path) => `usr/lib/firmware/${path}`,
    ),
    "usr/lib/firmware/updates/6.1/both.bin",
    "usr/lib/firmware/vendor/real-2.0.bin",
  ]);
  assert.ok(tree.has("usr/lib/firmware/alias/real.bin"));
});

test("--fwdir names other folders", (context) => {
  const root = scratchFolder(context, { "srv/fw/x.bin": "x" });
  const tree = createTree();
  assert.equal(installFirmware(createHostFiles(root), tree, firmwareFolders(["/srv/fw"], "6.1"), "x.bin"), true);
  assert.ok(tree.has("usr/lib/firmware/x.bin"));
});
