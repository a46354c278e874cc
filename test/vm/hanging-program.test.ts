/** A program that hangs while it sets up what the boot does not need, as on a disk that does not answer any more. */
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { bootImage, mkinitrdCommand, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run } from "../support/run.js";

const folder = join(outFolder, "tests/hanging-program");
const module = join(folder, "modules.d/91dead-disk");
const { rootDisk } = await diskFixtures();

await rm(folder, { recursive: true, force: true });
await mkdir(module, { recursive: true });
await writeFile(
  join(module, "module-setup.ts"),
  `import { moduleSetup } from "firstlight/hooks";
export default moduleSetup({ install: (image) => image.program("sleep") });
`,
);
await writeFile(
  join(module, "initqueue.ts"),
  `import { hook } from "firstlight/hooks";
export default hook({
  run: ({ devices, programs }) =>
    devices.watch(async ({ name }) => {
      if (name === "vda1") await programs.run({ argv: ["sleep", "1000"] });
    }),
});
`,
);
const kernel = await debianKernel("cloud");
const file = join(folder, "initrd.img");
await run(mkinitrdCommand(["-q", "-N", "--local", "-a", "dead-disk", "--compress", "zstd -1"], file, kernel), {
  cwd: folder,
});

test("the boot goes on after rd.retry, and nothing is left of the program", async (context) => {
  const cmdline = `root=UUID=${rootVolume.uuid} rd.retry=12`;
  const described = { programs: [{ argv: ["sleep", "1000"], lasts: 1000 }] };
  const guest = bootImage(context, { file, kernel }, { cmdline, disks: [{ file: rootDisk }], described });
  const { console, processes } = await rootFacts(guest);
  assert.match(
    console,
    /the boot goes on without what the module dead-disk would set up: nothing has moved for 12 s, waiting for run sleep/,
  );
  assert.deepEqual(processes, ["1"]);
});
