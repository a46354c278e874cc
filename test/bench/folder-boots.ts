import { join } from "node:path";
import { mkinitrdCommand } from "../support/firstlight.js";
import type { Kernel } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { run } from "../support/run.js";
import type { Bootable } from "./boot-tables.js";
import { buildFloor } from "./floors.js";

/** Images for a root that is a folder: the hand-written one first. */
export async function folderImages(kernel: Kernel): Promise<Bootable[]> {
  const out = (name: string) => join(outFolder, "bench", name);
  const [image, init, archive] = [out("folder.img"), out("static-init"), out("static-init.img")];
  await run(mkinitrdCommand(["-q", "-N", "-m", "virtiofs"], image, kernel));
  const tool = (name: string) => join(projectFolder, "tools", name);
  await run([tool("mkinitrd"), "-q", "-f", "--static-init", init, "-m", "virtiofs"]);
  await run([tool("mkvirtinitrd"), init, kernel.modules, archive]);
  return [
    { name: "folder-floor.c", image: await buildFloor(kernel, "folder-floor"), ours: false },
    { name: "firstlight -N -m virtiofs", image, ours: true },
    { name: "firstlight --static-init", image: archive, ours: true },
  ];
}
