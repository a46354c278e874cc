import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMountOptions } from "../../../core/sequencer/mounts.js";

test("flags and the file system's own data are told apart", () => {
  assert.deepEqual(parseMountOptions("ro,nosuid,size=50%,mode=0755"), {
    flags: ["ro", "nosuid"],
    data: "size=50%,mode=0755",
  });
  assert.deepEqual(parseMountOptions(""), { flags: [], data: "" });
});

test("rw takes ro back, the last one wins", () => {
  assert.deepEqual(parseMountOptions("ro,rw"), { flags: [], data: "" });
  assert.deepEqual(parseMountOptions("rw,ro"), { flags: ["ro"], data: "" });
});

test("options for mount(8) and systemd never reach the kernel", () => {
  assert.deepEqual(parseMountOptions("defaults,noauto,nofail,x-systemd.automount,_netdev,subvol=@"), {
    flags: [],
    data: "subvol=@",
  });
});

test("commas that belong to a value stay in it", () => {
  assert.equal(
    parseMountOptions('context="system_u:object_r:tmp_t:s0:c127,c456",mode=0700').data,
    'context="system_u:object_r:tmp_t:s0:c127,c456",mode=0700',
  );
  assert.equal(parseMountOptions("size=1G,mpol=bind:0,2").data, "size=1G,mpol=bind:0,2");
});
