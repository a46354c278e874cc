/** What the build leaves of the engine in the image is what boots. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bundlePath, snapshotPath } from "../../core/abi/index.js";
import { bootImage, buildImage, type Image, rootFacts } from "../support/firstlight.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run } from "../support/run.js";

const { rootDisk } = await diskFixtures();
const image = await buildImage("snapshot", ["-N"]);
const options = { cmdline: `root=UUID=${rootVolume.uuid}`, disks: [{ file: rootDisk }] };

/** The same image, followed by an archive in which a command has changed one of its files, "$file". */
async function imageWith(path: string, change: string): Promise<Image> {
  const folder = await mkdtemp(join(tmpdir(), "firstlight-snapshot-"));
  const changed = { ...image, file: image.file.replace(".img", "-changed.img") };
  // The kernel looks for the next archive at a multiple of four bytes.
  const script = `
    set -e
    cd "$1"; image=$2; changed=$3; file=$4
    zstd -dcq "$image" | cpio -id --quiet "$file"
    ${change}
    cp "$image" "$changed"
    truncate -s %4 "$changed"
    find . | cpio -o --quiet -H newc >>"$changed"`;
  await run(["sh", "-c", script, "sh", folder, image.file, changed.file, path.slice(1)]);
  await rm(folder, { recursive: true });
  return changed;
}

test("nothing is wrong with the snapshot of an image", async (context) => {
  const { console } = await rootFacts(bootImage(context, image, options));
  assert.doesNotMatch(console, /snapshot/);
});

test("a snapshot of another bundle is not used: a warning says so, and the bundle boots", async (context) => {
  const changed = await imageWith(bundlePath, 'echo >>"$file"');
  const { console } = await rootFacts(bootImage(context, changed, options));
  assert.match(console, /bundle\.snapshot is of no use, it is of another bundle: build the image anew/);
});

test("an engine that a damaged snapshot stops is reported; leaving the shell boots the bundle", async (context) => {
  // Behind the header and the table of runs.
  const zeros =
    'size=$(stat -c %s "$file"); runs=$(od -An -tu4 -j12 -N4 "$file"); truncate -s $((100 + 8 * runs)) "$file"; truncate -s "$size" "$file"';
  // The first engine has not asked anything.
  const guest = bootImage(context, await imageWith(snapshotPath, zeros), { ...options, engine: 2 });
  await guest.waitFor(/firstlight: the boot has failed: ./);
  await guest.waitFor(/# /);
  guest.type("exit\n");
  assert.equal((await rootFacts(guest)).init, "/sbin/init");
});
