import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Kernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { startGuest } from "../support/qemu.js";
import type { MeasuredRoot } from "./boots.js";

/** MiB: no guest is larger. */
const largest = 1024;
/** MiB that Debian's kernel needs by itself, and MiB for one in an image: while it is unpacked both forms are in memory. */
const [kernelAlone, unpacked] = [72, 4.6];

let guests = 0;

/** MiB of the smallest guest in which the image reaches the new root's init. */
export async function smallestMemory(kernel: Kernel, image: string, root: MeasuredRoot): Promise<number> {
  const { size } = await stat(image);
  const likely = kernelAlone + Math.round((unpacked * size) / 1024 ** 2);
  const found = await smallestFrom(likely, (memory) => arrives(kernel, image, root, memory));
  if (found === undefined)
    throw new Error(`${image} does not boot with ${largest} MiB either: see with tools/boot what its console says`);
  return found;
}

/**
 * The least for which `isEnough`, given that all above are enough, too: from a likely number outward, then by halves. undefined: none up to the
 * largest is.
 */
export async function smallestFrom(
  likely: number,
  isEnough: (memory: number) => Promise<boolean>,
): Promise<number | undefined> {
  const atFirst = await isEnough(likely);
  // Each step is twice as long as the one before it.
  let step = atFirst ? -4 : 4;
  let [last, next] = [likely, likely + step];
  while (next > 0 && (await isEnough(next)) === atFirst) {
    if (next > largest) return undefined;
    step *= 2;
    [last, next] = [next, next + step];
  }
  let [tooSmall, enough] = atFirst ? [next, last] : [last, next];
  while (enough - tooSmall > 1) {
    const middle = Math.floor((tooSmall + enough) / 2);
    if (await isEnough(middle)) enough = middle;
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
