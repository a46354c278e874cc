/** An image of --no-kernel and one of --kernel-only, one after the other, as a boot loader hands them to the kernel. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { bootImage, buildImage, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";

test("the kernel-independent image boots with the drivers of another", async (context) => {
  const { rootDisk } = await diskFixtures();
  const kernel = await debianKernel("cloud");
  const independent = await buildImage("halves-independent", ["-N", "--no-kernel"]);
  const drivers = await buildImage("halves-drivers", ["-N", "--kernel-only"]);
  const file = `${drivers.file}.both`;
  await writeFile(file, Buffer.concat([independent, drivers].map((half) => readFileSync(half.file))));
  const guest = bootImage(
    context,
    { file, kernel },
    { cmdline: `root=UUID=${rootVolume.uuid}`, disks: [{ file: rootDisk }] },
  );
  const facts = await rootFacts(guest);
  assert.equal(facts.mounts.get("/")?.type, "ext4");
});
