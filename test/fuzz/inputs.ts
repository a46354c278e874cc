import { createRandom, type Random } from "../support/random.js";

/** What mutations start from, and what they put in. */
export interface Material {
  /** Valid inputs; one that comes twice is taken twice as often. */
  seeds: readonly Buffer[];
  /** Parts that mean something to the reader. */
  tokens: readonly Buffer[];
}

/** Of so many inputs, one is made large: work that grows faster than its input then never ends. */
const largeEvery = 4000;
const largeSize = 1 << 20;

/** Input number `number` of a seed: always the same. */
export function inputOf({ seeds, tokens }: Material, seed: number, number: number): Buffer {
  const random = createRandom(mixed(seed, number));
  let bytes = random.of(seeds);
  // As it is, now and then: what is valid has to be taken.
  for (let changes = random.below(5); changes > 0; changes--) bytes = change(bytes, seeds, tokens, random);
  return number % largeEvery === largeEvery - 1 ? grown(bytes, random) : bytes;
}

/** Numbers that follow one another give seeds that have nothing in common (the finalizer of MurmurHash3, public domain). */
function mixed(seed: number, number: number): number {
  let hash = Math.imul(seed, 0x9e3779b1) ^ number;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function change(bytes: Buffer, seeds: Material["seeds"], tokens: Material["tokens"], random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const some = random.below(random.below(4) ? 16 : bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (random.below(9)) {
    case 0:
      return Buffer.concat([
        before,
        Buffer.from(Array.from({ length: random.below(9) }, () => random.below(256))),
        after,
      ]);
    case 1:
      return Buffer.concat([before, after.subarray(some)]);
    case 2:
      return Buffer.concat([before, after.subarray(0, some), after]);
    case 3:
      return before;
    case 4: {
      const other = random.of(seeds);
      return Buffer.concat([before, other.subarray(random.below(other.length + 1))]);
    }
    case 5:
      return withBit(bytes, random);
    case 6:
      return withNumber(bytes, random);
    default: {
      const token = random.of(tokens);
      return Buffer.concat([before, token, after.subarray(random.below(2) ? token.length : 0)]);
    }
  }
}

function withBit(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length);
  if (copy.length) copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.below(8)), at);
  return copy;
}

/** A number where one may stand: a length, an offset, a count. */
function withNumber(bytes: Buffer, random: Random): Buffer {
  const size = random.of([1, 2, 4, 8]);
  const places = Math.floor(bytes.length / size);
  if (places === 0) return bytes;
  const near = bytes.length + random.below(9) - 4;
  const value = BigInt(random.of([0, 1, 2, 0x7f, 0xffff, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, -1, -8, near]));
  const field = Buffer.alloc(8);
  field.writeBigUInt64LE(BigInt.asUintN(64, value));
  const copy = Buffer.from(bytes);
  const isLittle = random.below(2) === 0;
  const written = isLittle ? field.subarray(0, size) : Buffer.from(field.subarray(0, size)).reverse();
  written.copy(copy, random.below(places) * size);
  return copy;
}

/** A part of it again and again, up to a mebibyte. */
function grown(bytes: Buffer, random: Random): Buffer {
  const start = random.below(bytes.length);
  const part = bytes.subarray(start, start + 1 + random.below(64));
  if (part.length === 0) return bytes;
  const again = Buffer.alloc(largeSize, part);
  return Buffer.concat([bytes.subarray(0, start), again, bytes.subarray(start)]);
}
