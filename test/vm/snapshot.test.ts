/** What the build leaves of the engine in the image is what boots. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { bundlePath, snapshotPath } from "../../core/abi/index.js";
import { bootImage, buildImage, type Image, rootFacts } from "../support/firstlight.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run } from "../support/run.js";

const { rootDisk } = await diskFixtures();
const image = await buildImage("snapshot", ["-N"]);
const options = { cmdline: `root=UUID=${rootVolume.uuid}`, disks: [{ file: rootDisk }] };

/** The image's own file of this path. */
const fileOf = (path: string) =>
  run(["sh", "-c", 'zstd -dcq "$1" | cpio -i --quiet --to-stdout "$2"', "sh", image.file, path.slice(1)]);

/** The same image, followed by an archive with another file in place of one. */
async function imageWith(path: string, content: string): Promise<Image> {
  const folder = await mkdtemp(join(tmpdir(), "firstlight-snapshot-"));
  await run(["mkdir", "-p", join(folder, dirname(path))]);
  await writeFile(join(folder, path), content);
  const archive = await run(["sh", "-c", 'cd "$1" && find . | cpio -o --quiet -H newc', "sh", folder]);
  await rm(folder, { recursive: true });
  const original = await readFile(image.file);
  // The kernel looks for the next archive at a multiple of four bytes.
  const padding = Buffer.alloc((4 - (original.length % 4)) % 4);
  const file = image.file.replace(".img", "-changed.img");
  await writeFile(file, Buffer.concat([original, padding, Buffer.from(archive)]));
  return { ...image, file };
}

test("an image holds a snapshot, and nothing is wrong with it", async (context) => {
  assert.match(await fileOf(snapshotPath), /^1st-snap/);
  const { console } = await rootFacts(bootImage(context, image, options));
  assert.doesNotMatch(console, /snapshot/);
});

test("a snapshot of another bundle is not used: a warning says so, and the bundle boots", async (context) => {
  const changed = await imageWith(bundlePath, `${await fileOf(bundlePath)} `);
  const { console } = await rootFacts(bootImage(context, changed, options));
  assert.match(console, /bundle\.snapshot is of no use, it is of another bundle: build the image anew/);
});
