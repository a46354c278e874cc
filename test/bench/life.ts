import { longLife } from "../support/long-life.js";
import type { Section } from "./figures.js";

const [stages, orphansOfEach] = [10_000, 10];
/** Milliseconds: then it is ended, with an error. */
const longest = 900_000;

/** What PID 1 holds at first and after 10,000 stages with 100,000 orphans. */
export async function measureLife(): Promise<Section> {
  const { first, last } = await longLife(stages, orphansOfEach, longest);
  const row = (name: string, held: typeof first) => ({
    name,
    values: [held.anonymous, held.addresses, held.descriptors],
  });
  const table = {
    id: "life",
    title: "A whole system's life (module pid1): what PID 1 holds",
    columns: [
      { name: "of its own", unit: "KiB", digits: 0 },
      { name: "address space", unit: "KiB", digits: 0 },
      { name: "open files", unit: "", digits: 0 },
    ],
    rows: [row("at first", first), row(`after ${stages} stages, ${stages * orphansOfEach} orphans`, last)],
  };
  const grown = { what: "memory that comes to PID 1", figure: last.anonymous - first.anonymous, limit: 0, unit: "KiB" };
  return { tables: [table], aims: [grown] };
}
