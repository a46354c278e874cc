/** Packs a static init and drivers for a virtual machine: see --help. Exit status: 0 done, 1 not. */
import { cpio } from "../core/generator/cpio.js";
import { locateTarget, writeImage } from "../core/generator/output.js";
import { BuildError } from "../core/generator/problems.js";
import { virtInitrd } from "../core/generator/virt-initrd.js";
import { runTool } from "./run-tool.js";

const help = `usage: mkvirtinitrd [--module NAME]... INIT MODULES_DIR OUT
Writes the initramfs of a virtual machine whose root is a virtiofs folder: a cpio archive with INIT as /init, and drivers in
/usr/lib/modules, unpacked, numbered in the order in which INIT is to load them.
  INIT               a static program, as "mkinitrd --static-init" writes it, or osbuild's initrd
  MODULES_DIR        the drivers of the kernel, as /lib/modules/6.1.0-32-cloud-amd64
  OUT                the file to write: whole, or it stays as it was
  --module NAME      one more driver, with all that it needs; virtiofs and virtio_pci always are in it
  -h, --help         show this and end
What is built into the kernel is left out. Exit status: 0 done; 1 not, and OUT is as it was.
`;

const options = { module: { type: "string", multiple: true } } as const;

await runTool("mkvirtinitrd", help, options, async ({ module = [] }, words) => {
  const [init, modulesFolder, out, ...others] = words;
  if (init === undefined || modulesFolder === undefined || out === undefined || others.length)
    throw new BuildError("name INIT, MODULES_DIR and OUT: see mkvirtinitrd --help");
  const target = locateTarget(out, true);
  const say = (text: string) => process.stderr.write(`mkvirtinitrd: warning: ${text}\n`);
  const report = { warning: say, note: () => undefined };
  const tree = await virtInitrd({ init, modulesFolder, drivers: module as string[] }, report);
  const parts = { early: [], chunks: cpio(tree.entries()), command: undefined };
  await writeImage(target, parts, new AbortController().signal, { mode: 0o644 });
});
