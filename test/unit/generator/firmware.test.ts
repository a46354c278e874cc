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
    "usr/lib/firmware/updates/plain.bin.zst": "the kernel takes the plain one of any directory",
    "usr/lib/firmware/6.1/chip/board-c.bin": "c",
    "usr/lib/firmware/many/one/x.bin": "x",
    "usr/lib/firmware/many/two/x.bin.xz": "x",
    "usr/lib/firmware/many/.hidden/x.bin": "x",
    "usr/lib/firmware/chip/board-a.bin": "a",
    "usr/lib/firmware/chip/board-b.bin.zst": "b",
    "usr/lib/firmware/chip/other.txt": "c",
    "etc/outside.bin": "x",
  });
  mkdirSync(join(root, "usr/lib/firmware/alias"));
  symlinkSync("usr/lib", join(root, "lib"));
  symlinkSync("../vendor/real-2.0.bin", join(root, "usr/lib/firmware/alias/real.bin"));
  symlinkSync("/etc/alternatives", join(root, "usr/lib/firmware/alternatives"));
  symlinkSync("outside.bin", join(root, "etc/real-outside"));
  mkdirSync(join(root, "etc/alternatives"));
  symlinkSync("../real-outside", join(root, "etc/alternatives/outside.bin"));
  symlinkSync("alternatives/outside.bin", join(root, "usr/lib/firmware/outside.bin"));
  symlinkSync("many", join(root, "usr/lib/firmware/folder"));
  symlinkSync("gone.bin", join(root, "usr/lib/firmware/dangling.bin"));
  const tree = createTree();
  const folders = firmwareFolders([], "6.1");
  const install = (name: string) => installFirmware(createHostFiles(root), tree, folders, name);
  const named = ["plain.bin", "packed.bin", "alias/real.bin", "both.bin", "outside.bin"];
  for (const name of [...named, "chip/board-*.bin", "folder/*/x.bin"]) assert.equal(install(name), true, name);
  for (const name of ["missing.bin", "chip/none-*.bin", "dangling.bin", "chip"])
    assert.equal(install(name), false, name);
  const files = tree.entries().flatMap(([path, entry]) => (entry.type === "dir" ? [] : [path]));
  assert.deepEqual(
    files.map((path) => path.replace("usr/lib/firmware/", "")),
    [
      ...["etc/alternatives/outside.bin", "etc/outside.bin", "etc/real-outside"],
      ...["6.1/chip/board-c.bin", "alias/real.bin", "alternatives", "chip/board-a.bin", "chip/board-b.bin.zst"],
      ...["folder", "many/one/x.bin", "many/two/x.bin.xz", "outside.bin", "packed.bin.xz", "plain.bin"],
      ...["updates/6.1/both.bin", "vendor/real-2.0.bin"],
    ],
  );
  for (const name of ["alias/real.bin", "outside.bin", "folder/one/x.bin"])
    assert.ok(tree.has(`usr/lib/firmware/${name}`), name);
});

test("--fwdir names other folders", (context) => {
  const root = scratchFolder(context, {
    "srv/fw/real/x.bin": "x",
    "srv/second/x.bin": "the first has it",
    "srv/second/updates/y.bin": "y",
  });
  symlinkSync("/srv/fw/real/x.bin", join(root, "srv/fw/x.bin"));
  const tree = createTree();
  const folders = firmwareFolders(["/srv/fw", "/srv/second"], "6.1");
  for (const name of ["x.bin", "y.bin"])
    assert.equal(installFirmware(createHostFiles(root), tree, folders, name), true, name);
  assert.deepEqual(tree.get("usr/lib/firmware/x.bin"), { type: "symlink", target: "/usr/lib/firmware/real/x.bin" });
  assert.ok(tree.has("usr/lib/firmware/x.bin") && tree.has("usr/lib/firmware/updates/y.bin"));
});
