import { type Chart, plot } from "./plot.js";
import type { Results } from "./results.js";

/** What the picture shows: charts with a bar for each row of a table that has the figure. */
const charts = [
  { table: "builds", column: "time", title: "Build" },
  { table: "images", column: "size", title: "Image" },
  { table: "disk-boots", column: "q35", title: "Boot from ext4 by UUID, millions of instructions" },
  { table: "disk-boots", column: "smallest guest", title: "Smallest guest" },
  { table: "folder-boots", column: "q35", title: "Boot from folders, millions of instructions" },
];

/** The picture of the README, as SVG. Tables that were not measured are left out. */
export function plotOf({ tables }: Pick<Results, "tables">): string {
  const drawn = charts.flatMap(({ table: id, column, title }): Chart[] => {
    const table = tables[id];
    const bars = Object.entries(table?.rows ?? {}).flatMap(([name, figures]) => {
      const value = figures[column] ?? null;
      return value === null ? [] : [{ name, value, ours: name.startsWith("firstlight") }];
    });
    return bars.length ? [{ title, unit: table?.units[column] ?? "", bars }] : [];
  });
  return plot("firstlight beside other generators: the shorter the better", drawn);
}
