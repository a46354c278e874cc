/**
 * Where a compressed stream ends, learned from its own lengths: the programs that unpack do not tell, and another segment may follow.
 * All take the stream's first byte, give the position after its last one, and throw BuildError where it is damaged.
 */
import { spawn } from "node:child_process";
import { closeSync, createReadStream, openSync, readFileSync, readSync } from "node:fs";
import type { Readable } from "node:stream";
import { createInflateRaw } from "node:zlib";
import { BuildError, reasonOf } from "../generator/problems.js";
import type { FileWindow } from "./file-window.js";
import { createUnpackLimit } from "./limits.js";

function damaged({ path }: FileWindow, at: number, what: string): BuildError {
  return new BuildError(
    `${path}: the ${what} data is damaged at byte ${at}: build the image again, or copy it again from where it came`,
  );
}

/** One frame (RFC 8878, 3.1.1). */
export function endOfZstd(file: FileWindow, start: number): number {
  const descriptor = file.bytes(start + 4, 1).readUInt8();
  const singleSegment = (descriptor & 32) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let at = start + 5 + (singleSegment ? 0 : 1) + dictionary + contentSize;
  for (let isLast = false; !isLast; ) {
    const header = file.bytes(at, 3).readUIntLE(0, 3);
    const kind = (header >> 1) & 3;
    if (kind === 3) throw damaged(file, at, "zstd");
    isLast = (header & 1) === 1;
    // A block of kind 1 is one byte, repeated.
    at += 3 + (kind === 1 ? 1 : header >> 3);
  }
  return checked(file, at + (descriptor & 4));
}

/** Throws where a stream says that it goes on after the file's end. */
function checked(file: FileWindow, end: number): number {
  file.bytes(end - 1, 1);
  return end;
}

/** One stream (The .xz File Format 1.2.0; the chunks are LZMA2's, as lzma2_decoder.c of xz reads them). */
export function endOfXz(file: FileWindow, start: number): number {
  const checkSize =
    [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64][file.bytes(start + 7, 1).readUInt8() & 15] ?? 0;
  let at = start + 12;
  for (let size = file.bytes(at, 1).readUInt8(); size !== 0; size = file.bytes(at, 1).readUInt8()) {
    at = endOfLzma2(file, at + (size + 1) * 4);
    at += (-(at - start) & 3) + checkSize;
  }
  // The index: for each block two numbers of variable length; then padding, checksum and the footer.
  at++;
  const integer = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      const byte = file.bytes(at++, 1).readUInt8();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw damaged(file, at, "xz");
  };
  for (let numbers = integer() * 2; numbers > 0; numbers--) integer();
  return checked(file, at + (-(at - start) & 3) + 4 + 12);
}

function endOfLzma2(file: FileWindow, start: number): number {
  for (let at = start; ; ) {
    const control = file.bytes(at, 1).readUInt8();
    if (control === 0) return at + 1;
    if (control < 0x80) {
      if (control > 2) throw damaged(file, at, "xz");
      at += 3 + file.bytes(at + 1, 2).readUInt16BE() + 1;
    } else at += (control >= 0xc0 ? 6 : 5) + file.bytes(at + 3, 2).readUInt16BE() + 1;
  }
}

const lz4Magic = 0x184c2102;
/** Of 8 MiB that cannot be compressed. */
const largestLz4Block = (8 << 20) + (8 << 20) / 255 + 16;

/** The legacy format (lz4_Frame_format.md): blocks until the file ends, or something follows that cannot be a block's length. */
export function endOfLz4(file: FileWindow, start: number): number {
  let at = checked(file, start + 4);
  while (at < file.end) {
    const field = file.upTo(at, 4);
    const length = field.length === 4 ? field.readUInt32LE() : 0;
    if (length !== lz4Magic && (length === 0 || length > largestLz4Block)) break;
    at = length === lz4Magic ? at + 4 : checked(file, at + 4 + length);
  }
  return at;
}

/** One file of lzop 1.x (kernel: lib/decompress_unlzo.c; flags: lzop's conf.h). */
export function endOfLzop(file: FileWindow, start: number): number {
  const version = file.bytes(start + 9, 2).readUInt16BE();
  // After magic and three versions: method, and since 0.940 level.
  let at = start + 9 + 6 + (version >= 0x940 ? 2 : 1);
  const flags = file.bytes(at, 4).readUInt32BE();
  const has = (flag: number) => (flags & flag) !== 0;
  at += 4 + (has(0x800) ? 4 : 0) + 4 + 4 + (version >= 0x940 ? 4 : 0);
  at += 1 + file.bytes(at, 1).readUInt8() + 4;
  if (has(0x40)) at += 4 + file.bytes(at, 4).readUInt32BE() + 4;
  const ofUnpacked = (has(1) ? 4 : 0) + (has(0x100) ? 4 : 0);
  const ofPacked = (has(2) ? 4 : 0) + (has(0x200) ? 4 : 0);
  for (;;) {
    const unpacked = file.bytes(at, 4).readUInt32BE();
    at += 4;
    if (unpacked === 0) return at;
    const packed = file.bytes(at, 4).readUInt32BE();
    if (packed > unpacked) throw damaged(file, at, "lzo");
    // A block that did not become smaller has one set of checksums.
    at += 4 + ofUnpacked + (packed < unpacked ? ofPacked : 0) + packed;
  }
}

/** One member (RFC 1952); only unpacking it finds the end. */
export async function endOfGzip(file: FileWindow, start: number): Promise<number> {
  const flags = file.bytes(start + 3, 1).readUInt8();
  let at = start + 10;
  const skipText = () => {
    while (file.bytes(at++, 1).readUInt8() !== 0);
  };
  if (flags & 4) at += 2 + file.bytes(at, 2).readUInt16LE();
  if (flags & 8) skipText();
  if (flags & 16) skipText();
  if (flags & 2) at += 2;
  checked(file, at);
  const source = createReadStream(file.path, { start: at });
  const inflate = createInflateRaw({ chunkSize: 1 << 18 });
  const count = createUnpackLimit(file.path, file.end - start);
  try {
    for await (const chunk of source.on("error", (error) => inflate.destroy(error)).pipe(inflate)) count(chunk.length);
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError(`${file.path}: the gzip data at byte ${start} cannot be unpacked: ${reasonOf(error)}`);
  } finally {
    source.destroy();
  }
  return checked(file, at + inflate.bytesWritten + 8);
}

/** What follows the last block, at any bit: 48 bits that the blocks have by chance once in a hundred terabytes (bzip2's decompress.c). */
const bzip2End = 0x177245385090n;
const bzip2Search = 1 << 16;

/** One stream. It tells no lengths, but its end is marked. */
export function endOfBzip2(file: FileWindow, start: number): number {
  // Shifted by 0 to 7 bits, five of the mark's bytes are whole.
  const shifts = Array.from({ length: 8 }, (_, shift) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(bzip2End << BigInt(16 - shift));
    return { shift, whole: bytes.subarray(1, 6), first: bytes.readUInt8(0), last: bytes.readUInt8(6) };
  });
  for (let at = start + 4; at < file.end; at += bzip2Search - 8) {
    const window = file.upTo(at, bzip2Search);
    const ends = shifts.flatMap(({ shift, whole, first, last }) => {
      for (let found = window.indexOf(whole, 1); found > 0; found = window.indexOf(whole, found + 1)) {
        const [before, after] = [window[found - 1] ?? 0, window[found + 5] ?? 0];
        // Mark and checksum, in bits.
        if ((before & (0xff >> shift)) === first && after >> (8 - shift) === last >> (8 - shift))
          return [at + found - 1 + Math.ceil((shift + 48 + 32) / 8)];
      }
      return [];
    });
    if (ends.length) return checked(file, Math.min(...ends));
  }
  throw damaged(file, file.end, "bzip2");
}

/**
 * One stream of the old format, in which only unpacking finds the end: with --single-stream, xz leaves the position of its standard input
 * there. Where it cannot unpack, all is taken for the stream's: unpacking will tell why.
 */
export async function endOfLzma(file: FileWindow, start: number): Promise<number> {
  const input = openSync(file.path, "r");
  try {
    const skipped = Buffer.alloc(1 << 16);
    for (let at = 0; at < start; )
      at += readSync(input, skipped, 0, Math.min(skipped.length, start - at), null) || start;
    const child = spawn("xz", ["-dcq", "--format=lzma", "--single-stream"], { stdio: [input, "pipe", "ignore"] });
    const ended = new Promise<number | null>((resolve) => {
      child.on("error", () => resolve(null)).on("close", resolve);
    });
    const count = createUnpackLimit(file.path, file.end - start);
    try {
      for await (const chunk of child.stdout as Readable) count(chunk.length);
    } finally {
      child.kill();
    }
    if ((await ended) !== 0) return file.end;
    return Number(/^pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${input}`, "utf8"))?.[1] ?? file.end);
  } finally {
    closeSync(input);
  }
}
