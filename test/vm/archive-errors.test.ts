/** What is wrong with an archive is said as what it is, and nobody ever boots into half a root. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootImage, buildImage, literally } from "../support/firstlight.js";
import { archiveVolume, diskFixtures } from "../support/root-disks.js";

const { archiveDisk } = await diskFixtures();
const image = await buildImage("archive-errors", ["-N", "-a", "tmpfs-root"]);

/** By archive: what the line "What:" of the report says, its name aside. */
const complaints: Record<string, RegExp> = {
  "broken/cut-in-member.tar": /truncated/,
  "broken/cut-between-members.tar": /truncated/,
  "broken/cut-between-members.tar.gz": /truncated/,
  "broken/cut-gzip.tar": /truncated/,
  "broken/cut-xz.tar.bz2": /truncated/,
  "broken/cut-zstd.tar.lz4": /truncated/,
  "broken/cut-lz4.tgz": /truncated/,
  "broken/cut-bzip2.tar.zst": /truncated/,
  "broken/damaged-gzip.tar": /corrupt/,
  "broken/damaged-xz.tar.bz2": /corrupt/,
  "broken/damaged-zstd.tar.lz4": /corrupt/,
  "broken/damaged-lz4.tgz": /corrupt/,
  "broken/damaged-bzip2.tar.zst": /corrupt/,
  "broken/damaged-header.tar": /corrupt/,
  "broken/text.tar": /not an archive/,
  "broken/empty.tar": /empty|truncated|not an archive/,
  "broken/folder.tar": /not on the source volume|not a file|directory/,
  "missing.tar.zst": /not on the source volume/,
};

async function failingBoot(
  context: Parameters<typeof bootImage>[0],
  parameters: string,
): Promise<{ reason: string; console: string }> {
  const cmdline = `root=tmpfs:UUID=${archiveVolume.uuid} rd.shell=0 rd.emergency=poweroff rd.trace=console ${parameters}`;
  const console = await bootImage(context, image, { cmdline, disks: [{ file: archiveDisk }] }).ended();
  assert.doesNotMatch(console, /ROOT-REACHED/);
  assert.match(console, /^Remedy: +\S/m);
  return { reason: /^What: +(.*)$/m.exec(console)?.[1] ?? "", console };
}

for (const [archive, complaint] of Object.entries(complaints)) {
  test(`archive ${archive}`, async (context) => {
    const { reason } = await failingBoot(context, `rd.tmpfs.imgfile=${archive}`);
    assert.match(reason, complaint);
    assert.match(reason, literally(archive.replace(/^broken\//, "")));
  });
}

test("an archive larger than the file system in RAM", async (context) => {
  const { reason } = await failingBoot(context, "rd.tmpfs.imgfile=zstd.tar.lz4 rd.tmpfs.size=1m");
  assert.match(reason, /does not fit.*rd\.tmpfs\.size=1m/);
});

test("a volume without a file system", async (context) => {
  const { reason } = await failingBoot(context, "root=tmpfs:/dev/vda");
  assert.match(reason, /^Failed to mount block device with root image: ./);
});

test("a memory policy for a NUMA node that is not there", async (context) => {
  const { reason } = await failingBoot(context, "rd.tmpfs.mpol=bind:7");
  assert.match(reason, /^Failed to mount tmpfs root \(.*mpol=bind:7/);
});
