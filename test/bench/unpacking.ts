import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { tarCommand } from "../../modules.d/90tmpfs-root/unpack.js";
import { makeExt4 } from "../support/disks.js";
import { mkinitrdCommand } from "../support/firstlight.js";
import type { Kernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { run } from "../support/run.js";
import { type Bench, inTurns, leastOf, medianOf } from "./attempts.js";
import {
  appendArchives,
  type CountedBoot,
  countBoot,
  instructionsOf,
  type MeasuredRoot,
  onDisks,
  secondsOf,
} from "./boots.js";
import { type Aim, figureOf, type Section, type Table } from "./figures.js";
import { buildSegment, emptyFolder } from "./floors.js";

const folder = join(outFolder, "bench");
const machine = "q35";
const uuid = "8f3c6a0e-52c1-4a3d-9d7e-0a1b2c3d4e60";
/** By their endings: how each is unpacked without us. */
const archives = { ".tar": "tar alone", ".tar.zst": "zstd -dc | tar alone" };
/** Names of what is in them: the drivers, or nothing but the root's own files, whose boot has all that is beside unpacking. */
const [whole, least] = ["rootfs", "least"];
/** What unpacking may cost beside tar's alone. */
const longest = 1.05;

/** An archive, by the hand-written init's image and by ours. */
interface Unpacking {
  root: MeasuredRoot;
  images: readonly string[];
}

/**
 * Boots into RAM from an archive, plain and compressed, by ours and by a hand-written init that starts the same programs, both at once: what else the machine
 * does hits them alike.
 */
export async function measureUnpacking({ kernel, attempt }: Bench, times: number): Promise<Section> {
  const image = join(folder, "tmpfs-root.img");
  await run(mkinitrdCommand(["-q", "-N", "-a", "tmpfs-root"], image, kernel));
  const volume = await makeVolume(kernel);
  const names = Object.keys(archives).flatMap((ending) => [whole, least].map((name) => `${name}${ending}`));
  const unpackings = await Promise.all(names.map((name) => unpackingOf(kernel, image, volume, name)));
  const tasks = unpackings.map(({ root, images }, index) => ({
    what: `unpacking ${names[index]}`,
    run: () => Promise.all(images.map((image) => countBoot({ kernel, image, machine, root }))),
  }));
  const counted = await inTurns(attempt, times, tasks);
  await rm(volume);
  const table = tableOf(counted, `${basename(kernel.modules)}'s drivers`, times);
  return { tables: [table], aims: table.rows.flatMap((_, index) => (index % 2 ? aimsOf(table, index) : [])) };
}

/** `counted`: by archive, the whole one and then the least; of each the boots by the hand-written init and by ours. */
function tableOf(counted: readonly (CountedBoot[][] | undefined)[], content: string, times: number): Table {
  const figures = (name: number, by: number) => {
    const boots = counted[name]?.flatMap((both) => both[by] ?? []);
    // Of the times not the median: what else goes on only adds to them.
    return [medianOf(boots, instructionsOf), leastOf(boots, secondsOf)];
  };
  const rows = Object.entries(archives).flatMap(([ending, alone], archive) =>
    [alone, "tmpfs-root"].map((name, by) => {
      const [boot, other] = [figures(2 * archive, by), figures(2 * archive + 1, by)];
      return {
        name: `${ending}: ${name}`,
        values: [...boot, ...boot.map((figure, index) => difference(figure, other[index]))],
      };
    }),
  );
  return {
    id: "unpacking",
    title: `Boots into RAM from an archive of ${content}: the median instructions and the least time of ${times}, two at a time, on ${machine}`,
    columns: [
      { name: "boot, instructions", unit: "M", digits: 0 },
      { name: "boot, time", unit: "s", digits: 1 },
      { name: "unpacking, instructions", unit: "M", digits: 0 },
      { name: "unpacking, time", unit: "s", digits: 1 },
    ],
    rows,
    notes: [
      "unpacking: what the boot costs more than that from an archive of two folders and an init",
      "time: of an interpreted guest, whose instructions are counted; good for comparing only",
    ],
  };
}

const difference = (figure: number | null, other: number | null = null) =>
  figure === null || other === null ? null : figure - other;

async function unpackingOf(kernel: Kernel, image: string, volume: string, name: string): Promise<Unpacking> {
  const parameters = `root=tmpfs:UUID=${uuid} rd.tmpfs.imgfile=${name} rd.tmpfs.size=90%`;
  return {
    root: onDisks(parameters, { disks: [{ file: volume }] }),
    images: [await floorOf(kernel, image, name), image],
  };
}

/** Of ours, against the row before it. */
function aimsOf(table: Table, index: number): Aim[] {
  const [alone = "", ours = ""] = table.rows.slice(index - 1, index + 1).map(({ name }) => name);
  return ["unpacking, instructions", "unpacking, time"].map((column) => ({
    what: `${ours}, ${column}: times ${alone.replace(/^.*: /, "")}`,
    figure: figureOf(table, ours, column) / figureOf(table, alone, column),
    limit: longest,
    unit: "x",
  }));
}

/** A disk with all archives; their root has what ends the guest. */
async function makeVolume({ modules }: Kernel): Promise<string> {
  const content = await emptyFolder("volume");
  const owner = ["--numeric-owner", "--owner=0", "--group=0"];
  for (const name of [whole, least]) {
    const plain = join(content, `${name}.tar`);
    const drivers = name === whole ? ["-C", dirname(modules), basename(modules)] : [];
    await run(["tar", ...owner, "-cf", plain, "-C", join(folder, "root"), ".", ...drivers]);
    await run(["zstd", "-q", plain, "-o", `${plain}.zst`]);
  }
  const volume = join(folder, "volume.img");
  await makeExt4(volume, { uuid, label: "volume", content, size: 256 });
  await rm(content, { recursive: true });
  return volume;
}

async function floorOf(kernel: Kernel, image: string, archive: string): Promise<string> {
  const words = tarCommand.map((word) => `"${word}",`).join("");
  const options = [`-DUNPACK_COMMAND=${words}`, `-DARCHIVE="/volume/${archive}"`];
  const segment = await buildSegment(kernel, archive, options);
  const floor = join(folder, `unpack-floor-${archive}.img`);
  await appendArchives(image, [segment], floor);
  return floor;
}
