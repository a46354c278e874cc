import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Kernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { startGuest } from "../support/qemu.js";
import type { MeasuredRoot } from "./boots.js";

/** MiB: Debian's kernel alone needs more than the first, and every image that is measured less than the second. */
const range = { tooSmall: 32, enough: 512 };

let guests = 0;

/** MiB of the smallest guest in which the image reaches the new root's init. */
export async function smallestMemory(kernel: Kernel, image: string, root: MeasuredRoot): Promise<number> {
  let { tooSmall, enough } = range;
  if (!(await arrives(kernel, image, root, enough)))
    throw new Error(`${image} does not boot with ${enough} MiB either: see with tools/boot what its console says`);
  while (enough - tooSmall > 1) {
    const middle = Math.floor((tooSmall + enough) / 2);
    if (await arrives(kernel, image, root, middle)) enough = middle;
    else tooSmall = middle;
  }
  return enough;
}

async function arrives(kernel: Kernel, image: string, root: MeasuredRoot, memory: number): Promise<boolean> {
  const logFile = join(outFolder, "bench", `memory-${guests++}.log`);
  const { settings, end } = await root.offer();
  const guest = startGuest({
    kernel: kernel.image,
    initrd: image,
    // What cannot go on ends the guest; a kernel without memory to unpack an image says nothing at all.
    cmdline: `${root.parameters} rd.shell=0 rd.emergency=reboot`,
    ...settings,
    memory,
    timeLimit: 120,
    logFile,
  });
  const arrived = guest.ended().then(
    (console) => /reboot: Power down/.test(console),
    () => false,
  );
  return arrived.finally(async () => {
    await end();
    await rm(logFile);
  });
}

const pageSize = 4096;

/**
 * MiB of a guest's memory that are not free. `files`: text with the lines of /proc/meminfo and /proc/zoneinfo, whose "count:" are pages that each processor
 * has at hand: free, too, though MemFree is without them.
 */
export function heldMemory(files: string): number {
  const kibibytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(files)?.[1]);
  const atHand = [...files.matchAll(/^ +count: +(\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  return (kibibytes("MemTotal") - kibibytes("MemFree")) / 1024 - (atHand * pageSize) / 1024 ** 2;
}
