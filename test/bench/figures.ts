/** What a part of the benchmark has measured, as it is shown and kept in results.json. */
export interface Table {
  /** Its name in results.json. */
  id: string;
  title: string;
  columns: Column[];
  rows: Row[];
  /** What has to be known to read it. */
  notes?: string[];
}

export interface Column {
  name: string;
  unit: string;
  /** After the decimal point. */
  digits: number;
}

export interface Row {
  name: string;
  /** By column; null: it cannot be measured there, and the notes say why. */
  values: (number | null)[];
}

/** What a figure may be. */
export interface Aim {
  what: string;
  figure: number;
  limit: number;
  unit: string;
}

/** Results of one part. */
export interface Section {
  tables: Table[];
  aims: Aim[];
}

export const isMet = ({ figure, limit }: Aim): boolean => figure <= limit;

/** A figure of a table; NaN: there is none. */
export function figureOf({ columns, rows }: Table, row: string, column: string): number {
  const index = columns.findIndex(({ name }) => name === column);
  return rows.find(({ name }) => name === row)?.values[index] ?? Number.NaN;
}
