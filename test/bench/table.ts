import { type Aim, type Column, isMet, type Table } from "./figures.js";

const blanks = 2;

/** A table as it is shown on a terminal: the names on the left, figures flush right below what they are. Ends with a newline. */
export function formatTable({ title, columns, rows, notes = [] }: Table): string {
  const cells = [
    ["", ...columns.map(({ name }) => name)],
    ["", ...columns.map(({ unit }) => unit)],
    ...rows.map(({ name, values }) => [name, ...columns.map((column, index) => formatFigure(column, values[index]))]),
  ];
  return `${[title, ...aligned(cells), ...notes].join("\n")}\n`;
}

export const formatFigure = ({ digits }: Pick<Column, "digits">, value: number | null | undefined): string =>
  value === null || value === undefined ? "–" : value.toFixed(digits);

/** Aims and whether they are met, a line each. Ends with a newline. */
export function formatAims(aims: readonly Aim[]): string {
  const cells = aims.map((aim) => [
    aim.what,
    Number.isNaN(aim.figure) ? "not measured" : `${aim.figure.toFixed(3)} ${aim.unit}`,
    `at most ${aim.limit.toFixed(3)}`,
    isMet(aim) ? "met" : "MISSED",
  ]);
  return `${["Aims", ...aligned(cells)].join("\n")}\n`;
}

/** The first column to the left, the others to the right. */
function aligned(cells: readonly string[][]): string[] {
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) =>
    row
      .map((cell, column) =>
        column ? cell.padStart((widths[column] ?? 0) + blanks) : cell.padEnd(widths[column] ?? 0),
      )
      .join("")
      .trimEnd(),
  );
}
