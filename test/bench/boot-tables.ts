import type { Bench } from "./attempts.js";
import { type CountedBoot, countBoots, type MeasuredRoot, medianInstructions } from "./boots.js";
import { type Aim, type Column, figureOf, type Section, type Table } from "./figures.js";
import { heldMemory, smallestMemory } from "./memory.js";
import { pooled } from "./pool.js";

const boards = ["pc", "q35"];
/** What a boot of ours may cost beside the hand-written init that does the same. */
const longest = 1.25;
/** MiB that a guest of ours may need more than that one's. */
const mostMemory = 16;

/** An image to boot. */
export interface Bootable {
  name: string;
  image: string;
  ours: boolean;
}

interface Measures {
  /** Of boots; those of other generators, whose instructions are many times as many, are counted once. */
  times: number;
  /** Is the smallest guest looked for, too? */
  memory: boolean;
}

/** Boots each image to a root by both boards. Those of ours are judged by the first image, where that is the hand-written one. */
export async function measureBoots(
  { kernel, attempt }: Bench,
  { id, title, root, images }: { id: string; title: string; root: MeasuredRoot; images: readonly Bootable[] },
  { times, memory }: Measures,
): Promise<Section> {
  const columns: Column[] = [
    ...boards.map((name) => ({ name, unit: "M", digits: 1 })),
    { name: "held after", unit: "MiB", digits: 1 },
    { name: "smallest guest", unit: "MiB", digits: 0 },
  ];
  const tasks = images.flatMap(({ name, image, ours }, index) => {
    const settings = { kernel, image, root };
    const count = (machine: string) =>
      countBoots({ ...settings, machine, tells: true }, ours || index === 0 ? times : 1);
    const measures: [what: string, figures: number, measure: () => Promise<(number | null)[]>][] = [
      ["pc", 1, async () => [medianInstructions(await count("pc"))]],
      ["q35", 2, async () => instructionsAndMemory(await count("q35"))],
      ["smallest guest", 1, async () => [memory ? await smallestMemory(kernel, image, root) : null]],
    ];
    return measures.map(
      ([what, figures, measure]) =>
        async () =>
          (await attempt(`${id}, ${name}, ${what}`, measure)) ?? Array<null>(figures).fill(null),
    );
  });
  const figures = (await pooled(2, tasks)).flat();
  const table: Table = {
    id,
    title: `${title}: guest instructions between /init and the new root's init, by QEMU's board; memory`,
    columns,
    rows: images.map(({ name }, index) => ({
      name,
      values: figures.slice(index * columns.length, (index + 1) * columns.length),
    })),
    notes: ["held after: all that the new root's init does not find free on q35, the kernel's own included"],
  };
  const judged = images[0]?.ours ? [] : images.filter(({ ours }) => ours);
  return { tables: [table], aims: judged.flatMap(({ name }) => aimsOf(table, name, memory)) };
}

/** Those of boots on one board, and what one of them has left in memory. */
function instructionsAndMemory(boots: readonly CountedBoot[]): (number | null)[] {
  const [one] = boots;
  return [medianInstructions(boots), one ? heldMemory(one.told.toString()) : null];
}

function aimsOf(table: Table, name: string, memory: boolean): Aim[] {
  const floor = table.rows[0]?.name ?? "";
  const instructions = boards.map((board) => ({
    what: `${name}, ${board}: times ${floor}`,
    figure: figureOf(table, name, board) / figureOf(table, floor, board),
    limit: longest,
    unit: "x",
  }));
  if (!memory) return instructions;
  const more = figureOf(table, name, "smallest guest") - figureOf(table, floor, "smallest guest");
  return [
    ...instructions,
    { what: `${name}: smallest guest, more than ${floor}'s`, figure: more, limit: mostMemory, unit: "MiB" },
  ];
}
