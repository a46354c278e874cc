/** The main job: a real Debian, unpacked into RAM, up to its login prompt, and down again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tracePath } from "../../core/abi/index.js";
import { debianArchive, debianDisk, debianVolumeUuid } from "../support/debian-root.js";
import { bootImage, buildImage } from "../support/firstlight.js";
import { recordingLine } from "../support/qemu.js";

test("Debian in RAM up to its login prompt", async (context) => {
  const image = await buildImage("debian", ["-N", "-a", "tmpfs-root"]);
  const guest = bootImage(context, image, {
    cmdline: `root=tmpfs:UUID=${debianVolumeUuid} rd.tmpfs.size=600m rd.tmpfs.imgfile=${debianArchive}`,
    disks: [{ file: await debianDisk() }],
    memory: 1024,
  });
  await guest.waitFor(/firstlight login: /);
  guest.type("root\n");
  await guest.waitFor(/root@firstlight:~# /);
  guest.type("grep ' / ' /proc/mounts; systemctl list-units --failed --no-legend --plain | wc -l\n");
  await guest.waitFor(/^\S+ \/ tmpfs rw,\S*size=614400k/m);
  const [, failedUnits] = await guest.waitFor(/^(\d+)\n/m);
  assert.equal(failedUnits, "0");
  guest.type(`cat ${tracePath} >${recordingLine}; echo RECOR''DED\n`);
  await guest.waitFor(/^RECORDED\n/m);
  guest.type("poweroff\n");
  assert.match(await guest.ended(), /reboot: Power down/);
});
