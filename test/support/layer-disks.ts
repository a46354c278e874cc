import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FilesPart } from "../../core/schema/machine.js";
import { cachedFolder, cachedPlace, locked } from "./cache.js";
import { filesIn } from "./described-files.js";
import { descriptionOf, makeExt4 } from "./disks.js";
import { buildImage } from "./firstlight.js";
import { layersFile } from "./guest-layers.js";
import { describeLayers } from "./layer-facts.js";
import { type LayerSet, type LayerSetName, layerSets } from "./layer-sets.js";
import { layersRoot } from "./layers-root.js";
import { outFolder, projectFolder } from "./paths.js";
import { scsiUnits, startGuest } from "./qemu.js";
import { runAsRoot } from "./run.js";
import { makeTinyRoot } from "./tiny-root.js";

type LayerSets = Readonly<Record<string, LayerSet>>;

const systemUuid = "1a7e2500-0000-4000-8000-000000000000";

/** Raw images with layers, by the names that their set has for them, each beside its description for a rehearsal. */
export const layerDisks = (name: LayerSetName) => disksOf(layerSets, name);

/** Those of one of these sets. All that are not there yet are made in one guest, which takes about half a minute. */
export async function disksOf<Name extends string>(
  sets: Readonly<Record<Name, LayerSet>>,
  name: Name,
): Promise<Readonly<Record<string, string>>> {
  const recipe = await guestRecipe();
  const place = (each: string, set: LayerSet) => cachedPlace(...cacheOf(each, set, recipe));
  const folder = place(name, sets[name]);
  const makeMissing = async () => {
    const missing = Object.entries<LayerSet>(sets).filter(([each, set]) => !existsSync(place(each, set)));
    if (missing.some(([each]) => each === name)) await makeSets(Object.fromEntries(missing), recipe);
  };
  if (!existsSync(folder)) await locked("layers", makeMissing);
  return Object.fromEntries(Object.keys(sets[name].disks).map((disk) => [disk, imageIn(folder, disk)]));
}

const imageIn = (folder: string, disk: string) => join(folder, `${disk}.img`);

/** What decides, beside a set's own recipe, how it is made. */
async function guestRecipe(): Promise<readonly string[]> {
  const sources = ["layer-guest.sh", "layer-facts.ts", "tiny-root.ts"].map(readSupport);
  return [basename(dirname(await layersRoot())), ...(await Promise.all(sources))];
}

const readSupport = (name: string) => readFile(join(projectFolder, "test/support", name), "utf8");

const cacheOf = (name: string, set: LayerSet, recipe: readonly string[]) => [`layers-${name}`, [set, recipe]] as const;

async function makeSets(sets: LayerSets, recipe: readonly string[]): Promise<void> {
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
    for (const [name, set] of Object.entries(sets)) await keepSet(name, set, console, { folder, recipe, tiny });
    const failed = Object.keys(sets).filter((name) => factsOf(name, console) === undefined);
    if (failed.length)
      throw new Error(`disks could not be made as their sets have them: ${failed.join(", ")}\n${console}`);
  } finally {
    await runAsRoot(["rm", "-rf", folder]);
  }
}

/** Empty disks for all sets, in the order of the list in makeSystem. */
async function makeImages(folder: string, sets: LayerSets): Promise<string[]> {
  const images: string[] = [];
  for (const [name, { disks }] of Object.entries(sets))
    for (const [disk, size] of Object.entries(disks)) {
      const file = join(folder, `${name}.${disk}`);
      await writeFile(file, "");
      await truncate(file, size * 1024 ** 2);
      images.push(file);
    }
  return images;
}

/** The guest's system: that of layersRoot, the scripts of the sets and the places of their disks, and the tiny root. */
async function makeSystem(content: string, sets: LayerSets): Promise<void> {
  await runAsRoot(["cp", "-al", await layersRoot(), content]);
  for (const name of ["sets", "roots", "tiny", "mnt"]) await mkdir(join(content, name), { recursive: true });
  let place = 0;
  for (const [name, set] of Object.entries(sets)) {
    const disks = Object.keys(set.disks).map((disk) => `${disk} ${place++}\n`);
    await writeFile(join(content, "sets", `${name}.disks`), disks.join(""));
    await writeFile(join(content, "sets", name), set.script);
    const { root } = set;
    if (root) await makeExt4(join(content, "roots", name), { ...root, content: await root.content() });
  }
  await makeTinyRoot(join(content, "tiny"));
  await writeFile(join(content, "sbin/init"), await readSupport("layer-guest.sh"), { mode: 0o755 });
}

/** Resolves to all that the console said. */
async function runGuest(system: string, images: readonly string[]): Promise<string> {
  const { file, kernel } = await buildImage("layer-guest", ["-N"]);
  return startGuest({
    ...{ kernel: kernel.unpacked, initrd: file, cmdline: `root=UUID=${systemUuid} rw quiet` },
    disks: [{ file: system }],
    qemuArguments: scsiUnits(images, "off"),
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

async function keepSet(name: string, set: LayerSet, console: string, { folder, recipe, tiny }: Made): Promise<void> {
  const facts = factsOf(name, console);
  if (facts === undefined) return;
  await cachedFolder(...cacheOf(name, set, recipe), async (finished) => {
    const { disks, layers } = describeLayers(facts, set, tiny);
    for (const [disk, described] of Object.entries(disks)) {
      await rename(join(folder, `${name}.${disk}`), imageIn(finished, disk));
      await writeFile(descriptionOf(imageIn(finished, disk)), JSON.stringify(described));
    }
    await writeFile(join(finished, layersFile), JSON.stringify(layers));
  });
}
