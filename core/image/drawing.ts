import type { Box } from "./treemap.js";

const fontSize = 11;

/** Widths in parts of the font's size, none narrower than in common sans-serif fonts. */
const widths: [RegExp, number][] = [
  [/[iIjl.,:;'|!()[\]ft -]/, 0.38],
  [/[mwMW@%…\u2e80-\uffff]/, 1],
  [/[A-Z]/, 0.75],
];
const widthOf = (letter: string) => (widths.find(([letters]) => letters.test(letter))?.[1] ?? 0.61) * fontSize;

/** At most so wide. */
export function widthOfText(text: string): number {
  let width = 0;
  for (const letter of text) width += widthOf(letter);
  return width;
}

/** As much of a text as fits, with "…" where it is cut; empty: less than three letters would be left. */
export function fitted(text: string, width: number): string {
  let left = width;
  const letters = [...text];
  const fitting = letters.findIndex((letter) => {
    left -= widthOf(letter);
    return left < 0;
  });
  if (fitting < 0) return text;
  left = width - widthOf("…");
  const cut = letters.findIndex((letter) => {
    left -= widthOf(letter);
    return left < 0;
  });
  return cut < 3 ? "" : `${letters.slice(0, cut).join("")}…`;
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
/** Text as it stands in SVG and HTML, without what XML cannot hold. */
export const escaped = (text: string) =>
  text.replace(/[&<>"]/g, (found) => escapes[found] ?? "").replace(/[^\P{Cc}\n]|[\p{Cs}\ufffe\uffff]/gu, "\ufffd");
const round = (number: number) => Number(number.toFixed(1));

/**
 * Classes of boxes, "h0" and "b0" and so on, by hue, the second lighter; "p" is the paper. Light paper or a dark screen, as the reader has it; text
 * has a contrast of 7 at least on all that it stands on.
 */
export function styles(hues: readonly number[]): string {
  const colours = (saturation: number, head: number, body: number) =>
    hues
      .map((hue, index) => {
        const colour = (lightness: number) => `fill:hsl(${hue},${saturation}%,${lightness}%)`;
        return `.h${index}{${colour(head)}}.b${index}{${colour(body)}}`;
      })
      .join("");
  return [
    "svg{font:11px sans-serif;print-color-adjust:exact;-webkit-print-color-adjust:exact}.t{font-size:15px}.g{font-weight:bold}",
    "text{fill:#111}.p{fill:#fff}g:hover>.c{stroke:#111}",
    colours(60, 76, 87),
    "@media screen and (prefers-color-scheme:dark){text{fill:#eee}.p{fill:#181818}g:hover>.c{stroke:#eee}",
    `${colours(40, 22, 30)}}`,
  ].join("\n");
}

/** A box of that class. */
export function rectangle({ x, y, width, height }: Box, kind: string): string {
  return `<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"/>`;
}

/** Words of that class, left out where there are none. */
export function text(x: number, y: number, words: string, kind: string): string {
  if (!words) return "";
  return `<text x="${round(x)}" y="${round(y)}"${kind && ` class="${kind}"`}>${escaped(words)}</text>`;
}
