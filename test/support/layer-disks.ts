import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FilesPart } from "../../core/schema/machine.js";
import { cachedFolder, cachedPlace } from "./cache.js";
import { filesIn } from "./described-files.js";
import { descriptionOf, makeExt4 } from "./disks.js";
import { buildImage } from "./firstlight.js";
import { layersFile } from "./guest-layers.js";
import { describeLayers } from "./layer-facts.js";
import { type LayerSetName, layerSets } from "./layer-sets.js";
import { layersRoot } from "./layers-root.js";
import { outFolder, projectFolder } from "./paths.js";
import { scsiUnits, startGuest } from "./qemu.js";
import { runAsRoot } from "./run.js";
import { makeTinyRoot } from "./tiny-root.js";

const names = Object.keys(layerSets) as LayerSetName[];
const systemUuid = "1a7e2500-0000-4000-8000-000000000000";

/**
 * Raw images with layers, by the names that their set has for them, each beside its description for a rehearsal. All sets that are not there yet are made
 * in one guest, which takes about half a minute.
 */
export async function layerDisks(name: LayerSetName): Promise<Readonly<Record<string, string>>> {
  const recipe = await guestRecipe();
  const missing = names.filter((each) => !existsSync(cachedPlace(...cacheOf(each, recipe))));
  if (missing.includes(name)) await makeSets(missing, recipe);
  const folder = cachedPlace(...cacheOf(name, recipe));
  return Object.fromEntries(Object.keys(layerSets[name].disks).map((disk) => [disk, imageIn(folder, disk)]));
}

const imageIn = (folder: string, disk: string) => join(folder, `${disk}.img`);

/** What decides, beside a set's own recipe, how it is made. */
async function guestRecipe(): Promise<readonly string[]> {
  const sources = ["layer-guest.sh", "layer-facts.ts", "tiny-root.ts"].map(readSupport);
  return [basename(dirname(await layersRoot())), ...(await Promise.all(sources))];
}

const readSupport = (name: string) => readFile(join(projectFolder, "test/support", name), "utf8");

const cacheOf = (name: LayerSetName, recipe: readonly string[]) =>
  [`layers-${name}`, [layerSets[name], recipe]] as const;

async function makeSets(sets: readonly LayerSetName[], recipe: readonly string[]): Promise<void> {
  await mkdir(join(outFolder, "cache"), { recursive: true });
  const folder = await mkdtemp(join(outFolder, "cache", "unfinished-"));
  try {
    const content = join(folder, "content");
    const images = await makeImages(folder, sets);
    await makeSystem(content, sets);
    const tiny = filesIn(join(content, "tiny"));
    const system = join(folder, "system.img");
    await makeExt4(system, { uuid: systemUuid, label: "system", content, size: 1200 });
    const console = await runGuest(system, images);
    // Those that went well are kept, whatever the others did.
    for (const set of sets) await keepSet(set, console, { folder, recipe, tiny });
    const failed = sets.filter((set) => factsOf(set, console) === undefined);
    if (failed.length)
      throw new Error(`disks could not be made as layer-sets.ts has them: ${failed.join(", ")}\n${console}`);
  } finally {
    await runAsRoot(["rm", "-rf", folder]);
  }
}

/** Empty disks for all sets, in the order of the list in makeSystem. */
async function makeImages(folder: string, sets: readonly LayerSetName[]): Promise<string[]> {
  const images: string[] = [];
  for (const set of sets)
    for (const [disk, size] of Object.entries(layerSets[set].disks)) {
      const file = join(folder, `${set}.${disk}`);
      await writeFile(file, "");
      await truncate(file, size * 1024 ** 2);
      images.push(file);
    }
  return images;
}

/** The guest's system: that of layersRoot, the scripts of the sets and the places of their disks, and the tiny root. */
async function makeSystem(content: string, sets: readonly LayerSetName[]): Promise<void> {
  await runAsRoot(["cp", "-al", await layersRoot(), content]);
  for (const name of ["sets", "roots", "tiny", "mnt"]) await mkdir(join(content, name), { recursive: true });
  let place = 0;
  for (const set of sets) {
    const disks = Object.keys(layerSets[set].disks).map((disk) => `${disk} ${place++}\n`);
    await writeFile(join(content, "sets", `${set}.disks`), disks.join(""));
    await writeFile(join(content, "sets", set), layerSets[set].script);
    const { root } = layerSets[set];
    if (root) await makeExt4(join(content, "roots", set), { ...root, content: await root.content() });
  }
  await makeTinyRoot(join(content, "tiny"));
  await writeFile(join(content, "sbin/init"), await readSupport("layer-guest.sh"), { mode: 0o755 });
}

/** Resolves to all that the console said. */
async function runGuest(system: string, images: readonly string[]): Promise<string> {
  const { file, kernel } = await buildImage("layer-guest", ["-N"]);
  return startGuest({
    ...{ kernel: kernel.image, initrd: file, cmdline: `root=UUID=${systemUuid} rw quiet` },
    disks: [{ file: system }],
    qemuArguments: scsiUnits(images, "off"),
    timeLimit: 600,
    logFile: join(outFolder, "tests/layer-guest.log"),
  }).ended();
}

/** What the guest tells of a set; undefined: its script has failed. */
function factsOf(set: string, console: string): string | undefined {
  const said = console.split(/^SET /m).find((part) => part.startsWith(`${set}\n`)) ?? "";
  return /^DONE$/m.test(said) ? said : undefined;
}

interface Made {
  /** Where the images are. */
  folder: string;
  recipe: readonly string[];
  tiny: FilesPart;
}

async function keepSet(set: LayerSetName, console: string, { folder, recipe, tiny }: Made): Promise<void> {
  const facts = factsOf(set, console);
  if (facts === undefined) return;
  await cachedFolder(...cacheOf(set, recipe), async (finished) => {
    const { disks, layers } = describeLayers(facts, layerSets[set], tiny);
    for (const [disk, described] of Object.entries(disks)) {
      await rename(join(folder, `${set}.${disk}`), imageIn(finished, disk));
      await writeFile(descriptionOf(imageIn(finished, disk)), JSON.stringify(described));
    }
    await writeFile(join(finished, layersFile), JSON.stringify(layers));
  });
}
