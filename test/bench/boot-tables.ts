import type { Bench } from "./attempts.js";
import { bootInstructions, countBoot, type MeasuredRoot } from "./boots.js";
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
  /** Of boots. */
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
    { name: "smallest guest", unit: "MiB", digits: 0 },
    { name: "held after", unit: "MiB", digits: 1 },
  ];
  const tasks = images.flatMap(({ name, image }) => {
    const measures = [
      ...boards.map((machine) => () => bootInstructions(kernel, image, machine, root, { times })),
      async () => (memory ? smallestMemory(kernel, image, root) : null),
      async () => heldMemory((await countBoot({ kernel, image, machine: "q35", root, tells: true })).told.toString()),
    ];
    return measures.map((measure, column) => () => attempt(`${id}, ${name}, ${columns[column]?.name}`, measure));
  });
  const results = (await pooled(2, tasks)).map((figure) => figure ?? null);
  const table: Table = {
    id,
    title: `${title}: guest instructions between /init and the new root's init, by QEMU's board; memory`,
    columns,
    rows: images.map(({ name }, index) => ({
      name,
      values: results.slice(index * columns.length, (index + 1) * columns.length),
    })),
    notes: ["held after: all that the new root's init does not find free, the kernel's own included"],
  };
  const judged = images[0]?.ours ? [] : images.filter(({ ours }) => ours);
  return { tables: [table], aims: judged.flatMap(({ name }) => aimsOf(table, name, memory)) };
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
