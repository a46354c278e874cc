/** Roots on volumes in encrypted arrays: as the manual describes such a machine, and as this host is one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readHostMachine } from "../../core/scenario/host-machine.js";
import { openImage } from "../../core/scenario/image.js";
import { parseMachine } from "../../core/scenario/machine-json.js";
import { bootImage, exitStatus, formatRehearsal } from "../../core/scenario/rehearsal.js";
import type { MachineFile } from "../../core/schema/machine.js";
import { buildImage } from "../support/firstlight.js";
import { layersRoot } from "../support/layers-root.js";
import { layeredHost, layeredUuids } from "../support/made-up-host.js";
import { projectFolder } from "../support/paths.js";

const options = ["-N", "--no-kernel", "-a", "md-raid luks lvm", "--sysroot", await layersRoot()];
const { file } = await buildImage("layered-machines", [...options, "--compress", "zstd -1"]);
const image = await openImage(file);

async function rehearse(machine: MachineFile, commandLine: string) {
  const rehearsed = await bootImage(image, { machine, folder: "/", unknown: [] }, commandLine);
  return { status: exitStatus(rehearsed), text: formatRehearsal(rehearsed, { all: false }) };
}

test("the manual's machine boots with the words that the manual has, and without them says which are missing", async () => {
  const manual = readFileSync(join(projectFolder, "docs/rehearse.md"), "utf8");
  const [, json = "", line = ""] = /```json\n(\{[^`]*"lvm"[^`]*)```\s+boots with `([^`]+)`/.exec(manual) ?? [];
  const machine = parseMachine(json, "manual");
  const good = await rehearse(machine, line);
  assert.equal(good.status, 0, good.text);
  assert.match(good.text, /Passphrase for /);
  const locked = await rehearse(machine, `${line.replace(/ rd\.luks.*/, "")} rd.retry=6`);
  assert.equal(locked.status, 1, locked.text);
  assert.match(locked.text, /^ +Locked: {2}\/dev\/md127 is encrypted: rd\.luks\.uuid=5f1c1fb0-\S+ on the kernel /m);
  const degraded = {
    ...machine,
    disks: (machine.disks ?? []).map((disk) => (disk.name === "vdb" ? { ...disk, after: 1e6 } : disk)),
  };
  const { status, text } = await rehearse(degraded, `${line} rd.retry=6`);
  assert.equal(status, 0, text);
  assert.match(text, /is started without all of its members: 1 of its 2 /);
});

test("a host's own layers: whatever is typed is right", async (context: TestContext) => {
  const { machine, unseen } = readHostMachine(layeredHost(context));
  const line = `root=/dev/vg/root rd.luks.uuid=${layeredUuids.container} rd.md.uuid=${layeredUuids.array} rd.lvm.lv=vg/root`;
  const { status, text } = await rehearse(machine, line);
  assert.deepEqual([status, unseen], [0, []], text);
  assert.match(text, /Passphrase for [\s\S]*root: \/dev\/dm-\d on \/sysroot \(ext4, ro\)/);
});
