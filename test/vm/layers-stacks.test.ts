/** Arrays, volumes and containers on one another, on disks that come late. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { bootImage, buildImage, rootFacts } from "../support/firstlight.js";
import { layerDisks } from "../support/layer-disks.js";
import type { LayerSetName } from "../support/layer-sets.js";
import { layersRoot } from "../support/layers-root.js";
import { outFolder } from "../support/paths.js";
import type { Disk } from "../support/qemu.js";

const passphrase = "correct horse";
const keyFile = join(outFolder, "tests/layers-stacks.key");
await mkdir(join(outFolder, "tests"), { recursive: true });
await writeFile(keyFile, passphrase);
const system = ["--sysroot", await layersRoot()];
const image = await buildImage("layers-stacks", ["-N", ...system, "-a", "md-raid lvm luks", "-i", keyFile, "/key"]);

interface Stack {
  set: LayerSetName;
  cmdline: string;
  /** What a person types when asked. */
  typed?: string;
  /** Why it is not compared with its rehearsal. */
  notRehearsed?: string;
}

const containers = ["1", "2"].map((end) => `rd.luks.uuid=57ac0003-0000-4000-8000-00000000000${end}`).join(" ");

const stacks: Stack[] = [
  {
    set: "luks-on-lvm-on-raid",
    cmdline: "root=LABEL=stack1-root rd.luks.uuid=57ac0001-0000-4000-8000-000000000002",
    typed: passphrase,
  },
  {
    set: "lvm-on-luks-on-partition",
    cmdline: "root=/dev/stack2/root rd.luks.uuid=57ac0002 rd.luks.key=/key",
  },
  {
    set: "raid-on-luks",
    cmdline: `root=UUID=57ac0003-0000-4000-8000-000000000004 ${containers} rd.luks.key=/key`,
    notRehearsed: "two containers are unlocked at the same time: either may be the first",
  },
];

for (const { set, cmdline, typed, ...differs } of stacks)
  test(`${set}, whose disks come late`, async (context) => {
    const files = Object.values(await layerDisks(set));
    const disks = files.map((file): Disk => ({ file, bus: "virtio-scsi", late: true }));
    const described = typed === undefined ? {} : { console: [{ line: typed }] };
    const guest = bootImage(context, image, { cmdline, disks, described, ...differs });
    await guest.waitFor(/waiting for /);
    for (const disk of disks) {
      guest.plug(disk);
      await guest.waitFor(/Attached SCSI disk/);
    }
    if (typed !== undefined) {
      await guest.waitFor(/\nPassphrase for /);
      guest.type(`${typed}\n`);
    }
    const { mounts } = await rootFacts(guest);
    assert.equal(mounts.get("/")?.type, "ext4");
  });
