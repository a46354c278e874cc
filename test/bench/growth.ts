import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeExt4 } from "../support/disks.js";
import { mkinitrdCommand } from "../support/firstlight.js";
import type { Kernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { scsiUnits } from "../support/qemu.js";
import { type Bench, inTurns, leastOf } from "./attempts.js";
import { countBoot, diskRoot, instructionsOf, type MeasuredRoot, onDisks } from "./boots.js";
import { timed } from "./builds.js";
import { type Aim, figureOf, type Section, type Table } from "./figures.js";
import { makeFiles, makeModules, multiplyDrivers } from "./growth-inputs.js";
import { pooled } from "./pool.js";

const folder = join(outFolder, "bench/growth");
const machine = "q35";
const factors = [1, 4, 16];
const [filesOfOne, modulesOfOne] = [1000, 48];
const disks = [1, 8, 64];
/** The last step may cost as much for each part as the one before it, and a fifth more for chance. */
const tolerance = 1.2;
/** What the look-up in sixteen times as many aliases may add to a boot. */
const longestLookUp = 1.02;

interface Grown {
  /** "files × 4" */
  name: string;
  command: string[];
  image: string;
  boots: boolean;
}

/** Builds and boots with more and more files, modules, drivers and disks. */
export async function measureGrowth({ kernel, attempt }: Bench, rounds: number): Promise<Section> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const grown = (await Promise.all(factors.map((factor) => grownBy(kernel, factor)))).flat();
  const tasks = grown.map(({ name, command }) => ({ what: `build with ${name}`, run: () => timed(command) }));
  const runs = await inTurns(attempt, rounds, tasks);
  const onDisk = (name: string, image: string, root: MeasuredRoot) => () =>
    attempt(`boot with ${name}`, async () => instructionsOf(await countBoot({ kernel, image, machine, root })));
  const boots = await pooled(
    2,
    grown.map(({ name, image, boots }) => (boots ? onDisk(name, image, diskRoot) : async () => null)),
  );
  const plain = grown.find(({ name }) => name === `drivers × 1`)?.image ?? "";
  const roots = await Promise.all(disks.map(rootOnLast));
  const byDisks = await pooled(
    2,
    roots.map((root, index) => onDisk(`disks × ${disks[index]}`, plain, root)),
  );
  const table: Table = {
    id: "growth",
    title: `Growth: images of ours, not compressed; the least of ${rounds} builds, one boot on ${machine}`,
    columns: [
      { name: "build, processor", unit: "s", digits: 2 },
      { name: "boot, instructions", unit: "M", digits: 1 },
    ],
    rows: [
      ...grown.map(({ name }, index) => ({
        name,
        // Not the median: what else goes on only adds to it, and steps are differences, which that would double.
        values: [leastOf(runs[index], ({ processor }) => processor), boots[index] ?? null],
      })),
      ...disks.map((count, index) => ({ name: `disks × ${count}`, values: [null, byDisks[index] ?? null] })),
    ],
    notes: [
      `files × 1: ${filesOfOne} files in the image; modules × 1: ${modulesOfOne} modules with a hook; drivers × 1: all of the kernel, and their aliases`,
      "disks: the root is on the last one; only its own costs a mount",
    ],
  };
  await rm(folder, { recursive: true });
  return { tables: [table], aims: aimsOf(table) };
}

async function grownBy(kernel: Kernel, factor: number): Promise<Grown[]> {
  const [files, modules, drivers] = await Promise.all([
    makeFiles(join(folder, `files-${factor}`), filesOfOne * factor),
    makeModules(join(folder, `modules-${factor}`), modulesOfOne * factor),
    multiplyDrivers(kernel, factor, join(folder, `drivers-${factor}`)),
  ]);
  const part = (what: string, options: string[], of: Kernel, boots: boolean): Grown => {
    const image = join(folder, `${what}-${factor}.img`);
    const command = mkinitrdCommand(["-q", "-N", "--no-compress", ...options], image, of);
    return { name: `${what} × ${factor}`, command, image, boots };
  };
  const local = part("modules", ["--local"], kernel, true);
  return [
    part("files", ["-i", files, "/data"], kernel, false),
    { ...local, command: ["sh", "-c", 'cd "$0" && exec "$@"', modules, ...local.command] },
    part("drivers", [], drivers, true),
  ];
}

/** So many disks at one SCSI controller, the last of which is the usual one. */
async function rootOnLast(count: number): Promise<MeasuredRoot> {
  const content = join(folder, "empty");
  await mkdir(content, { recursive: true });
  const others = Array.from({ length: count - 1 }, (_, number) => join(folder, `disk-${count}-${number}.img`));
  for (const [number, file] of others.entries()) {
    const uuid = `8f3c6a0e-52c1-4a3d-9d7e-${String(number).padStart(12, "0")}`;
    await makeExt4(file, { uuid, label: `other ${number}`, content, size: 1 });
  }
  return onDisks(diskRoot.parameters, {
    qemuArguments: scsiUnits([...others, join(outFolder, "bench/disk.img")], "on"),
  });
}

function aimsOf(table: Table): Aim[] {
  const steps = (what: string, counts: readonly number[], column: string): Aim => {
    const [one = 0, some = 0, many = 0] = counts.map((count) => figureOf(table, `${what} × ${count}`, column));
    const [first = 0, second = 0, third = 0] = counts;
    return {
      what: `${column} with more ${what}: the last step against the first one, each for one more`,
      figure: (many - some) / (third - second) / ((some - one) / (second - first)),
      limit: tolerance,
      unit: "x",
    };
  };
  const [build = "", boot = ""] = table.columns.map(({ name }) => name);
  const driversTimes = (factor: number) => figureOf(table, `drivers × ${factor}`, boot);
  return [
    ...["files", "modules", "drivers"].map((what) => steps(what, factors, build)),
    steps("modules", factors, boot),
    steps("disks", disks, boot),
    {
      what: `${boot} with 16 times as many aliases: times as many`,
      figure: driversTimes(16) / driversTimes(1),
      limit: longestLookUp,
      unit: "x",
    },
  ];
}
