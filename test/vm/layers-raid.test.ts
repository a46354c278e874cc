/** Arrays of real disks, which mdadm assembles: whole ones, those that lack members, and members that look like file systems. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootImage, buildImage, literally, prompt, rootFacts } from "../support/firstlight.js";
import { layerDisks } from "../support/layer-disks.js";
import { layersRoot } from "../support/layers-root.js";

const disks = await layerDisks("arrays");
const image = await buildImage("layers-raid", ["-N", "-a", "md-raid busybox", "--sysroot", await layersRoot()]);
const files = (...names: string[]) => names.map((name) => ({ file: disks[name] ?? "" }));
const uuidOf = (number: number) => `a22a000${number}:1c2d3e4f:50617283:94a5b6c7`;
const missing = "a22a0009-1c2d-3e4f-5061-728394a5b6c7";

test("named arrays are assembled, others left alone, an optional one may be missing; the new root gets their names and mdadm's map", async (context) => {
  const guest = bootImage(context, image, {
    cmdline: `root=UUID=a22a0001-0000-4000-8000-000000000001 ro rd.md.uuid=${uuidOf(1)}:/dev/md1 rd.md.uuid=${missing}:optional`,
    disks: files("a", "e", "f", "g", "b"),
  });
  const { mounts, links, console } = await rootFacts(guest);
  assert.equal(
    mounts.get("/")?.source,
    "/dev/md1",
    "not one of its members, each of which looks like this file system",
  );
  for (const name of ["md-name-box:root", `md-uuid-${uuidOf(1)}`])
    assert.equal(links.get(`/dev/disk/by-id/${name}`), "/dev/md1");
  assert.match(console, /^MAP md1 1\.0 \S+ \/dev\/md1$/m);
  assert.match(console, /^md1 : active .*raid1/m);
  assert.doesNotMatch(console, /raid5/, "nobody has named it");
  assert.match(console, /array a22a0009:[\w:]+, optional by rd.md.uuid=, is not there: none of its members is there/);
});

test("arrays that lack members start at the timeout; a partition that the kernel finds on a member is not taken for that of the array", async (context) => {
  const guest = bootImage(context, image, {
    cmdline: "root=PARTUUID=a22a0002-0000-4000-8000-000000000002 ro rd.retry=18",
    disks: files("c", "e", "f"),
    notRehearsed: "a machine file has no partitions of arrays",
  });
  const { mounts, links, console } = await rootFacts(guest);
  const { source } = mounts.get("/") ?? {};
  assert.match(source ?? "", /^\/dev\/md\d+p1$/);
  for (const name of ["/dev/md/parted1", `/dev/disk/by-id/md-uuid-${uuidOf(2)}-part1`])
    assert.equal(links.get(name), source);
  assert.match(
    console,
    /array box:parted .* is started without all of its members: 1 of its 2 members \(raid1\) is there: vda/,
  );
  assert.match(
    console,
    /array box:data .* is started without all of its members: 2 of its 3 members \(raid5\) are there: vdb, vdc/,
  );
  assert.match(console, /\[3\/2\] \[UU_\]/);
});

test("a required array that cannot be started stops the boot, and its report says what is there of it; a member that comes then starts it", async (context) => {
  const [e, f] = files("e", "f");
  assert.ok(e && f);
  const late = { ...f, bus: "virtio-scsi" as const, late: true as const };
  const guest = bootImage(context, image, {
    cmdline: `root=/dev/md1 ro rd.retry=18 rd.md.uuid=${uuidOf(1)}:/dev/md1 rd.md.uuid=${uuidOf(3)}:/dev/md3`,
    disks: [...files("a", "b"), e, late],
    described: { programs: [{ argv: ["shell"], lasts: 60 }] },
    changedByHand: true,
  });
  await guest.waitFor(literally(`What:    array ${uuidOf(3)} (/dev/md3), wanted for rd.md.uuid, has not come`));
  await guest.waitFor(/1 of its 3 members \(raid5\) is there: vdc/);
  await guest.waitFor(prompt);
  guest.plug(late);
  await guest.waitFor(literally(`array ${uuidOf(3)} (/dev/md3) has arrived: exit to go on.`));
  guest.type("exit\n");
  const { mounts, console } = await rootFacts(guest);
  assert.equal(mounts.get("/")?.source, "/dev/md1");
  assert.match(console, /^md3 : active .*\n.*\[3\/2\] \[UU_\]/m);
});
