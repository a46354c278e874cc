import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FilesPart } from "../../core/schema/machine.js";
import { cachedFolder } from "./cache.js";
import { compileStatic } from "./compile.js";
import { type ArchivePart, filesIn } from "./described-files.js";
import { type Ext4, makeDisk, type Partition } from "./disks.js";
import { projectFolder } from "./paths.js";
import { run, runAsRoot } from "./run.js";
import { makeTinyRoot } from "./tiny-root.js";

const support = join(projectFolder, "test/support");

/**
 * The names of a disk's only partition: blanks and slashes included, since a kernel command line may quote them. Ext4 takes 16 bytes of
 * a label.
 */
export interface VolumeNames {
  uuid: string;
  label: string;
  partitionUuid: string;
  partitionName: string;
}

export const rootVolume: VolumeNames = {
  uuid: "00361d4f-646b-478c-9947-73b9bec8531e",
  label: "tiny/root one",
  partitionUuid: "5a1f0001-8f0e-4d53-a0a5-d1f7d1d7c001",
  partitionName: "the first root",
};

export const archiveVolume: VolumeNames = {
  uuid: "77c1c6de-02f0-4d4c-8ff5-d90e4a5b6c02",
  label: "archives of/root",
  partitionUuid: "5a1f0002-8f0e-4d53-a0a5-d1f7d1d7c002",
  partitionName: "root archives",
};

/** root= values (without `tmpfs:`) that all mean the volume. Without `device` its disk is the guest's first on virtio. */
export function rootForms({ uuid, label, partitionUuid, partitionName }: VolumeNames, device = "/dev/vda1"): string[] {
  return [
    `UUID=${uuid}`,
    `LABEL=${label}`,
    `PARTUUID=${partitionUuid}`,
    `PARTLABEL=${partitionName}`,
    device,
    `/dev/disk/by-uuid/${uuid}`,
  ];
}

/** Archives of the tiny root by the compression that they really have; their names say another one. */
export const archivesByFormat = {
  plain: "plain.tar.gz",
  gzip: "gzip.tar",
  xz: "xz.tar.bz2",
  zstd: "zstd.tar.lz4",
  lz4: "lz4.tgz",
  bzip2: "bzip2.tar.zst",
};

/** Runs in the archives' folder, beside `tiny` (a folder) and `nasty` (the same with the nasty tree and tree-facts). */
const packArchives = `
set -eu
pack="tar --format=posix --numeric-owner --xattrs --xattrs-include=* --acls --sparse"
$pack --owner=0 --group=0 -C tiny -cf plain.tar.gz .
gzip -c <plain.tar.gz >gzip.tar
xz -0 -c <plain.tar.gz >xz.tar.bz2
zstd -q -c <plain.tar.gz >zstd.tar.lz4
# With sums of small blocks: damage shows where it is, not after tar has seen the end and gone.
lz4 -q -B4 -BX -c <plain.tar.gz >lz4.tgz
bzip2 -c <plain.tar.gz >bzip2.tar.zst
cp zstd.tar.lz4 rootfs.tar.zst
$pack -C nasty -cf - . | xz -0 >nasty.tar.xz
rm -r tiny nasty

mkdir broken
head -c 1000000 plain.tar.gz >broken/cut-in-member.tar
# With a record of one block the end is two blocks of zeros, and nothing else.
mkdir small && echo content >small/file
tar -b 1 -C small -cf small.tar .
head -c -1024 small.tar >broken/cut-between-members.tar
# The second member's header is none.
{ head -c 512 small.tar; head -c 512 /dev/zero | tr '\\0' x; tail -c +1025 small.tar; } >broken/damaged-header.tar
gzip -c <broken/cut-between-members.tar >broken/cut-between-members.tar.gz
for archive in gzip.tar xz.tar.bz2 zstd.tar.lz4 lz4.tgz bzip2.tar.zst; do
	head -c 600000 "$archive" >"broken/cut-$archive"
	{ head -c 500000 "$archive"; head -c 1000 /dev/zero; tail -c +501001 "$archive"; } >"broken/damaged-$archive"
done
seq 100000 >broken/text.tar
: >broken/empty.tar
mkdir broken/folder.tar
rm -r small small.tar
`;

interface Fixtures {
  /** A disk with the tiny root on its partition `rootVolume`. */
  rootDisk: string;
  /** A disk with archives of the tiny root on its partition `archiveVolume`, good ones and broken ones. */
  archiveDisk: string;
  /** What tree-facts says of the tree that nasty.tar.xz holds below /nasty: lines. */
  nastyFacts: string;
}

/** What decides how the disks are made. */
const recipe = ["root-disks.ts", "disks.ts", "described-files.ts", "tiny-root.ts", "nasty-tree.sh", "tree-facts.c"];

/** The disks that tests boot from. Made once, and again whenever their recipe has changed. */
export async function diskFixtures(): Promise<Fixtures> {
  const sources = await Promise.all(recipe.map((name) => readFile(join(support, name), "utf8")));
  const folder = await cachedFolder("disks", sources, async (unfinished) => {
    const archives = join(unfinished, "archives");
    const tiny = join(archives, "tiny");
    await makeTinyRoot(tiny);
    // With the partition table 64 MiB: an SD card's size is a power of two.
    await makeDisk(join(unfinished, "root.img"), [partition(rootVolume, tiny, 62)]);
    const inArchives = filesIn(tiny);
    await makeNastyRoot(tiny, join(archives, "nasty"), join(unfinished, "nasty-facts.txt"));
    await runAsRoot(["sh", "-c", packArchives], { cwd: archives });
    await makeDisk(join(unfinished, "archives.img"), [
      partition(archiveVolume, archives, 128, describedArchives(inArchives)),
    ]);
    await runAsRoot(["rm", "-r", archives]);
  });
  return {
    rootDisk: join(folder, "root.img"),
    archiveDisk: join(folder, "archives.img"),
    nastyFacts: await readFile(join(folder, "nasty-facts.txt"), "utf8"),
  };
}

/** What is in the archives of packArchives, and what is wrong with those in `broken`. */
function describedArchives(tiny: FilesPart): NonNullable<Ext4["archives"]> {
  const names = Object.values(archivesByFormat);
  const compressed = names.filter((name) => name !== archivesByFormat.plain);
  const all = (folder: string, which: readonly (string | undefined)[], part: ArchivePart) =>
    Object.fromEntries(which.map((name) => [`${folder}${name}`, part]));
  const one = { file: "content\n" };
  return {
    ...all("", [...names, "rootfs.tar.zst"], { archive: tiny }),
    "nasty.tar.xz": { archive: { ...tiny, ...nastyAttributes } },
    ...all("broken/cut-", [...compressed, "in-member.tar"], { archive: tiny, damage: "truncated" }),
    ...all("broken/damaged-", compressed, { archive: tiny, damage: "corrupt" }),
    "broken/damaged-header.tar": { archive: one, damage: "corrupt" },
    ...all("broken/cut-between-members", [".tar", ".tar.gz"], { archive: one, damage: "unterminated" }),
  };
}

/** Of the tree that nasty-tree.sh makes, what has extended attributes. */
const nastyAttributes: FilesPart = {
  "nasty/capable": { xattrs: ["security.capability"] },
  "nasty/trusted": { xattrs: ["trusted.first", "trusted.second"] },
  "nasty/user-attribute": { xattrs: ["user.comment"] },
};

function partition(
  { uuid, label, partitionUuid, partitionName }: VolumeNames,
  content: string,
  size: number,
  archives: Ext4["archives"] = {},
): Partition {
  return { uuid: partitionUuid, name: partitionName, fileSystem: { uuid, label, content, size, archives } };
}

/** The tiny root once more, with the nasty tree in /nasty, and with an init that also prints the facts of it. */
async function makeNastyRoot(tiny: string, root: string, factsFile: string): Promise<void> {
  const nasty = join(root, "nasty");
  const treeFacts = join(root, "bin/tree-facts");
  await run(["cp", "-a", tiny, root]);
  await compileStatic(join(support, "tree-facts.c"), treeFacts);
  await writeFile(join(root, "facts.d/nasty"), "echo NASTY-BEGIN\ntree-facts /nasty\necho NASTY-END\n");
  await mkdir(nasty);
  await runAsRoot(["sh", join(support, "nasty-tree.sh"), nasty]);
  await writeFile(factsFile, await runAsRoot([treeFacts, nasty]));
}
