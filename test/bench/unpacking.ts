import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { tarCommand } from "../../modules.d/90tmpfs-root/unpack.js";
import { makeExt4 } from "../support/disks.js";
import { mkinitrdCommand } from "../support/firstlight.js";
import type { Kernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { run } from "../support/run.js";
import { type Bench, inTurns, medianOf } from "./attempts.js";
import { appendArchives, countBoot, instructionsOf, onDisks, secondsOf } from "./boots.js";
import { type Aim, figureOf, type Section, type Table } from "./figures.js";
import { buildSegment, emptyFolder } from "./floors.js";

const folder = join(outFolder, "bench");
const machine = "q35";
const uuid = "8f3c6a0e-52c1-4a3d-9d7e-0a1b2c3d4e60";
const archives = ["rootfs.tar", "rootfs.tar.zst"];
/** What an archive's boot may cost beside tar's alone. */
const longest = 1.05;

/** Boots into RAM from an archive, plain and compressed, by ours and by a hand-written init that starts the same programs, in turns. */
export async function measureUnpacking({ kernel, attempt }: Bench, times: number): Promise<Section> {
  const image = join(folder, "tmpfs-root.img");
  await run(mkinitrdCommand(["-q", "-N", "-a", "tmpfs-root"], image, kernel));
  const volume = await makeVolume(kernel);
  const boots = await Promise.all(
    archives
      .flatMap((archive) => {
        const root = onDisks(`root=tmpfs:UUID=${uuid} rd.tmpfs.imgfile=${archive} rd.tmpfs.size=90%`, {
          disks: [{ file: volume }],
        });
        const alone = archive.endsWith("t") ? "zstd -dc | tar" : "tar";
        return [
          { name: `${archive}: ${alone} alone`, image: floorOf(kernel, image, archive), root },
          { name: `${archive}: tmpfs-root`, image: Promise.resolve(image), root },
        ];
      })
      .map(async (boot) => ({ ...boot, image: await boot.image })),
  );
  const tasks = boots.map(({ name, image, root }) => ({
    what: `unpacking, ${name}`,
    run: () => countBoot({ kernel, image, machine, root }),
  }));
  const counted = await inTurns(attempt, times, tasks);
  await rm(volume);
  const table: Table = {
    id: "unpacking",
    title: `Boots into RAM from an archive of ${basename(kernel.modules)}'s drivers: the median of ${times}, in turns, on ${machine}`,
    columns: [
      { name: "instructions", unit: "M", digits: 0 },
      { name: "time", unit: "s", digits: 1 },
    ],
    rows: boots.map(({ name }, index) => ({
      name,
      values: [instructionsOf, secondsOf].map((figure) => medianOf(counted[index], figure)),
    })),
    notes: ["time: of an interpreted guest, whose instructions are counted; good for comparing only"],
  };
  return { tables: [table], aims: boots.flatMap((_, index) => (index % 2 ? aimsOf(table, index) : [])) };
}

/** Of ours, against the row before it. */
function aimsOf(table: Table, index: number): Aim[] {
  const [alone = "", ours = ""] = table.rows.slice(index - 1, index + 1).map(({ name }) => name);
  return ["instructions", "time"].map((column) => ({
    what: `${ours}, ${column}: times ${alone.replace(/^.*: /, "")}`,
    figure: figureOf(table, ours, column) / figureOf(table, alone, column),
    limit: longest,
    unit: "x",
  }));
}

/** A disk with both archives, whose root has what ends the guest. */
async function makeVolume({ modules }: Kernel): Promise<string> {
  const content = await emptyFolder("volume");
  const [plain = "", compressed = ""] = archives.map((name) => join(content, name));
  const owner = ["--numeric-owner", "--owner=0", "--group=0"];
  await run([
    "tar",
    ...owner,
    "-cf",
    plain,
    "-C",
    join(folder, "root"),
    ".",
    "-C",
    dirname(modules),
    basename(modules),
  ]);
  await run(["zstd", "-q", plain, "-o", compressed]);
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
