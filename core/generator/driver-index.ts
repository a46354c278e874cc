import {
  driverBlacklisted,
  driverIndexHeaderSize,
  driverIndexMagic,
  driverIndexVersion,
  fnvOffset,
} from "../abi/index.js";
import { hashByte, literalPrefix, normalizeAlias } from "../rehearsal/driver-index.js";
import type { Alias } from "./kernel-tree.js";

/** A driver as the index describes it. */
export interface IndexedDriver {
  name: string;
  /** In the image; empty: built into the kernel. */
  path: string;
  /** "a=1 b=2", or empty. */
  parameters: string;
  blacklisted: boolean;
  /** Of the file in the image, in bytes. */
  size: number;
  /** Names of all drivers to insert, in order, itself included; empty: built into the kernel. */
  chain: string[];
}

/**
 * The driver index; its layout is in core/abi/driver-index.ts. Aliases of drivers that are not in it, and drivers of a chain that are
 * not, are left out.
 */
export function makeDriverIndex(drivers: readonly IndexedDriver[], aliases: readonly Alias[]): Buffer {
  const numbers = new Map(drivers.map(({ name }, number) => [name, number]));
  const strings = createStrings();
  const chains: number[] = [];
  const driverWords = drivers.flatMap(({ name, path, parameters, blacklisted, size, chain }) => {
    const members = chain.flatMap((member) => numbers.get(member) ?? []);
    const first = chains.length;
    chains.push(...members);
    const flags = blacklisted ? driverBlacklisted : 0;
    return [strings.offset(name), strings.offset(path), strings.offset(parameters), flags, first, members.length, size];
  });

  const patterns = distinct([...aliases, ...drivers.map(({ name }) => ({ pattern: name, driver: name }))]).flatMap(
    ({ pattern, driver }) => {
      const number = numbers.get(driver);
      return number === undefined ? [] : [makePattern(pattern, number)];
    },
  );
  // Twice as many buckets as patterns: most buckets that are visited then hold one pattern or none.
  const bucketCount = 2 ** Math.ceil(Math.log2(Math.max(patterns.length * 2, 1)));
  const bucketOf = ({ hash }: Pattern) => hash & (bucketCount - 1);
  patterns.sort((a, b) => bucketOf(a) - bucketOf(b));
  const buckets = new Array<number>(bucketCount + 1).fill(0);
  const lengths = new Array<number>(8).fill(0);
  for (const pattern of patterns) {
    buckets[bucketOf(pattern) + 1] = (buckets[bucketOf(pattern) + 1] ?? 0) + 1;
    lengths[pattern.length >> 5] = ((lengths[pattern.length >> 5] ?? 0) | (1 << (pattern.length & 31))) >>> 0;
  }
  for (let bucket = 1; bucket <= bucketCount; bucket++)
    buckets[bucket] = (buckets[bucket] ?? 0) + (buckets[bucket - 1] ?? 0);
  const patternWords = patterns.flatMap(({ hash, length, text, driver }) => [
    hash,
    length,
    strings.offset(text),
    driver,
  ]);

  const sections = [driverWords, chains, buckets, patternWords].map(wordsToBytes);
  const text = strings.bytes();
  const offsets: number[] = [];
  let end = driverIndexHeaderSize;
  for (const section of [...sections, text]) {
    offsets.push(end);
    end += section.length;
  }
  const header = [
    driverIndexMagic,
    driverIndexVersion,
    end,
    drivers.length,
    chains.length,
    bucketCount,
    patterns.length,
  ];
  return Buffer.concat([wordsToBytes([...header, ...offsets, ...lengths]), ...sections, text]);
}

/** Without repetitions: some drivers name an alias twice, or their own name. */
function distinct(aliases: readonly Alias[]): Alias[] {
  const known = aliases.map(
    ({ pattern, driver }) => [`${driver} ${normalizeAlias(pattern)}`, { pattern, driver }] as const,
  );
  return [...new Map(known).values()];
}

interface Pattern {
  hash: number;
  /** Of the literal prefix. */
  length: number;
  text: string;
  driver: number;
}

function makePattern(pattern: string, driver: number): Pattern {
  const text = normalizeAlias(pattern);
  const prefix = literalPrefix(Buffer.from(text));
  return { hash: prefix.reduce(hashByte, fnvOffset), length: prefix.length, text, driver };
}

/** A string table without duplicates, the empty string first. */
function createStrings() {
  const offsets = new Map<string, number>();
  const parts: Buffer[] = [];
  let size = 0;
  function offset(text: string): number {
    const known = offsets.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`${text}\0`);
    const start = size;
    offsets.set(text, start);
    parts.push(bytes);
    size += bytes.length;
    return start;
  }
  offset("");
  return { offset, bytes: () => Buffer.concat(parts) };
}

function wordsToBytes(words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4);
  return bytes;
}
