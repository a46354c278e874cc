import { type Aim, isMet, type Section, type Table } from "./figures.js";

/** results.json: what was measured, with what. Nothing in it names the machine. */
export interface Results {
  /** Of this format: 1. */
  format: 1;
  /** Of the day: "2026-01-31". */
  date: string;
  /** Of what was measured, and of what measured: release by name. */
  versions: Record<string, string>;
  /** By a table's id. */
  tables: Record<string, ResultTable>;
  aims: (Aim & { met: boolean })[];
  /** What could not be measured, and why. */
  failures: readonly string[];
}

interface ResultTable {
  title: string;
  /** By a column's name. */
  units: Record<string, string>;
  /** By a row's name: figures by their column's; null: there is none. */
  rows: Record<string, Record<string, number | null>>;
  notes: string[];
}

export function resultsOf(
  sections: readonly Section[],
  versions: Record<string, string>,
  date: Date,
  failures: readonly string[],
): Results {
  return {
    format: 1,
    date: date.toISOString().slice(0, 10),
    versions,
    tables: Object.fromEntries(sections.flatMap(({ tables }) => tables).map((table) => [table.id, resultTable(table)])),
    aims: sections
      .flatMap(({ aims }) => aims)
      .map((aim) => ({ ...aim, figure: rounded(aim.figure, 3), met: isMet(aim) })),
    failures,
  };
}

function resultTable({ title, columns, rows, notes = [] }: Table): ResultTable {
  return {
    title,
    units: Object.fromEntries(columns.map(({ name, unit }) => [name, unit])),
    rows: Object.fromEntries(
      rows.map(({ name, values }) => [
        name,
        Object.fromEntries(
          columns.map((column, index) => {
            const value = values[index] ?? null;
            return [column.name, value === null ? null : rounded(value, column.digits)];
          }),
        ),
      ]),
    ),
    notes,
  };
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
