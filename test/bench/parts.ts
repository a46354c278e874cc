import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readTraces, type TraceEntry } from "../../core/rehearsal/trace.js";
import { projectFolder } from "../support/paths.js";
import { type BootSettings, type CountedBoot, countBoot, endMarker, type Mark, startMarker } from "./boots.js";
import type { Table } from "./figures.js";

/** Functions of PID 1 whose beginnings are counted: the engine's process, its snapshot, each op and the end of it. */
const watched = { engine_main: 3, snapshot_restore: 4, trace_ask: 5, trace_answer: 6 };

/** Boots an image of ours once, and tells where its instructions go. */
export async function measureParts(settings: BootSettings, id: string, title: string): Promise<Table> {
  const addresses = addressesOf(await readFile(join(projectFolder, "dist/init/init.map"), "utf8"));
  return partsTable(attribute(await countBoot({ ...settings, watches: addresses, tells: true })), id, title);
}

/** By marker: where a linker's map has the function, in hexadecimal digits. */
export function addressesOf(map: string): Map<number, string> {
  return new Map(
    Object.entries(watched).map(([name, marker]) => {
      const address = new RegExp(`^ +0x0*([0-9a-f]+) +${name}$`, "m").exec(map)?.[1];
      if (address === undefined) throw new Error(`dist/init/init.map has no ${name}: run npm run build`);
      return [marker, address];
    }),
  );
}

/** Instructions of one part of a boot. */
export interface Part {
  name: string;
  /** Of the boot code: the engine's own. */
  script: number;
  /** Of ops that do not wait, and of the kernel for them. */
  ops: number;
  /** Of the kernel otherwise, for drivers above all, and of jobs: what was waited for, and what went on while the boot code ran. */
  jobs: number;
}

const starts = {
  process: "PID 1, the engine's process",
  snapshot: "the engine's start, the snapshot",
  last: "the switch",
};

/** The parts of a boot, in its order: what comes before the first op, the phases, what comes after the last op. Throws Error: counts and recording differ. */
export function attribute({ marks, told }: CountedBoot): Part[] {
  const entries = [...(readTraces(told, "the recording of a measured boot")[0]?.entries ?? [])];
  const parts: Part[] = [];
  const partCalled = (name: string): Part => {
    const known = parts.find((part) => part.name === name);
    if (known) return known;
    const part = { name, script: 0, ops: 0, jobs: 0 };
    parts.push(part);
    return part;
  };
  let part = partCalled(starts.process);
  const runs = ({ instructions, kernel }: Span) => {
    part.script += instructions - kernel;
    part.jobs += kernel;
  };
  for (const span of spans(marks))
    if (span.id === watched.engine_main || span.id === watched.snapshot_restore) runs(span);
    else if (span.id === watched.trace_ask) {
      if (part.name === starts.process) part = partCalled(starts.snapshot);
      runs(span);
    } else if (span.id === watched.trace_answer) {
      const entry = entries.shift();
      if (!entry) throw new Error("a measured boot has asked more than it has recorded");
      part[entry.name === "wait" ? "jobs" : "ops"] += span.instructions;
      part = partCalled(partAfter(entry, part.name));
    } else if (span.id === endMarker) partCalled(starts.last).jobs += span.instructions;
  if (entries.length) throw new Error("a measured boot has recorded more than it has asked");
  return parts;
}

type Span = Pick<Mark, "id" | "instructions" | "kernel">;

/** What each mark has come to since the one before it. */
function* spans(marks: readonly Mark[]): Generator<Span> {
  const begin = marks.findIndex(({ id }) => id === startMarker);
  for (const [index, { id, instructions, kernel }] of marks.entries()) {
    const before = marks[index - 1];
    if (before && index > begin)
      yield { id, instructions: instructions - before.instructions, kernel: kernel - before.kernel };
  }
}

const first = "file systems, command line";

/** What the boot logs as it comes to a phase. */
function partAfter(entry: TraceEntry, current: string): string {
  const phase = entry.name === "log" ? /"text":"(phase [\w-]+)/.exec(entry.arguments)?.[1] : undefined;
  return phase ?? (current === starts.snapshot ? first : current);
}

function partsTable(parts: readonly Part[], id: string, title: string): Table {
  const column = (name: string) => ({ name, unit: "M", digits: 1 });
  const sum = (figure: "script" | "ops" | "jobs") => parts.reduce((total, part) => total + part[figure], 0);
  const row = (name: string, figures: readonly number[]) => ({
    name,
    values: [...figures, figures.reduce((total, figure) => total + figure, 0)].map((figure) => figure / 1e6),
  });
  return {
    id,
    title,
    columns: ["boot code", "ops", "kernel and jobs", "all"].map(column),
    rows: [
      ...parts.map(({ name, script, ops, jobs }) => row(name, [script, ops, jobs])),
      row("all", [sum("script"), sum("ops"), sum("jobs")]),
    ],
  };
}
