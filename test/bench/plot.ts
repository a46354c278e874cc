import { escaped, fitted, rectangle, styles, text, widthOfText } from "../../core/image/drawing.js";

/** Bars of one chart: the shorter the better. */
export interface Chart {
  title: string;
  unit: string;
  bars: Bar[];
}

export interface Bar {
  name: string;
  value: number;
  /** Ours stand out. */
  ours: boolean;
}

const [width, margin, names] = [760, 12, 190];
const bar = { height: 14, step: 19 };
const [heading, gap] = [24, 14];
/** Hues of ours and of the others. */
const hues = [150, 215];

/** An SVG picture of bar charts, one below the other, on light paper or a dark screen as the reader has it. Bars are to scale within a chart. */
export function plot(title: string, charts: readonly Chart[]): string {
  const shapes: string[] = [];
  let y = margin;
  for (const chart of charts) {
    shapes.push(...shapesOf(chart, y));
    y += heading + chart.bars.length * bar.step + gap;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img" aria-label="${escaped(title)}">`,
    `<style>${styles(hues)}</style>`,
    `<rect class="p" width="${width}" height="${y}"/>`,
    ...shapes,
    "</svg>",
    "",
  ].join("\n");
}

function shapesOf({ title, unit, bars }: Chart, top: number): string[] {
  const longest = Math.max(...bars.map(({ value }) => value));
  const left = margin + names;
  const room = width - left - margin - widthOfText(` ${shown(longest)}`) - 6;
  const lines = bars.flatMap(({ name, value, ours }, index) => {
    const y = top + heading + index * bar.step;
    const length = Math.max(1, (room * value) / longest);
    const base = y + bar.height - 3;
    return [
      text(margin, base, fitted(name, names - 6), ours ? "g" : ""),
      rectangle({ x: left, y, width: length, height: bar.height }, ours ? "h0" : "b1"),
      text(left + length + 6, base, shown(value), ours ? "g" : ""),
    ];
  });
  return [text(margin, top + 14, `${title}, ${unit}`, "g"), ...lines];
}

/** Two figures of it at least. */
const shown = (value: number): string => value.toFixed(value < 1 ? 2 : value < 100 ? 1 : 0);
