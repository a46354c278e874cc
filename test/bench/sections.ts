import { existsSync } from "node:fs";
import { join } from "node:path";
import { mkinitrdCommand } from "../support/firstlight.js";
import type { Kernel } from "../support/kernels.js";
import { outFolder } from "../support/paths.js";
import { runAsRoot } from "../support/run.js";
import type { Bench } from "./attempts.js";
import { type Bootable, measureBoots } from "./boot-tables.js";
import { diskRoot, folderRoot, prepareBoots } from "./boots.js";
import { type Build, measureBuilds } from "./builds.js";
import { type Aim, figureOf, type Section, type Table } from "./figures.js";
import { buildFloor } from "./floors.js";
import { folderImages } from "./folder-boots.js";
import { measureGrowth } from "./growth.js";
import { measureImages } from "./images.js";
import { measureLife } from "./life.js";
import { sizeOfDrivers } from "./limits.js";
import { measureParts } from "./parts.js";
import { dracut, initramfsTools, inside, level, type Peer, peers } from "./peers.js";
import { measureStackBoots } from "./stack-boots.js";
import { measureUnpacking } from "./unpacking.js";

/** A part of the benchmark. The first prepares what the others need. */
type Measure = (bench: Bench) => Promise<Section>;

const folder = join(outFolder, "bench");
const imageOf = (file: string) => join(folder, `${file}.img`);
const generic = { name: "firstlight -N", file: "generic" };
/** As few as the hand-written init has. */
const twoDrivers = { name: "firstlight -N, two drivers", file: "two-drivers" };
const hostOnly = { name: "firstlight", file: "host-only" };

function ourBuilds(kernel: Kernel): Build[] {
  const build = ({ name, file }: typeof generic, ...options: string[]): Build => ({
    name,
    image: imageOf(file),
    // What this machine has booted with is not what the others are asked to look at.
    command: mkinitrdCommand(["-q", "--compress", `zstd ${level}`, ...options], imageOf(file), kernel),
  });
  return [
    build(generic, "-N"),
    build(twoDrivers, "-N", "--drivers", "virtio_pci virtio_blk"),
    build(hostOnly, "--no-rehearse"),
  ];
}

const peerBuild = (system: string, { release }: Kernel, { name, image, command }: Peer): Build => ({
  name,
  command: inside(system, command(release)),
  image: join(system, image),
});

/** Builds and images: ours alone, or beside those of the others. */
function measureGenerators(rounds: number): Measure {
  return async (bench) => {
    const { kernel, others, attempt } = bench;
    const theirs = others === undefined ? [] : peers.map((peer) => peerBuild(others, kernel, peer));
    const builds = [...ourBuilds(kernel), ...theirs];
    // A build that fails leaves none, instead of one of an earlier run.
    await runAsRoot(["rm", "-f", ...builds.map(({ image }) => image)]);
    const built = await measureBuilds(bench, builds, rounds);
    const images = await measureImages(
      bench,
      builds.filter(({ image }) => existsSync(image)),
    );
    const ofDrivers = await attempt("drivers alone", () => aimOfDrivers(images));
    const aims = [...(theirs.length ? aimsBeside(built, images) : []), ...(ofDrivers ? [ofDrivers] : [])];
    return { tables: [built, images], aims };
  };
}

function aimsBeside(builds: Table, images: Table): Aim[] {
  const part = (table: Table, column: string, of: Peer, limit: number): Aim => ({
    what: `${generic.name}, ${column}: part of ${of.name}'s`,
    figure: figureOf(table, generic.name, column) / figureOf(table, of.name, column),
    limit,
    unit: "x",
  });
  return [
    part(builds, "time", dracut, 1 / 10),
    part(builds, "time", initramfsTools, 1 / 5),
    part(images, "size", dracut, 1 / 4),
  ];
}

const aimOfDrivers = async (images: Table): Promise<Aim> => ({
  what: `${generic.name}: image beside 1.1 times its drivers alone, and 3 MB`,
  figure: figureOf(images, generic.name, "size"),
  limit: 1.1 * ((await sizeOfDrivers(imageOf(generic.file), level)) / 1e6) + 3,
  unit: "MB",
});

/** Generic ones, as far as they could be built. */
const imagesOfPeers = (system: string): Bootable[] =>
  peers
    .filter(({ kind }) => kind === "generic")
    .map(({ name, image }) => ({ name, image: join(system, image), ours: false }))
    .filter(({ image }) => existsSync(image));

/** Boots from ext4 by UUID on virtio-blk. */
function measureDiskBoots(times: number, memory: boolean): Measure {
  return async (bench) => {
    await prepareBoots();
    const { kernel, others } = bench;
    const theirs = others === undefined ? [] : imagesOfPeers(others);
    const images: Bootable[] = [
      { name: "floor.c", image: await buildFloor(kernel, "floor"), ours: false },
      ...[generic, twoDrivers].map(({ name, file }) => ({ name, image: imageOf(file), ours: true })),
      ...theirs,
    ];
    return measureBoots(
      bench,
      { id: "disk-boots", title: "Boots from ext4 by UUID", root: diskRoot, images },
      { times, memory },
    );
  };
}

/** Boots from a folder, and with another one, by virtiofs. */
function measureFolderBoots(times: number, memory: boolean): Measure {
  return async (bench) => {
    const images = await folderImages(bench.kernel);
    const boots = { id: "folder-boots", title: "Boots from two folders by virtiofs", root: folderRoot, images };
    return measureBoots(bench, boots, { times, memory });
  };
}

const measureAllParts: Measure = async ({ kernel, attempt }) => {
  const settings = { kernel, machine: "q35" };
  const disk = { ...settings, image: imageOf(generic.file), root: diskRoot };
  const virtiofs = { ...settings, image: imageOf("folder"), root: folderRoot };
  const title = (what: string) => `Where the instructions of ${generic.name}'s boot from ${what} go, on q35`;
  const tables = [
    await attempt("disk-parts", () => measureParts(disk, "disk-parts", title("ext4"))),
    await attempt("folder-parts", () => measureParts(virtiofs, "folder-parts", title("folders"))),
  ];
  return { tables: tables.filter((table) => table !== undefined), aims: [] };
};

/** What needs no other generator, once. */
export const quickSections: Readonly<Record<string, Measure>> = {
  "builds and images": measureGenerators(1),
  "boots from a disk": measureDiskBoots(1, false),
  "boots from folders": measureFolderBoots(1, false),
  "parts of a boot": measureAllParts,
};

export const wholeSections: Readonly<Record<string, Measure>> = {
  "builds and images": measureGenerators(5),
  "boots from a disk": measureDiskBoots(3, true),
  "boots from folders": measureFolderBoots(3, true),
  "parts of a boot": measureAllParts,
  unpacking: (bench) => measureUnpacking(bench, 3),
  growth: (bench) => measureGrowth(bench, 5),
  "boots from layers": (bench) => measureStackBoots(bench, 3),
  "a system's life": measureLife,
};
