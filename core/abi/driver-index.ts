/**
 * Layout of the driver index (`driverIndexPath`). Written by the generator, read in place by PID 1: by the op resolveDriver and by
 * the modprobe applet. All numbers are 32-bit little-endian; offsets count bytes: those of the header from the start of the file, those of
 * strings from the start of the strings.
 *
 * | at | what |
 * |---|---|
 * | 0 | magic, version, file size |
 * | 12 | number of drivers D, of chain entries C, of buckets B (a power of two), of patterns P |
 * | 28 | offsets of: drivers, chains, buckets, patterns, strings |
 * | 48 | eight words: bit N (word N/32) is set if a pattern has a literal prefix of N bytes; N = 255 stands for 255 and more |
 * | drivers | D times: name, path, parameters (offsets of strings; an empty path: built into the kernel), flags, first chain entry, chain length, bytes of the file |
 * | chains | C times: a driver's number. A driver's chain ends with itself unless soft dependencies follow it ("post") |
 * | buckets | B + 1 times: number of the bucket's first pattern |
 * | patterns | P times: hash of the literal prefix, its length (at most 255), offset of the whole pattern, the driver's number; sorted by bucket, within one in the order of modules.alias |
 * | strings | NUL-terminated, without duplicates; the first one is empty |
 *
 * A pattern is a glob as in modules.alias (`*`, `?`, `[a-f]`). Its literal prefix ends before the first of `*?[\`. Outside of brackets `-` is
 * written `_`, in patterns and in look-ups (kmod does the same). Every driver's name is a pattern of its own. The hash is FNV-1a (32 bits) of the
 * prefix; the bucket is hash & (B - 1). A look-up walks the alias once, carrying the hash on, and visits a bucket only at lengths that occur:
 * its cost depends on the alias, not on the number of patterns.
 */
export const driverIndexMagic = 0x58444c46; // "FLDX"
export const driverIndexVersion = 1;
export const driverIndexHeaderSize = 80;
export const driverRecordWords = 7;
export const patternRecordWords = 4;
export const fnvOffset = 0x811c9dc5;
export const fnvPrime = 0x01000193;
/** Bits of a driver's flags. */
export const driverBlacklisted = 1;
