/** One program is the whole initramfs: nothing but drivers is beside it in the archive that boots. */
import assert from "node:assert/strict";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { serveFolders } from "../../core/emulator/virtiofsd.js";
import { bootImage, rootFacts } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { run } from "../support/run.js";
import { makeTinyRoot } from "../support/tiny-root.js";

const tool = (name: string) => join(projectFolder, "tools", name);

test("osbuild's initrd, as it is installed, boots with nothing beside it but drivers", async (context) => {
  const kernel = await debianKernel("cloud");
  const top = join(outFolder, "tests/static-init");
  await rm(top, { recursive: true, force: true });
  const [root, code] = [join(top, "root"), join(top, "code")];
  await makeTinyRoot(root);
  await mkdir(code, { recursive: true });
  await writeFile(join(code, "vm.py"), "#!/bin/sh\nexec /sbin/init from-code\n", { mode: 0o755 });

  await run(["npm", "run", "--silent", "install-initrd", "--", `DESTDIR=${join(top, "installed")}`], {
    cwd: projectFolder,
  });
  const [init, file] = [join(top, "installed/usr/lib/osbuild/initrd/initrd"), join(top, "initrd.cpio")];
  assert.equal((await stat(init)).mode & 0o7777, 0o755);
  await run([tool("mkvirtinitrd"), "--module=overlay", init, kernel.modules, file]);
  const listed = (await run(["sh", "-c", 'cpio -it --quiet <"$1"', "sh", file])).trim().split("\n");
  const drivers = listed.filter((path) => /^usr\/lib\/modules\/\d{3}-\w+\.ko$/.test(path));
  assert.deepEqual(listed, ["init", "usr", "usr/lib", "usr/lib/modules", ...drivers]);
  assert.ok(drivers.some((path) => path.endsWith("-overlay.ko")));

  const { servers, stop } = await serveFolders([
    { tag: "rootfs", folder: root },
    { tag: "mnt0", folder: code },
  ]);
  context.after(stop);
  const notRehearsed = "the archive does not tell which kernel it is for: a rehearsal has all other drivers built in";
  const cmdline = "rootfstype=virtiofs root=rootfs ro mount=mnt0 rd.overlay init=/run/mnt/mnt0/vm.py";
  const facts = await rootFacts(bootImage(context, { file, kernel }, { cmdline, folders: servers, notRehearsed }));
  assert.equal(facts.init, "/sbin/init from-code");
  assert.equal(facts.mounts.get("/")?.type, "overlay");
  assert.deepEqual(facts.processes, ["1"]);
  assert.doesNotMatch(facts.console, /bundle\.snapshot|firstlight: /);
});
