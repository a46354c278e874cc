import assert from "node:assert/strict";
import { test } from "node:test";
import { createMachine } from "../../../core/rehearsal/machine.js";
import { forgetInUdev, tellUdev } from "../../../core/sequencer/device-mapper.js";

const entry = "/run/udev/data/b253:0";

test("udev's database: our entry of a mapping is made once, one that udev has written stays, and goes with the mapping", () => {
  const { op, files } = createMachine({
    commandLine: "",
    kernel: { release: "6.1.0", machine: "x86_64" },
    initramfs: { "run/": "" },
    devices: [],
    drivers: {},
    modaliases: [],
    programs: {},
  });
  Object.assign(globalThis, { op });
  tellUdev("253:0");
  assert.equal(files.find(entry).data, "E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\n");
  op("write", JSON.stringify({ path: entry, data: "S:mapper/x\n", mode: 0o644 }));
  tellUdev("253:0");
  assert.equal(files.find(entry).data, "S:mapper/x\n");
  forgetInUdev("253:0");
  assert.ok(!files.has(entry));
  forgetInUdev("253:0");
});
