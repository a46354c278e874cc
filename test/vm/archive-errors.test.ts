/** What is wrong with an archive is said as what it is, and nobody ever boots into half a root. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootImage, buildImage, literally, prompt, tryAgain, wordsInShell } from "../support/firstlight.js";
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

const byUuid = `root=tmpfs:UUID=${archiveVolume.uuid}`;
/** By words on the command line: what the line "What:" of the report says. */
const others: Record<string, RegExp> = {
  [`${byUuid} rd.tmpfs.imgfile=zstd.tar.lz4 rd.tmpfs.size=1m`]: /does not fit.*rd\.tmpfs\.size=1m/,
  "root=tmpfs:/dev/vda": /^Failed to mount block device with root image: ./,
  "root=tmpfs:NFS=nfs:server:/export": /NFS=nfs:server:\/export.* needs the module \S+/,
  "root=tmpfs:https://server/root.tar": /https:\/\/server\/root\.tar.* needs the module \S+/,
  [`${byUuid} rd.tmpfs.mpol=bind:7`]: /^Failed to mount tmpfs root \(.*mpol=bind:7/,
};

test("what is wrong with an archive, its volume or its place in RAM is said; one boot after the other in one guest", async (context) => {
  const described = wordsInShell(Object.keys(others).at(-1) ?? "", { "/run/initramfs/tmpfs-root/": "" });
  const disks = [{ file: archiveDisk }];
  const guest = bootImage(context, image, { cmdline: "", disks, described });
  const reasonWith = async (words: string) => {
    await tryAgain(guest, words);
    const [, reason = ""] = await guest.waitFor(/^What: +(.*)\n/m);
    await guest.waitFor(/^Remedy: +\S/m);
    return reason;
  };
  for (const [archive, complaint] of Object.entries(complaints)) {
    const reason = await reasonWith(`${byUuid} rd.tmpfs.imgfile=${archive}`);
    assert.match(reason, complaint, archive);
    assert.match(reason, literally(archive.replace(/^broken\//, "")));
  }
  for (const [words, complaint] of Object.entries(others)) assert.match(await reasonWith(words), complaint, words);
  await guest.waitFor(prompt);
  assert.doesNotMatch(guest.console(), /root: .* on \/sysroot|ROOT-REACHED/);
  await guest.left();
});
