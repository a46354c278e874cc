import { escaped, fitted, rectangle, styles, text } from "./drawing.js";
import { sizeWords } from "./listing.js";
import { type Box, largestFirst, sizeOf, squarify, type Weight } from "./treemap.js";

const gap = 2;
const headHeight = 16;
const lineHeight = 13;
/** Bold letters are wider. */
const boldness = 1.1;
/** A box that is smaller than a short word is of no use: such files are shown as one. */
const smallestBox = 34 * 16;

/** Neighbours in the order of size have hues that are far from each other: the golden angle. */
const huesOf = (groups: readonly Weight[]) => groups.map((_, index) => Math.round((210 + index * 137.5) % 360));

/** The map itself, without what stands around it. */
function mapShapes(groups: readonly Weight[], box: Box): string[] {
  const smallest = (sizeOf(groups) * smallestBox) / (box.width * box.height);
  return squarify(groups, box).flatMap(([group, whole], index) => {
    const place = inset(whole, gap / 2);
    const hasHead = place.height > headHeight + lineHeight && place.width > 40;
    const room = (place.width - 8) / boldness;
    const head = `${group.name} ${sizeWords(group.size)}`;
    const label = fitted(head, room) === head ? head : fitted(group.name, room);
    const inside = hasHead ? { ...place, y: place.y + headHeight, height: place.height - headHeight } : place;
    const files = squarify(gatherSmall(group.parts ?? [], smallest), inside).map(([part, cell]) =>
      fileBox(inset(cell, 0.5), index, part, group.name),
    );
    return [
      `<g><title>${escaped(`${group.name}, ${sizeWords(group.size)}`)}</title>${rectangle(place, `h${index}`)}`,
      ...(hasHead ? [text(place.x + 4, place.y + 12, label, "g")] : []),
      ...files,
      "</g>",
    ];
  });
}

const inset = ({ x, y, width, height }: Box, by: number): Box => ({
  ...{ x: x + by, y: y + by },
  ...{ width: Math.max(0, width - 2 * by), height: Math.max(0, height - 2 * by) },
});

function gatherSmall(parts: readonly Weight[], smallest: number): Weight[] {
  const small = parts.filter(({ size }) => size < smallest);
  if (small.length < 2) return [...parts];
  const large = parts.slice(0, parts.length - small.length);
  return [...large, { name: `${small.length} smaller files`, size: sizeOf(small) }].sort(largestFirst);
}

/** With the last part of the file's name, and its size below, where there is room; with all of it under a pointer. */
function fileBox(box: Box, index: number, part: Weight, group: string): string {
  const size = sizeWords(part.size);
  const name = box.height >= lineHeight ? fitted(part.name.slice(part.name.lastIndexOf("/") + 1), box.width - 6) : "";
  const hasSize = name && box.height >= 2 * lineHeight && fitted(size, box.width - 6) === size;
  return [
    `<g><title>${escaped(`${part.name}, ${size} (${group})`)}</title>${rectangle(box, `c b${index}`)}`,
    text(box.x + 3, box.y + 11, name, ""),
    hasSize ? text(box.x + 3, box.y + 11 + lineHeight, size, "") : "",
    "</g>",
  ].join("");
}

const percent = (part: number, whole: number) => `${((100 * part) / whole || 0).toFixed(1)} %`;

const wide = { width: 1280, height: 800 };
const tall = { width: 480, height: 860 };
const titleHeight = 26;
const legendWidth = 250;
const legendLine = 17;

/** A self-contained picture: the map, and beside it the groups with their sizes. */
export function mapSvg(title: string, groups: readonly Weight[]): string {
  const { width, height } = wide;
  const box = { x: 0, y: titleHeight, width: width - legendWidth, height: height - titleHeight };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}">`,
    `<style>${styles(huesOf(groups))}</style>`,
    `<rect class="p" width="${width}" height="${height}"/>`,
    text(4, 18, title, "t"),
    ...mapShapes(groups, box),
    ...legendShapes(groups, width - legendWidth + 12),
    "</svg>",
    "",
  ].join("\n");
}

function legendShapes(groups: readonly Weight[], x: number): string[] {
  const total = sizeOf(groups);
  const room = Math.floor((wide.height - titleHeight) / legendLine);
  const shown = groups.length > room ? groups.slice(0, room - 1) : groups;
  const rest = groups.slice(shown.length);
  const lines = shown.map((group, index) => ({ ...group, index }));
  if (rest.length) lines.push({ name: `${rest.length} smaller groups`, size: sizeOf(rest), index: -1 });
  return lines.map(({ name, size, index }, line) => {
    const y = titleHeight + line * legendLine;
    const swatch = index < 0 ? "" : rectangle({ x, y: y + 3, width: 11, height: 11 }, `b${index}`);
    const right = wide.width - 4;
    const end = (at: number, words: string) => `<text x="${at}" y="${y + 12}" text-anchor="end">${words}</text>`;
    const label = text(x + 16, y + 12, fitted(name, right - 110 - x - 16), "");
    return `${swatch}${label}${end(right - 46, sizeWords(size))}${end(right, percent(size, total))}`;
  });
}

/** Of a group; who wants all of them has lsinitrd itself. */
const listedFiles = 30;

const pageStyle = `body{margin:0 auto;max-width:90rem;padding:.5rem;font:16px sans-serif;color:#111;background:#fff}
h1{font-size:1.1rem;overflow-wrap:anywhere}svg{width:100%;display:block}.tall{display:none}
summary,li{display:flex;gap:.6em;padding:.2em 0}summary{cursor:pointer}summary::before{content:"▸"}[open]>summary::before{content:"▾"}
span:last-of-type{min-width:3.6em}span{text-align:right}span:first-of-type{text-align:left}main{columns:22rem;column-gap:2rem}
summary svg{width:1em;height:1em;flex:none;align-self:center}
summary span:first-of-type,li span:first-of-type{flex:1;overflow-wrap:anywhere}ul{padding-left:1.6em;margin:0}
@media screen and (max-width:50rem){.wide{display:none}.tall{display:block}}
@media screen and (prefers-color-scheme:dark){body{color:#eee;background:#181818}}`;

/** The same as a page: the map upright for a narrow screen, and the groups below it, with their largest files. */
export function mapHtml(title: string, groups: readonly Weight[]): string {
  const total = sizeOf(groups);
  const map = (kind: string, box: { width: number; height: number }) => [
    `<svg class="${kind}" viewBox="0 0 ${box.width} ${box.height}" role="img" aria-label="${escaped(title)}">`,
    ...mapShapes(groups, { x: 0, y: 0, ...box }),
    "</svg>",
  ];
  const row = (name: string, size: number) =>
    `<span>${escaped(name)}</span><span>${sizeWords(size)}</span><span>${percent(size, total)}</span>`;
  const legend = groups.flatMap(({ name, size, parts = [] }, index) => [
    `<details><summary><svg viewBox="0 0 1 1"><rect class="b${index}" width="1" height="1"/></svg>${row(name, size)}</summary><ul>`,
    ...parts.slice(0, listedFiles).map((part) => `<li>${row(part.name, part.size)}</li>`),
    ...(parts.length > listedFiles ? [`<li>and ${parts.length - listedFiles} smaller files</li>`] : []),
    "</ul></details>",
  ]);
  return [
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title>\n<style>${styles(huesOf(groups))}\n${pageStyle}</style>\n<h1>${escaped(title)}</h1>`,
    ...map("wide", { width: wide.width, height: wide.height - titleHeight }),
    ...map("tall", tall),
    "<main>",
    ...legend,
    "</main>\n</html>",
    "",
  ].join("\n");
}
