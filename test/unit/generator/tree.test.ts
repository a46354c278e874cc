import assert from "node:assert/strict";
import { test } from "node:test";
import { createTree, type Entry } from "../../../core/generator/tree.js";

const file = (size: number): Entry => ({ type: "file", mode: 0o644, content: Buffer.alloc(size), modified: 0 });

test("a tree knows its size and who has brought what, also after something was taken out", () => {
  const tree = createTree();
  tree.bringer = "one";
  tree.add("/usr/bin/a", file(1));
  tree.add("/usr/bin/a", file(100));
  tree.add("/usr/bin-more", file(10));
  tree.add("/usr/lib/b", { type: "file", mode: 0o755, content: { path: "/b", size: 1000 }, modified: 0 });
  tree.add("/bin", { type: "symlink", target: "usr/bin" });
  tree.add("/bin/c", file(10_000));
  assert.equal(tree.size(), 11_011, "what is there already stays, and links have no size");
  assert.equal(tree.remove("/usr/bin"), true);
  assert.equal(tree.size(), 1010);
  assert.deepEqual(
    tree.entries().map(([path]) => path),
    ["bin", "usr", "usr/bin-more", "usr/lib", "usr/lib/b"],
  );
  assert.equal(tree.remove("/usr/bin"), false);
  tree.bringer = undefined;
  tree.add("/usr/bin/a", file(5));
  assert.equal(tree.size(), 1015);
  assert.equal(tree.bringerOf("usr/bin/a"), undefined);
  assert.equal(tree.bringerOf("usr/bin-more"), "one");
});
