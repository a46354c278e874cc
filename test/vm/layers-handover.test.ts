/** A root on LVM on LUKS on RAID, handed over to systemd and udev, and taken apart when the system goes down. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bootImage, buildImage } from "../support/firstlight.js";
import { layerDisks } from "../support/layer-disks.js";
import { layersRoot } from "../support/layers-root.js";
import { scsiUnits } from "../support/qemu.js";
import { run, runAsRoot } from "../support/run.js";

const [array, container] = ["6d6b0099:1c2d3e4f:50617283:94a5b6c7", "10c50099-0000-4000-8000-000000000001"];
const cmdline = `root=/dev/system/root rw rd.md.uuid=${array} rd.luks.uuid=${container} rd.lvm.vg=system`;

test("systemd finds all devices active, and what they are made of is taken apart when it powers off", async (context) => {
  const system = await layersRoot();
  const image = await buildImage("layers-handover", [
    "-N",
    "--sysroot",
    system,
    "-m",
    "rootfs-block md-raid luks lvm busybox",
  ]);
  const members = await copiesOf(context, Object.values(await layerDisks("handover")));
  const guest = bootImage(context, image, {
    cmdline,
    qemuArguments: scsiUnits(members, "off"),
    notRehearsed: "its disks are looked at afterwards: what it writes to them has to stay",
  });
  await guest.waitFor(/luks-10c50099\S*\)?[^\n]*: /);
  guest.type("hand over\n");
  await guest.waitFor(/firstlight login: /);
  guest.type("root\n");
  await guest.waitFor(/root@firstlight:~# /);

  guest.type("systemctl is-system-running --wait; systemctl list-units --failed --no-legend --plain\n");
  assert.equal((await guest.waitFor(/^(running|degraded|starting|maintenance)\n/m))[1], "running", guest.console());
  guest.type("systemctl is-active dev-md127.device dev-mapper-system\\\\x2droot.device | sort | uniq -c\n");
  await guest.waitFor(/^ +2 active\n/m);
  guest.type("journalctl -b | grep -cE 'Timed out waiting|Dependency failed'\n");
  await guest.waitFor(/^0\n/m);
  guest.type("systemctl poweroff\n");
  const console = await guest.ended();
  assert.match(
    console,
    new RegExp(
      [
        "shutdown: the logical volume system-root is inactive",
        `shutdown: the encrypted volume luks-${container} is closed`,
        "shutdown: the array md127 is stopped",
        "shutdown: poweroff",
        "reboot: Power down",
      ].join("[^]*"),
    ),
  );
  assert.doesNotMatch(console, /shutdown: .* is not /);
  for (const member of members) assert.match(await examined(system, member), /^ +State : clean$/m);
});

/** They end with the test. */
async function copiesOf(
  context: { after(action: () => Promise<void>): void },
  files: readonly string[],
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "firstlight-handover-"));
  context.after(() => rm(folder, { recursive: true }));
  await run(["cp", "--sparse=always", ...files, folder]);
  return files.map((file) => join(folder, file.replace(/.*\//, "")));
}

/** What mdadm of a system says of the superblock in a file. */
const examined = (system: string, file: string): Promise<string> =>
  runAsRoot([
    ...[join(system, "lib64/ld-linux-x86-64.so.2"), "--library-path", join(system, "usr/lib/x86_64-linux-gnu")],
    ...[join(system, "usr/sbin/mdadm"), "--examine", file],
  ]);
