import { join } from "node:path";
import { mkinitrdCommand } from "../support/firstlight.js";
import type { Kernel } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { run } from "../support/run.js";
import { buildFloor } from "./boots.js";

/** Images for a root that is a folder: the hand-written one first. */
export async function folderImages(kernel: Kernel): Promise<{ name: string; image: string }[]> {
  const out = (name: string) => join(outFolder, "bench", name);
  const [image, init, archive] = [out("folder.img"), out("static-init"), out("static-init.img")];
  await run(mkinitrdCommand(["-N", "-m", "virtiofs"], image, kernel));
  const tool = (name: string) => join(projectFolder, "tools", name);
  await run([tool("mkinitrd"), "-f", "--static-init", init, "-m", "virtiofs"]);
  await run([tool("mkvirtinitrd"), init, kernel.modules, archive]);
  return [
    { name: "folder-floor.c", image: await buildFloor(kernel, "folder-floor") },
    { name: "mkinitrd -N -m virtiofs", image },
    { name: "mkinitrd --static-init -m virtiofs; mkvirtinitrd", image: archive },
  ];
}
