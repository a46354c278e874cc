/** A root that is unpacked into RAM: from every kind of volume name and archive, with everything that files can have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootImage, buildImage, rootFacts } from "../support/firstlight.js";
import { archivesByFormat, archiveVolume, diskFixtures, rootForms } from "../support/root-disks.js";

const { archiveDisk, nastyFacts } = await diskFixtures();
const image = await buildImage("tmpfs-root", ["-N", "-a", "tmpfs-root"]);
const disks = [{ file: archiveDisk }];
const byUuid = `root=tmpfs:UUID=${archiveVolume.uuid}`;

const formats = Object.entries(archivesByFormat);
for (const [index, form] of rootForms(archiveVolume).entries()) {
  const [format, name] = formats[index] ?? [];
  test(`tmpfs root from ${form}, an archive of format ${format}, whatever its name`, async (context) => {
    const cmdline = `"root=tmpfs:${form}" rd.tmpfs.size=64m rd.tmpfs.imgfile=/${name}`;
    const facts = await rootFacts(bootImage(context, image, { cmdline, disks }));
    assert.equal(facts.init, "/sbin/init");
    assert.equal(facts.mounts.get("/")?.type, "tmpfs");
    assert.equal(facts.size, 65536);
    assert.ok(facts.writable);
    assert.ok(![...facts.mounts.values()].some(({ source }) => source.startsWith("/dev/vda")), "it is unmounted");
    assert.match(facts.console, new RegExp(`${name}: .*unpacked`), "progress is shown");
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
