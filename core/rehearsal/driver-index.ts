import {
  type DriverMatch,
  driverBlacklisted,
  driverIndexHeaderSize,
  driverIndexMagic,
  driverIndexVersion,
  driverRecordWords,
  fnvOffset,
  fnvPrime,
  type IndexedDriverFile,
  patternRecordWords,
} from "../abi/index.js";

/** Outside of brackets - and _ are the same in aliases (kmod: alias_normalize). */
export function normalizeAlias(text: string): string {
  let inBrackets = false;
  let result = "";
  for (const char of text) {
    if (char === "[") inBrackets = true;
    else if (char === "]") inBrackets = false;
    result += char === "-" && !inBrackets ? "_" : char;
  }
  return result;
}

/** Bytes of a pattern's literal beginning, at most 255. */
export function literalPrefix(pattern: Buffer): Buffer {
  const end = pattern.findIndex((byte) => "*?[\\".includes(String.fromCharCode(byte)));
  return pattern.subarray(0, Math.min(end < 0 ? pattern.length : end, 255));
}

/** One step of FNV-1a, 32 bits. */
export const hashByte = (hash: number, byte: number) => Math.imul(hash ^ byte, fnvPrime) >>> 0;

/** Does the whole text fit the glob? `*`, `?`, `[a-f]`, `[!a-f]` and `\` as in fnmatch(3) without flags. */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let position = 0;
  /** Where to go on if what follows the last star does not fit: the star takes one more character. */
  let retry: { at: number; position: number } | undefined;
  while (position < text.length || at < pattern.length) {
    if (pattern[at] === "*") {
      retry = { at: ++at, position };
      continue;
    }
    const next = position < text.length ? matchOne(pattern, at, text.charAt(position)) : 0;
    if (next) {
      at = next;
      position++;
    } else if (retry && retry.position < text.length) {
      position = ++retry.position;
      at = retry.at;
    } else return false;
  }
  return true;
}

/** Index after the element at `at` of the pattern if it fits the character, else 0. */
function matchOne(pattern: string, at: number, char: string): number {
  const element = pattern[at];
  if (element === "?") return at + 1;
  if (element === "\\" && at + 1 < pattern.length) return pattern[at + 1] === char ? at + 2 : 0;
  if (element !== "[") return element === char ? at + 1 : 0;
  const negated = pattern[at + 1] === "!" || pattern[at + 1] === "^";
  const start = at + (negated ? 2 : 1);
  // A bracket right at the start is an ordinary member.
  const end = pattern.indexOf("]", start + 1);
  if (end < 0) return char === "[" ? at + 1 : 0;
  let inside = false;
  for (let index = start; index < end; index++) {
    const last = pattern[index + 1] === "-" && index + 2 < end ? pattern.charAt(index + 2) : pattern.charAt(index);
    inside ||= char >= pattern.charAt(index) && char <= last;
    if (pattern[index + 1] === "-" && index + 2 < end) index += 2;
  }
  return inside !== negated ? end + 1 : 0;
}

/** A driver index that contradicts itself, or is none. */
export class DriverIndexError extends Error {
  override readonly name = "DriverIndexError";
}

/**
 * Looks aliases up in a driver index, as PID 1 does; the layout is in core/abi/driver-index.ts. Throws DriverIndexError, and so does what it
 * gives.
 */
export function openDriverIndex(index: Buffer): (alias: string) => DriverMatch[] {
  const damaged = () => new DriverIndexError("the driver index is damaged: build the image again");
  const word = (offset: number) => {
    if (!(offset >= 0 && offset + 4 <= index.length)) throw damaged();
    return index.readUInt32LE(offset);
  };
  if (
    index.length < driverIndexHeaderSize ||
    word(0) !== driverIndexMagic ||
    word(4) !== driverIndexVersion ||
    word(8) !== index.length
  )
    throw new DriverIndexError("not a driver index of this version, or cut short");
  const [chainEntries, bucketCount] = [word(16), word(20)];
  const [drivers, chains, buckets, patterns, strings] = [word(28), word(32), word(36), word(40), word(44)] as const;
  const text = (offset: number) => {
    const end = index.indexOf(0, strings + offset);
    if (end < 0) throw damaged();
    return index.toString("utf8", strings + offset, end);
  };
  const driverField = (driver: number, field: number) => word(drivers + (driver * driverRecordWords + field) * 4);
  const patternField = (pattern: number, field: number) => word(patterns + (pattern * patternRecordWords + field) * 4);

  function driverFile(driver: number): IndexedDriverFile {
    return {
      name: text(driverField(driver, 0)),
      path: text(driverField(driver, 1)),
      parameters: text(driverField(driver, 2)),
      size: driverField(driver, 6),
    };
  }

  function match(driver: number): DriverMatch {
    const [flags, first, length] = [driverField(driver, 3), driverField(driver, 4), driverField(driver, 5)];
    if (first + length > chainEntries) throw damaged();
    const chain = Array.from({ length }, (_, step) => driverFile(word(chains + (first + step) * 4)));
    return { name: text(driverField(driver, 0)), chain, blacklisted: (flags & driverBlacklisted) !== 0 };
  }

  return (alias) => {
    const wanted = normalizeAlias(alias);
    const bytes = Buffer.from(wanted);
    const found = new Set<number>();
    let hash = fnvOffset;
    for (let length = 0; length <= Math.min(bytes.length, 255); length++) {
      if (length > 0) hash = hashByte(hash, bytes[length - 1] ?? 0);
      if (!(word(48 + (length >> 5) * 4) & (1 << (length & 31)))) continue;
      const bucket = buckets + (hash & (bucketCount - 1)) * 4;
      for (let pattern = word(bucket); pattern < word(bucket + 4); pattern++)
        if (
          patternField(pattern, 0) === hash &&
          patternField(pattern, 1) === length &&
          matchesGlob(text(patternField(pattern, 2)), wanted)
        )
          found.add(patternField(pattern, 3));
    }
    return [...found].map(match);
  };
}
