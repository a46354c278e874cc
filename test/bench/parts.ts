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

/** What is done in the kernel and in jobs while the boot code waits, or runs: named after what has begun it. */
type Work = (typeof kindsOfWork)[number];

/** The first of those that are under way has what goes on: drivers have work done in the kernel that no job tells of. */
const kindsOfWork = ["drivers", "probing", "others"] as const;

/** By op: the work of its job. */
const works: Readonly<Record<string, Work>> = { insert: "drivers", probe: "probing" };

/** Instructions of one part of a boot. */
export interface Part extends Record<Work, number> {
  name: string;
  /** Of the boot code: the engine's own. */
  script: number;
  /** Of ops that do not wait, and of the kernel for them. */
  ops: number;
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
    const part = { name, script: 0, ops: 0, drivers: 0, probing: 0, others: 0 };
    parts.push(part);
    return part;
  };
  let part = partCalled(starts.process);
  /** By the number of the job that does it. */
  const begun = new Map<number, Work>();
  const work = (): Work => kindsOfWork.find((kind) => [...begun.values()].includes(kind)) ?? "others";
  const runs = ({ instructions, kernel }: Span) => {
    part.script += instructions - kernel;
    part[work()] += kernel;
  };
  for (const span of spans(marks))
    if (span.id === watched.engine_main || span.id === watched.snapshot_restore) runs(span);
    else if (span.id === watched.trace_ask) {
      if (part.name === starts.process) part = partCalled(starts.snapshot);
      runs(span);
    } else if (span.id === watched.trace_answer) {
      const entry = entries.shift();
      if (!entry) throw new Error("a measured boot has asked more than it has recorded");
      part[entry.name === "wait" ? work() : "ops"] += span.instructions;
      const { type, job } = answerOf(entry);
      if (type === "job") begun.delete(job ?? 0);
      else if (job !== undefined) begun.set(job, works[entry.name] ?? "others");
      part = partCalled(partAfter(entry, part.name));
    } else if (span.id === endMarker) partCalled(starts.last).others += span.instructions;
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

/** The number of the job that an op has begun, or that has ended (type "job"). */
function answerOf({ outcome }: TraceEntry): { type?: string; job?: number } {
  const { value } = JSON.parse(outcome || "{}") as { value?: unknown };
  return typeof value === "object" && value !== null ? value : {};
}

const first = "file systems, command line";

/** What the boot logs as it comes to a phase. */
function partAfter(entry: TraceEntry, current: string): string {
  const phase = entry.name === "log" ? /"text":"(phase [\w-]+)/.exec(entry.arguments)?.[1] : undefined;
  return phase ?? (current === starts.snapshot ? first : current);
}

const figures = {
  "boot code": "script",
  ops: "ops",
  "driver loads": "drivers",
  probing: "probing",
  others: "others",
} as const;

function partsTable(parts: readonly Part[], id: string, title: string): Table {
  const row = (name: string, values: readonly number[]) => ({
    name,
    values: [...values, values.reduce((total, figure) => total + figure, 0)].map((figure) => figure / 1e6),
  });
  const kinds = Object.values(figures);
  const sum = (kind: (typeof kinds)[number]) => parts.reduce((total, part) => total + part[kind], 0);
  return {
    id,
    title,
    columns: [...Object.keys(figures), "all"].map((name) => ({ name, unit: "M", digits: 1 })),
    rows: [
      ...parts.map((part) =>
        row(
          part.name,
          kinds.map((kind) => part[kind]),
        ),
      ),
      row("all", kinds.map(sum)),
    ],
    notes: ["driver loads, probing: all that the kernel and jobs do while one is under way; others: when none is"],
  };
}
