/** npm run bench: boots, builds and images of firstlight beside those of others, for Debian's cloud kernel. */
import { join } from "node:path";
import { mkinitrdCommand } from "../support/firstlight.js";
import { debianKernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { runAsRoot } from "../support/run.js";
import { bootInstructions, buildFloor, diskRoot, folderRoot, type MeasuredRoot, prepareBoots } from "./boots.js";
import { type Build, measureBuilds } from "./builds.js";
import { folderImages } from "./folder-boots.js";
import { measureGrowth, steepness } from "./growth.js";
import { reportLife } from "./life.js";
import { judged, sizeOfDrivers } from "./limits.js";
import { smallestMemory } from "./memory.js";
import { dracut, initramfsTools, inside, type Peer, peerSystem, tinyInitramfs } from "./peers.js";

const kernel = await debianKernel("cloud");
console.log(`kernel ${kernel.release}; preparing a Debian with the other generators`);
const system = await peerSystem(kernel);

function peerBuild({ name, image, command }: Peer): Build {
  return { name, command: inside(system, command(kernel.release)), image: join(system, image) };
}

function ourBuild(file: string, ...options: string[]): Build {
  const image = join(outFolder, "bench", `${file}.img`);
  return { name: `mkinitrd ${options.join(" ")}`, command: mkinitrdCommand(options, image, kernel), image };
}

const ours = ourBuild("generic", "-N");
const ours15 = ourBuild("generic-15", "-N", "--compress", "zstd -15");
const builds: Build[] = [
  ours,
  ours15,
  ourBuild("tmpfs-root", "-N", "-a", "tmpfs-root"),
  ourBuild("tmpfs-root-15", "-N", "-a", "tmpfs-root", "--compress", "zstd -15"),
  ...[dracut, initramfsTools, tinyInitramfs].map(peerBuild),
];
const figures = await measureBuilds(builds);
console.log("\nBuilds: median of three in turns; memory of the largest process");
console.log("".padEnd(50) + ["time", "processor", "memory", "image"].map((column) => column.padStart(11)).join(""));
for (const { name, time, processor, memory, size } of figures) {
  const columns = [
    `${time.toFixed(2)} s`,
    `${processor.toFixed(2)} s`,
    `${memory.toFixed(0)} MB`,
    `${(size / 1e6).toFixed(2)} MB`,
  ];
  console.log(name.padEnd(50) + columns.map((column) => column.padStart(11)).join(""));
}

console.log("\nAims");
const figureOf = (name: string) => figures.find((each) => each.name === name);
const dracutTime = figureOf(dracut.name)?.time ?? Number.NaN;
for (const { name, time } of figures.filter(({ name }) => name === ours.name || name.endsWith("tmpfs-root")))
  console.log(judged(`${name}: parts of dracut's time`, time / dracutTime, 0.1, "  "));
for (const [level, build] of [["-9", ours] as const, ["-15", ours15] as const]) {
  const limit = 1.1 * (await sizeOfDrivers(build.image, level)) + 3e6;
  const size = figureOf(build.name)?.size ?? Number.NaN;
  console.log(judged(`zstd ${level}: against 1.1 x its drivers alone + 3 MB`, size / 1e6, limit / 1e6, "MB"));
}
for (const growth of await measureGrowth(kernel)) {
  const seconds = growth.seconds.map((each) => each.toFixed(2)).join(", ");
  console.log(judged(`1, 4, 16 x ${growth.what}: ${seconds} s; 15 more per 3 more`, steepness(growth), 6, "x "));
}

await prepareBoots();
const boots = [
  { name: "floor.c", image: await buildFloor(kernel, "floor") },
  ...[tinyInitramfs, initramfsTools, dracut].map(peerBuild),
  ours,
];
// The images of the peers are root's.
await runAsRoot(["chmod", "a+r", ...builds.map(({ image }) => image)]);
const machines = ["pc", "q35"];

/** Shows a line for each image. Result: what they say, in this order. */
async function measureBoots(
  root: MeasuredRoot,
  images: readonly { name: string; image: string }[],
): Promise<{ instructions: number[]; memory: number }[]> {
  console.log("".padEnd(50) + [...machines, "memory"].map((column) => column.padStart(9)).join(""));
  const measured = [];
  for (const { name, image } of images) {
    process.stdout.write(name.padEnd(50));
    const instructions: number[] = [];
    for (const machine of machines) {
      const millions = await bootInstructions(kernel, image, machine, root);
      process.stdout.write(millions.toFixed(1).padStart(9));
      instructions.push(millions);
    }
    const memory = await smallestMemory(kernel, image, root);
    process.stdout.write(`${String(memory).padStart(9)}\n`);
    measured.push({ instructions, memory });
  }
  return measured;
}

console.log(
  "\nBoots from ext4 by UUID on virtio-blk: millions of guest instructions between /init and the new root's init, by board;",
);
console.log("MiB of the smallest guest that gets there");
await measureBoots(diskRoot, boots);

console.log("\nBoots from a folder, and with another one, by virtiofs: the same");
const folderBoots = await folderImages(kernel);
const [floor, ...others] = await measureBoots(folderRoot, folderBoots);
for (const [index, { instructions, memory }] of others.entries()) {
  const name = folderBoots[index + 1]?.name;
  for (const [board, machine] of machines.entries()) {
    const times = (instructions[board] ?? Number.NaN) / (floor?.instructions[board] ?? Number.NaN);
    console.log(judged(`${name}, ${machine}: times folder-floor.c`, times, 1.25, "x "));
  }
  console.log(judged(`${name}: smallest guest`, memory, 128, "MiB"));
}

console.log();
await reportLife();
