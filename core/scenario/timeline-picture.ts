import { escaped, fitted, rectangle, styles, text, widthOfText } from "../image/drawing.js";
import type { Step } from "./timeline.js";

/** Something that takes time: a bar of the picture. Milliseconds since the kernel started. */
interface Span {
  from: number;
  /** undefined: it has not ended. */
  to: number | undefined;
  words: string;
  failed: boolean;
}

/** Bars of one kind. */
interface Section {
  title: string;
  spans: readonly Span[];
  /** So many rows at most: what is shorter than those that are shown is gathered in the last one. */
  most: number;
  /** Number of its colour. */
  colour: number;
}

/** Narrow enough that a phone shows letters of a readable size; so are they where the highest picture stands on one sheet of paper. */
const width = 480;
const margin = 8;
const rowHeight = 16;
const barHeight = 14;
const lineHeight = 14;
/** Less than that is not seen. */
const narrowestBar = 2.5;
const plot = { left: margin, right: width - margin };
/** Of phases, hooks, drivers, other jobs, and what has failed. */
const hues = [210, 275, 125, 45, 0];
const failedColour = 4;
/** Lines of the verdict, and of each reason why a boot stopped. */
const mostLines = 4;

const phaseWords = /^(?:firstlight: )?phase ([a-z-]+(?::.*)?)$/s;
const stopWords = /──── The boot has stopped ────\nWhat: +(.*)/;

/** What the boot was about: its phases with their modules' hooks, and in between what it had stopped for. */
function chapters(steps: readonly Step[], end: number): Span[] {
  const spans: Span[] = [];
  const begin = (from: number, words: string, failed: boolean) => {
    const last = spans.at(-1);
    if (last) last.to = from;
    spans.push({ from, to: undefined, words, failed });
  };
  for (const { name, time, text: words } of steps) {
    if (name !== "log" && name !== "print") continue;
    const stop = name === "print" ? stopWords.exec(words)?.[1] : undefined;
    const phase = phaseWords.exec(words)?.[1];
    if (stop !== undefined) begin(time, `stopped: ${stop}`, true);
    else if (phase !== undefined) begin(time, phase, false);
  }
  const last = spans.at(-1);
  if (last) last.to = end;
  return spans;
}

/** What the log says of a hook that has waited for something (core/sequencer/phases.ts). */
const hookWords = /^(?:firstlight: )?([a-z-]+): (\S+) has (ended|failed|not ended)$/;

/** Hooks that have waited, from the beginning of their phase on. */
function hookSpans(steps: readonly Step[]): Span[] {
  const spans = new Map<string, Span>();
  const begun = new Map<string, number>();
  for (const { name, time, text: words } of steps) {
    if (name !== "log" && name !== "print") continue;
    const started = phaseWords.exec(words)?.[1]?.split(":", 1)[0];
    if (started !== undefined) begun.set(started, time);
    const [, phase = "", module, end] = hookWords.exec(words) ?? [];
    const from = begun.get(phase);
    if (from === undefined) continue;
    spans.set(`${phase} ${module} ${from}`, { from, to: time, words: `${module} (${phase})`, failed: end !== "ended" });
  }
  return [...spans.values()];
}

const jobSpan = ({ name, time, lasts, text: words, failed }: Step): Span => ({
  from: time,
  to: lasts === undefined ? undefined : time + lasts,
  words: name === "insert" ? words.slice("insert ".length) : words,
  failed: failed === true,
});

/** A duration as a person says it. */
function duration(milliseconds: number): string {
  if (milliseconds >= 999.5) return `${(milliseconds / 1000).toFixed(milliseconds < 9995 ? 2 : 1)} s`;
  if (milliseconds >= 0.95) return `${Number(milliseconds.toFixed(milliseconds < 9.95 ? 1 : 0))} ms`;
  return milliseconds > 0 ? `${Math.round(milliseconds * 1000)} µs` : "no time";
}

/** The axis: from when to when, and how a time lies on it. */
interface Axis {
  from: number;
  to: number;
  /** Milliseconds between two lines. */
  step: number;
  at(time: number): number;
}

function axisOf(steps: readonly Step[], end: number): Axis {
  let from = end;
  let to = end;
  for (const { time, lasts = 0 } of steps) {
    from = Math.min(from, time);
    to = Math.max(to, time, time + lasts);
  }
  // A boot on a simulated machine may take no time at all.
  to = Math.max(to, from + 0.1);
  const coarse = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(coarse));
  const step = ([1, 2, 5].find((factor) => factor * power >= coarse) ?? 10) * power;
  const scale = (plot.right - plot.left) / (to - from);
  return { from, to, step, at: (time) => plot.left + (time - from) * scale };
}

/** The lines of the axis from top to bottom, each with its time. */
function gridShapes({ from, to, step, at }: Axis, top: number, bottom: number): string[] {
  const decimals = Math.max(0, Math.ceil(3 - Math.log10(step) - 1e-9));
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) => {
    const time = (first + index) * step;
    const words = `${(time / 1000).toFixed(decimals)} s`;
    const x = at(time);
    const room = widthOfText(words) / 2;
    const anchor = Math.min(Math.max(x, plot.left + room), plot.right - room);
    return `${line(x, top + lineHeight, bottom, "l")}<text x="${anchor.toFixed(1)}" y="${top + 10}" text-anchor="middle">${words}</text>`;
  });
}

const line = (x: number, top: number, bottom: number, kind: string) =>
  `<path class="${kind}" d="M${x.toFixed(1)} ${top}V${bottom}"/>`;

/** One bar, and its words: in it, or on the side of it where more of them fit. */
function spanShapes({ from, to, words, failed }: Span, colour: number, axis: Axis, y: number): string {
  const x = Math.min(axis.at(from), plot.right - narrowestBar);
  const end = Math.max(axis.at(to ?? axis.to), x + narrowestBar);
  const lasts = to === undefined ? "has not ended" : duration(Math.max(0, to - from));
  const told = words.replaceAll(/\s+/g, " ");
  const after = `, ${lasts}`;
  const needed = widthOfText(told + after);
  const [inside, right, left] = [end - x - 6, plot.right - end - 3, x - 3 - plot.left];
  const room = inside >= needed ? inside : Math.max(inside, right >= needed ? right : Math.max(left, right));
  const shown = needed <= room ? told : fitted(told, room - widthOfText(after));
  const label = (at: number, anchor: string) =>
    `<text x="${at.toFixed(1)}" y="${y + 11}"${anchor}>${escaped(shown + after)}</text>`;
  const title = `${words}\n${(from / 1000).toFixed(6)} s, ${lasts}`;
  return [
    `<g><title>${escaped(title)}</title>`,
    rectangle({ x, y, width: end - x, height: barHeight }, `c h${failed ? failedColour : colour}`),
    room === left ? label(x - 3, ' text-anchor="end"') : label(room === inside ? x + 3 : end + 3, ""),
    "</g>",
  ].join("");
}

/** Many bars in one row: where they touch each other they are one. */
function gatheredShapes(spans: readonly Span[], colour: number, axis: Axis, y: number): string {
  let longest = 0;
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    longest = Math.max(longest, (to ?? axis.to) - from);
    const x = Math.floor(Math.min(axis.at(from), plot.right - 1));
    const end = Math.ceil(Math.max(axis.at(to ?? axis.to), x + 1));
    const last = merged.at(-1);
    if (last && x <= last.to) last.to = Math.max(last.to, end);
    else merged.push({ from: x, to: end });
  }
  const words = `${spans.length} others, ${duration(longest)} at most`;
  const boxes = merged.map(({ from, to }) =>
    rectangle({ x: from, y, width: to - from, height: barHeight }, `h${colour}`),
  );
  return `<g><title>${words}</title>${boxes.join("")}${text(plot.left + 3, y + 11, words, "")}</g>`;
}

/** Failed ones first, then the longest. */
const weightOf = ({ from, to, failed }: Span) =>
  failed ? Number.POSITIVE_INFINITY : (to ?? Number.MAX_SAFE_INTEGER) - from;

function sectionShapes({ title, spans, most, colour }: Section, axis: Axis, top: number): string[] {
  const byWeight = [...spans].sort((a, b) => Number(weightOf(b) > weightOf(a)) - Number(weightOf(b) < weightOf(a)));
  const own = new Set(spans.length > most ? byWeight.slice(0, most - 1) : spans);
  const rest = spans.filter((span) => !own.has(span));
  const y = (row: number) => top + rowHeight * (row + 1);
  const shapes = [...own].sort((a, b) => a.from - b.from).map((span, row) => spanShapes(span, colour, axis, y(row)));
  if (rest.length) shapes.push(gatheredShapes(rest, colour, axis, y(own.size)));
  return [text(margin, top + 12, title, "g"), ...shapes];
}

const heightOf = ({ spans, most }: Section) => (spans.length ? rowHeight * (Math.min(spans.length, most) + 1) + 4 : 0);

/** A text in lines that fit; what is longer is cut. */
function lines(words: string): string[] {
  const room = width - 2 * margin;
  const done: string[] = [];
  let current = "";
  for (const word of words.split(/\s+/)) {
    const longer = current ? `${current} ${word}` : word;
    if (widthOfText(longer) <= room || !current) current = longer;
    else {
      done.push(current);
      current = word;
    }
  }
  done.push(current);
  if (done.length > mostLines) done.splice(mostLines - 1, done.length, done.slice(mostLines - 1).join(" "));
  return done.map((each) => fitted(each, room));
}

/**
 * A self-contained picture (SVG) of a boot: its phases with their hooks, its drivers and its other jobs over time. `end`: milliseconds since the
 * kernel started; `verdict`: how it ended.
 */
export function timelineSvg(title: string, steps: readonly Step[], end: number, verdict: string): string {
  const axis = axisOf(steps, end);
  const phases = chapters(steps, axis.to);
  const jobs = steps.filter(({ kind }) => kind === "job");
  const isDriver = ({ name }: Step) => name === "insert";
  const sections: Section[] = [
    { title: "Phases: modules with hooks", spans: phases, most: 10, colour: 0 },
    { title: "Hooks that waited", spans: hookSpans(steps), most: 8, colour: 1 },
    { title: "Drivers", spans: jobs.filter(isDriver).map(jobSpan), most: 12, colour: 2 },
    { title: "Other jobs", spans: jobs.filter((step) => !isDriver(step)).map(jobSpan), most: 16, colour: 3 },
  ];
  const stops = phases.filter(({ failed }) => failed);
  const head = [
    ...lines(`From ${(axis.from / 1000).toFixed(3)} s to ${(axis.to / 1000).toFixed(3)} s: ${verdict}`),
    ...stops
      .filter(({ words }) => !verdict.endsWith(words.replace("stopped", "")))
      .slice(0, 2)
      .flatMap(({ from, words }) => lines(`At ${(from / 1000).toFixed(3)} s ${words}`)),
  ];
  const top = 26 + head.length * lineHeight + 4;
  const places = sections.map((_, index) =>
    sections.slice(0, index).reduce((sum, section) => sum + heightOf(section), top + lineHeight + 4),
  );
  const height = sections.reduce((sum, section) => sum + heightOf(section), top + lineHeight + 4) + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<style>${styles(hues)}`,
    ".c{stroke:#777;stroke-width:.4}.l{stroke:#ddd}.s{stroke:#c00;stroke-dasharray:4 2}",
    // By itself in a window it takes no more than that, and what is beside it is paper, too.
    "svg{max-width:100%;height:auto;background:#fff}",
    "@media screen and (prefers-color-scheme:dark){svg{background:#181818}.c{stroke:#999}.l{stroke:#444}.s{stroke:#f77}}</style>",
    `<rect class="p" width="${width}" height="${height}"/>`,
    text(margin, 18, fitted(title, ((width - 2 * margin) * 11) / 15), "t"),
    ...head.map((words, index) => text(margin, 36 + index * lineHeight, words, "")),
    ...gridShapes(axis, top, height - margin),
    ...stops.map(({ from }) => line(axis.at(from), top + lineHeight, height - margin, "s")),
    ...sections.flatMap((section, index) =>
      section.spans.length ? sectionShapes(section, axis, places[index] ?? 0) : [],
    ),
    "</svg>",
    "",
  ].join("\n");
}
