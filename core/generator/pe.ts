import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** A section of a PE file, as its header says. */
export interface PeSection {
  name: string;
  /** Where it is loaded to, relative to the image's base. */
  address: number;
  /** Bytes in memory. */
  memorySize: number;
  /** Position in the file. */
  start: number;
  /** Bytes in the file; what is over `memorySize` is padding. */
  fileSize: number;
}

/** What can be told of a PE file without running it (Microsoft's PE Format, "File Headers" and "Section Table"). */
export interface PeFile {
  /** 0x8664 x86-64, 0xaa64 AArch64, ... */
  machine: number;
  imageBase: number;
  /** Sections begin at multiples of it in memory. */
  sectionAlignment: number;
  sections: readonly PeSection[];
}

/** A file that is none of this format, or is damaged; the message goes on after the file's name. */
export class PeError extends Error {
  override readonly name = "PeError";
}

/** With these bytes every PE file begins: a header of MS-DOS. */
export const peMagic = "MZ";

const cutOff = (what: string, end: number, size: number) =>
  new PeError(`is cut off: ${what} goes to byte ${end}, and the file has ${size}`);

/** Reads the headers of a file, by its path, or of its content. Throws PeError, and the errors of fs. */
export function readPe(input: string | Buffer): PeFile {
  if (Buffer.isBuffer(input)) return parsePe(input.length, (at, length) => input.subarray(at, at + length));
  const file = openSync(input, "r");
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new PeError("is not a regular file");
    return parsePe(stats.size, (at, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, at));
    });
  } finally {
    closeSync(file);
  }
}

const fileHeaderSize = 24;
const sectionHeaderSize = 40;
/** Of the optional header, up to SectionAlignment, which is in the same place in both kinds. */
const optionalHeaderPart = 36;
const pe32Plus = 0x20b;
const pe32 = 0x10b;

/** `readAt`: fewer bytes than asked for mean that the file has become shorter. */
function parsePe(size: number, readAt: (at: number, length: number) => Buffer): PeFile {
  const read = (at: number, length: number) => {
    const bytes = at + length <= size ? readAt(at, length) : Buffer.alloc(0);
    if (bytes.length < length) throw cutOff("its header", at + length, size);
    return bytes;
  };
  const notPe = new PeError("is no PE file, as UEFI starts them");
  if (size < 64 || read(0, 2).toString("latin1") !== peMagic) throw notPe;
  const start = read(60, 4).readUInt32LE();
  const header = read(start, fileHeaderSize);
  if (header.toString("latin1", 0, 4) !== "PE\0\0") throw notPe;
  const [count, optionalSize] = [header.readUInt16LE(6), header.readUInt16LE(20)];
  const optional = read(start + fileHeaderSize, optionalHeaderPart);
  const kind = optional.readUInt16LE();
  if (optionalSize < optionalHeaderPart || (kind !== pe32 && kind !== pe32Plus)) throw notPe;
  const table = start + fileHeaderSize + optionalSize;
  const sections = Array.from({ length: count }, (_, index) =>
    parseSection(read(table + index * sectionHeaderSize, sectionHeaderSize)),
  );
  for (const { name, start, fileSize } of sections)
    if (fileSize > 0 && start + fileSize > size) throw cutOff(`its section ${name}`, start + fileSize, size);
  return {
    machine: header.readUInt16LE(4),
    imageBase: kind === pe32Plus ? Number(optional.readBigUInt64LE(24)) : optional.readUInt32LE(28),
    sectionAlignment: optional.readUInt32LE(32),
    sections,
  };
}

function parseSection(header: Buffer): PeSection {
  const [memorySize, address, fileSize, start] = [8, 12, 16, 20].map((at) => header.readUInt32LE(at));
  const [name = ""] = header.toString("latin1", 0, 8).split("\0");
  return {
    name,
    address: address ?? 0,
    memorySize: memorySize || (fileSize ?? 0),
    start: start ?? 0,
    fileSize: fileSize ?? 0,
  };
}

/** Bytes that a section holds, without padding. */
export const contentSize = ({ memorySize, fileSize }: PeSection) => Math.min(memorySize, fileSize);

/** Throws PeError where two sections would lie in the same place, in memory or in the file, or where alignment makes no sense. */
export function checkLayout({ sections, sectionAlignment }: PeFile): void {
  if (!Number.isInteger(Math.log2(sectionAlignment)))
    throw new PeError(`aligns its sections to ${sectionAlignment} bytes, which is no power of two`);
  const places = [
    ["memory", sections.map(({ name, address, memorySize }) => ({ name, start: address, size: memorySize }))],
    ["the file", sections.map(({ name, start, fileSize }) => ({ name, start, size: fileSize }))],
  ] as const;
  for (const [where, parts] of places) {
    const sorted = parts.filter(({ size }) => size > 0).sort((a, b) => a.start - b.start);
    for (const [index, { name, start }] of sorted.entries()) {
      const before = sorted[index - 1];
      if (before && before.start + before.size > start)
        throw new PeError(`has sections that overlap in ${where}: ${before.name} and ${name}`);
    }
  }
}
