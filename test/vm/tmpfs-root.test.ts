/** A root that is unpacked into RAM: from every kind of volume name and archive, with everything that files can have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootImage, buildImage, literally, rootFacts } from "../support/firstlight.js";
import { archivesByFormat, archiveVolume, diskFixtures, rootForms } from "../support/root-disks.js";

const { archiveDisk, nastyFacts } = await diskFixtures();
const image = await buildImage("tmpfs-root", ["-N", "-a", "tmpfs-root"]);
const disks = [{ file: archiveDisk }];
const byUuid = `root=tmpfs:UUID=${archiveVolume.uuid}`;

for (const form of rootForms(archiveVolume)) {
  test(`tmpfs root from ${form}`, async (context) => {
    const cmdline = `"root=tmpfs:${form}" rd.tmpfs.size=64m rd.tmpfs.imgfile=/gzip.tar`;
    const { mounts, init, size, writable } = await rootFacts(bootImage(context, image, { cmdline, disks }));
    assert.equal(init, "/sbin/init");
    assert.equal(mounts.get("/")?.type, "tmpfs");
    assert.equal(size, 65536);
    assert.ok(writable);
    assert.ok(![...mounts.values()].some(({ source }) => source.startsWith("/dev/vda")), "the source is unmounted");
  });
}

for (const [format, name] of Object.entries(archivesByFormat)) {
  test(`tmpfs root from an archive of format ${format}, whatever its name`, async (context) => {
    const cmdline = `${byUuid} rd.tmpfs.size=50% rd.tmpfs.imgfile=${name}`;
    const { mounts, console } = await rootFacts(bootImage(context, image, { cmdline, disks }));
    assert.equal(mounts.get("/")?.type, "tmpfs");
    assert.match(console, new RegExp(`${name}: .*unpacked`), "progress is shown");
  });
}

test("archive and size have defaults, and ro is the source's matter", async (context) => {
  const facts = await rootFacts(bootImage(context, image, { cmdline: `${byUuid} ro`, disks, memory: 512 }));
  const mebibytes = facts.size / 1024;
  assert.ok(mebibytes > 180 && mebibytes <= 256, `about half of the memory: ${mebibytes} MiB`);
  assert.ok(facts.writable);
  assert.match(facts.console, /taking rootfs\.tar\.zst/);
  assert.match(facts.console, /taking 50%/);
});

/** Lines of tree-facts, sorted, with each inode's number replaced by the first path that has it. */
function comparable(facts: string): string[] {
  const first = new Map<string, string>();
  return facts
    .trim()
    .split("\n")
    .sort()
    .map((line) =>
      line.replace(/ inode=(\d+)/, (_, inode: string) => {
        const path = line.split(" ")[0] ?? "";
        first.set(inode, first.get(inode) ?? path);
        return ` same-as=${first.get(inode)}`;
      }),
    );
}

test("owners, modes, times, links, holes, attributes, capabilities, access lists and names arrive", async (context) => {
  const cmdline = `${byUuid} rd.tmpfs.imgfile=nasty.tar.xz`;
  const { console } = await rootFacts(bootImage(context, image, { cmdline, disks }));
  const arrived = comparable(/^NASTY-BEGIN\n(.*)^NASTY-END$/ms.exec(console)?.[1] ?? "");
  const packed = comparable(nastyFacts);
  assert.ok(packed.length > 60, "the tree has all that its script makes");
  // A tmpfs has user.* attributes since Linux 6.6. An older one cannot, and says so.
  const keepsUserAttributes = arrived.some((line) => line.includes(" user.comment="));
  assert.deepEqual(
    arrived,
    keepsUserAttributes ? packed : packed.map((line) => line.replace(/ user\.comment=\w+/, "")),
  );
  if (!keepsUserAttributes) {
    assert.match(console, /nasty\.tar\.xz: (?=.*user\.comment)(?=.*user-attribute).*not supported/);
  }
});

for (const source of ["NFS=nfs:server:/export", "https://server/root.tar"]) {
  test(`tmpfs root from ${source}: the error names the module that it needs`, async (context) => {
    const cmdline = `root=tmpfs:${source} rd.shell=0 rd.emergency=poweroff rd.trace=console`;
    const console = await bootImage(context, image, { cmdline, disks }).ended();
    assert.match(console, new RegExp(`What: .*${literally(source).source}.* needs the module \\S+`));
  });
}
