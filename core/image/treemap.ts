import { type Contents, type ListedMember, tableOf } from "./contents.js";
import { printable, sizeWords } from "./listing.js";

/** What takes space, and what it consists of. */
export interface Weight {
  name: string;
  /** Bytes. */
  size: number;
  parts?: readonly Weight[];
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const picture: Box = { x: 0, y: 0, width: 1200, height: 800 };
const titleHeight = 24;
const labelHeight = 14;
/** An average letter of a sans-serif font of 11 px. */
const letterWidth = 6.2;
/** Of the groups, one after the other; dark text is readable on all of them. */
const colours = [
  "#8dd3c7",
  "#ffffb3",
  "#bebada",
  "#fb8072",
  "#80b1d3",
  "#fdb462",
  "#b3de69",
  "#fccde5",
  "#d9d9d9",
  "#ccebc5",
];

/**
 * Places weights into a box, each with an area in proportion, as square as can be (Bruls, Huizing, van Wijk: "Squarified Treemaps",
 * 2000). The weights come largest first; those of nothing have no place.
 */
export function squarify<Item extends Weight>(weights: readonly Item[], box: Box): [Item, Box][] {
  const items = weights.filter(({ size }) => size > 0);
  const placed: [Item, Box][] = [];
  let rest = box;
  let left = items.reduce((sum, { size }) => sum + size, 0);
  for (let at = 0; at < items.length; ) {
    const row = firstRow(items.slice(at), rest, left);
    const sum = row.reduce((total, { size }) => total + size, 0);
    const [taken, free] = split(rest, sum / left);
    let [along, offset] = [taken, 0];
    for (const item of row) {
      const [own, others] = split(along, item.size / (sum - offset), taken.width < taken.height);
      placed.push([item, own]);
      [along, offset] = [others, offset + item.size];
    }
    rest = free;
    left -= sum;
    at += row.length;
  }
  return placed;
}

/** As many items beside one another, along the shorter side, as make the longest of their boxes no longer. `total`: of all items. */
function firstRow<Item extends Weight>(items: readonly Item[], box: Box, total: number): Item[] {
  const scale = (box.width * box.height) / total;
  const side = Math.min(box.width, box.height);
  const row: Item[] = [];
  let [sum, best] = [0, Number.POSITIVE_INFINITY];
  for (const item of items) {
    const area = (sum + item.size) * scale;
    const largest = (row[0] ?? item).size * scale;
    const worst = Math.max((side ** 2 * largest) / area ** 2, area ** 2 / (side ** 2 * item.size * scale));
    // Nothing is left of a side where rounding took it: the row then takes all.
    if (worst > best) break;
    [sum, best] = [sum + item.size, worst];
    row.push(item);
  }
  return row;
}

/** Cuts a share off, by default from the longer side. */
function split({ x, y, width, height }: Box, share: number, vertical = width < height): [Box, Box] {
  const part = Math.min(1, share);
  return vertical
    ? [
        { x, y, width, height: height * part },
        { x, y: y + height * part, width, height: height * (1 - part) },
      ]
    : [
        { x, y, width: width * part, height },
        { x: x + width * part, y, width: width * (1 - part), height },
      ];
}

const largestFirst = (a: Weight, b: Weight) => b.size - a.size || (a.name < b.name ? -1 : 1);

/** What takes the space of an image, unpacked: groups, largest first, with their files. `moduleOf`: which module brought a path, if it is known. */
export function weigh(contents: Contents, moduleOf: (path: string) => string | undefined): Weight[] {
  const groups = new Map<string, Weight[]>();
  for (const [path, member] of tableOf(contents.members)) {
    if (member.size === 0) continue;
    const group = groupOf(path, member, contents, moduleOf);
    const parts = groups.get(group);
    const weight = { name: printable(path), size: member.size };
    if (parts) parts.push(weight);
    else groups.set(group, [weight]);
  }
  return [...groups]
    .map(([name, parts]) => ({ name, size: sizeOf(parts), parts: parts.sort(largestFirst) }))
    .sort(largestFirst);
}

const sizeOf = (weights: readonly Weight[]) => weights.reduce((sum, { size }) => sum + size, 0);

/** Paths of what no module brings by itself; the first match counts. */
const kinds: [RegExp, (match: RegExpMatchArray) => string][] = [
  [
    /^(?:usr\/)?lib\/modules\/[^/]+\/(?:kernel\/)?(?:drivers\/)?([^/]+)\//,
    (match) => `drivers: ${printable(match[1] ?? "")}`,
  ],
  [/^(?:usr\/)?lib\/modules\//, () => "drivers: lists"],
  [/^(?:usr\/)?lib\/firmware\//, () => "firmware"],
  [/^init$|^usr\/lib\/firstlight\//, () => "firstlight"],
];
const others: typeof kinds = [
  [/\.so(\.[^/]*)?$/, () => "libraries"],
  [/^(?:usr\/)?s?bin\//, () => "programs"],
  [/^((?:usr\/)?[^/]+)/, (match) => printable(match[1] ?? "")],
];

function groupOf(
  path: string,
  { segment }: ListedMember,
  { segments }: Contents,
  moduleOf: (path: string) => string | undefined,
): string {
  if (segments[segment]?.early) return "early";
  const module = moduleOf(path);
  for (const [pattern, name] of module === undefined ? [...kinds, ...others] : kinds) {
    const match = path.match(pattern);
    if (match) return name(match);
  }
  return module === undefined ? "others" : `module ${printable(module)}`;
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string) => text.replace(/[&<>"]/g, (found) => escapes[found] ?? "");

/** A box of less than a pixel is not seen; such parts are shown as one. */
function gatherSmall(parts: readonly Weight[], smallest: number): Weight[] {
  const large = parts.filter(({ size }) => size >= smallest);
  const small = parts.slice(large.length);
  if (small.length < 2) return [...parts];
  return [...large, { name: `${small.length} smaller files`, size: sizeOf(small) }].sort(largestFirst);
}

/** A self-contained SVG picture, 1200 by 800. */
export function treemapSvg(title: string, groups: readonly Weight[]): string {
  const total = sizeOf(groups);
  // One letter's box.
  const smallest = (total * 12) / (picture.width * picture.height);
  const inside = { ...picture, y: titleHeight, height: picture.height - titleHeight };
  const shapes = squarify(groups, inside).flatMap(([group, box], index) => {
    const colour = colours[index % colours.length] ?? "";
    const content = box.height > 2 * labelHeight ? shrink(box, labelHeight) : box;
    const files = squarify(gatherSmall(group.parts ?? [], smallest), content).map(([part, place]) =>
      cell(place, colour, part, `${group.name}: ${part.name}`, 0.4),
    );
    const label = `${group.name}, ${sizeWords(group.size)}`;
    return [
      cell(box, colour, undefined, label, 1.2),
      ...(content === box ? [] : [text({ ...box, height: labelHeight }, label, "bold")]),
      ...files,
    ];
  });
  const { width, height } = picture;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="4" y="17" font-size="15">${escaped(`${title}: ${sizeWords(total)} unpacked`)}</text>`,
    ...shapes,
    "</svg>",
    "",
  ].join("\n");
}

/** The same as a page. */
export function treemapHtml(title: string, groups: readonly Weight[]): string {
  const head = `<meta charset="utf-8">\n<title>${escaped(title)}</title>\n<style>body { margin: 0 } svg { width: 100vw; height: 100vh }</style>`;
  return `<!doctype html>\n${head}\n${treemapSvg(title, groups)}`;
}

const shrink = ({ x, y, width, height }: Box, top: number): Box => ({ x, y: y + top, width, height: height - top });

/** A box with what a pointer over it shows, and the last part of its name where there is room. */
function cell(box: Box, colour: string, part: Weight | undefined, title: string, line: number): string {
  const place = `x="${round(box.x)}" y="${round(box.y)}" width="${round(box.width)}" height="${round(box.height)}"`;
  const tip = part ? `${title}, ${sizeWords(part.size)}` : title;
  const label = part && box.height >= labelHeight ? text(box, part.name.slice(part.name.lastIndexOf("/") + 1)) : "";
  return `<g><title>${escaped(tip)}</title><rect ${place} fill="${colour}" stroke="#333" stroke-width="${line}"/>${label}</g>`;
}

function text(box: Box, words: string, weight = "normal"): string {
  const fitting = Math.floor((box.width - 4) / letterWidth);
  if (fitting < 3) return "";
  const shown = words.length > fitting ? `${words.slice(0, fitting - 1)}…` : words;
  return `<text x="${round(box.x + 3)}" y="${round(box.y + 11)}" font-weight="${weight}">${escaped(shown)}</text>`;
}

const round = (number: number) => Number(number.toFixed(1));
