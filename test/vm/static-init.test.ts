/** One program is the whole initramfs: nothing but drivers is beside it in the archive that boots. */
import assert from "node:assert/strict";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { bootImage, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { writePlainDisk } from "../support/plain-disk.js";
import { diskFixtures, rootVolume } from "../support/root-disks.js";
import { run } from "../support/run.js";

const tool = (name: string) => join(projectFolder, "tools", name);

test("a static init boots with nothing beside it but drivers", async (context) => {
  const { rootDisk } = await diskFixtures();
  const kernel = await debianKernel("cloud");
  const folder = join(outFolder, "tests/static-init");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writePlainDisk(join(folder, "modules.d"));
  const [init, file] = [join(folder, "init"), join(folder, "initrd.cpio")];
  const parameters = `root=disk:UUID=${rootVolume.uuid} rd.retry=60`;
  const mkinitrd = [tool("mkinitrd"), "--local", "--static-init", "-m", "plain-disk", "--kernel-cmdline", parameters];
  await run(["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", folder, ...mkinitrd, init]);
  assert.equal((await stat(init)).mode & 0o7777, 0o755);
  await run([tool("mkvirtinitrd"), "--module=virtio-blk", "--module", "ext4", init, kernel.modules, file]);

  const listed = (await run(["sh", "-c", 'cpio -it --quiet <"$1"', "sh", file])).split("\n").filter(Boolean);
  const drivers = listed.filter((path) => /^usr\/lib\/modules\/\d{3}-\w+\.ko$/.test(path));
  assert.deepEqual(listed, ["init", "usr", "usr/lib", "usr/lib/modules", ...drivers]);

  // The parameters are the program's own.
  const described = { kernel: { release: kernel.release } };
  const boot = { cmdline: "", disks: [{ file: rootDisk }], described };
  const facts = await rootFacts(bootImage(context, { file, kernel }, boot));
  assert.equal(facts.init, "/sbin/init");
  assert.equal(facts.mounts.get("/")?.type, "ext4");
  assert.doesNotMatch(facts.console, /snapshot|firstlight: /);
  assert.deepEqual(facts.processes, ["1"]);
  assert.match(facts.console, /inserted: 000-/);
});
