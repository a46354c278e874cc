import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../../core/abi/index.js";

test("the nearest name, if one is near", () => {
  const names = ["rd.retry", "rd.shell", "rd.tmpfs.size", "rd.tmpfs.imgfile"];
  assert.equal(nearest("rd.rerty", names), "rd.retry");
  assert.equal(nearest("rd.tmpfssize", names), "rd.tmpfs.size");
  assert.equal(nearest("rd.tmpfs.imagefile", names), "rd.tmpfs.imgfile");
  assert.equal(nearest("something else", names), undefined);
  assert.equal(nearest("x", []), undefined);
  assert.equal(nearest("rd.shell", names), "rd.shell");
});
