import { type Contents, type ListedMember, tableOf } from "./contents.js";
import { printable } from "./listing.js";

/** What takes space, and what it consists of. */
export interface Weight {
  name: string;
  /** Bytes. */
  size: number;
  parts?: readonly Weight[];
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

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

export const largestFirst = (a: Weight, b: Weight) => b.size - a.size || (a.name < b.name ? -1 : 1);

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

export const sizeOf = (weights: readonly Weight[]) => weights.reduce((sum, { size }) => sum + size, 0);

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
