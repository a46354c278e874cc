import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** What the dynamic linker reads of an ELF file (elf(5)). */
export interface ElfFile {
  /** 32 or 64. */
  bits: 32 | 64;
  littleEndian: boolean;
  /** e_machine: 62 x86-64, 183 AArch64, ... */
  machine: number;
  /** Path of the dynamic linker; undefined for libraries and static programs. */
  interpreter: string | undefined;
  soname: string | undefined;
  needed: string[];
  /** Directories of DT_RPATH, as written; empty where there is a DT_RUNPATH, which makes the dynamic linker pass over it. */
  rpath: string[];
  /** Directories of DT_RUNPATH, as written; undefined: it has none. */
  runpath: string[] | undefined;
  /** DF_1_NODEFLIB: not from the directories that are always searched. */
  noDefaultFolders: boolean;
  /** Descriptors of its notes of this owner and type. */
  notes(owner: string, type: number): Buffer[];
  /** Does it have dynamic symbols of this name? Also true of those that end in it: the linker lets names share their ends. */
  mentions(symbol: string): boolean;
}

/** Random access to bytes. `read` throws ElfError beyond the end. */
interface Bytes {
  read(offset: number, length: number): Buffer;
  /** Counts bytes that are looked at. Throws ElfError where they are many times those of the file. */
  count(length: number): void;
}

/** An ELF file that ends too early or contradicts itself. */
export class ElfError extends Error {
  override readonly name = "ElfError";
}

/** More than any table of a real file has: a damaged length must not take all memory. */
const longestRead = 2 ** 28;

/** How often the parts of a real file lie over one another is far less: a damaged one could name the same megabytes again and again. */
const mostOverlaps = 16;

function bytesOf(size: number, readAt: (offset: number, length: number) => Buffer): Bytes {
  let counted = 0;
  const count = (length: number) => {
    counted += length;
    if (counted > size * mostOverlaps) throw new ElfError("is damaged: its parts lie over one another");
  };
  return {
    count,
    read: (offset, length) => {
      if (!(offset >= 0 && length >= 0 && offset + length <= size))
        throw new ElfError(`is damaged: it ends before byte ${offset + length}`);
      if (length > longestRead) throw new ElfError(`is damaged: it has a table of ${length} bytes`);
      count(length);
      const bytes = readAt(offset, length);
      if (bytes.length < length) throw new ElfError("became shorter while it was read: build again");
      return bytes;
    },
  };
}

const bytesOfBuffer = (buffer: Buffer) =>
  bytesOf(buffer.length, (offset, length) => buffer.subarray(offset, offset + length));

/** Opens a file for the time of `use`. */
function withFile<Result>(path: string, use: (bytes: Bytes) => Result): Result {
  const file = openSync(path, "r");
  try {
    const readAt = (offset: number, length: number) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
    };
    return use(bytesOf(fstatSync(file).size, readAt));
  } finally {
    closeSync(file);
  }
}

/** How the fields of one file are laid out. */
interface Layout {
  bits: 32 | 64;
  littleEndian: boolean;
  machine: number;
  half(buffer: Buffer, at: number): number;
  word(buffer: Buffer, at: number): number;
  /** An address, an offset or a size: 4 or 8 bytes. */
  long(buffer: Buffer, at: number): number;
  header: Buffer;
}

/** How an ELF file begins. */
export const elfMagic = "\x7fELF";

/** The ELF header; undefined: not an ELF file. */
function readLayout(bytes: Bytes): Layout | undefined {
  let start: Buffer;
  try {
    start = bytes.read(0, 20);
  } catch {
    return undefined;
  }
  if (start.toString("latin1", 0, elfMagic.length) !== elfMagic) return undefined;
  const bits = start[4] === 2 ? 64 : 32;
  const littleEndian = start[5] !== 2;
  const half = (buffer: Buffer, at: number) => (littleEndian ? buffer.readUInt16LE(at) : buffer.readUInt16BE(at));
  const word = (buffer: Buffer, at: number) => (littleEndian ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at));
  const wide = (buffer: Buffer, at: number) =>
    Number(littleEndian ? buffer.readBigUInt64LE(at) : buffer.readBigUInt64BE(at));
  const header = bytes.read(0, bits === 64 ? 64 : 52);
  return { bits, littleEndian, machine: half(start, 18), half, word, long: bits === 64 ? wide : word, header };
}

/** No real file has a table of more records: headers count them with 16 bits. */
const mostRecords = 2 ** 16;

/** Cuts a table of equally long records into them. */
function table(bytes: Bytes, offset: number, size: number, count: number): Buffer[] {
  if (count > mostRecords) throw new ElfError(`is damaged: it has a table of ${count} records`);
  const all = bytes.read(offset, size * count);
  return Array.from({ length: count }, (_, index) => all.subarray(index * size, (index + 1) * size));
}

function textAt(bytes: Bytes, strings: Buffer, offset: number): string {
  const end = strings.indexOf(0, offset);
  if (offset >= strings.length || end < 0) throw new ElfError("is damaged: a name lies outside of its string table");
  bytes.count(end - offset);
  return strings.toString("utf8", offset, end);
}

const segment = { load: 1, dynamic: 2, interpreter: 3, note: 4 };
const tag = {
  end: 0,
  needed: 1,
  stringTable: 5,
  stringTableSize: 10,
  soname: 14,
  rpath: 15,
  runpath: 29,
  flags1: 0x6ffffffb,
};
const noDefaultFoldersFlag = 0x800;

/** Reads a file of the operating system or bytes in memory; undefined: it is not an ELF file. Throws ElfError, and what opening it gives. */
export function readElf(file: string | Buffer): ElfFile | undefined {
  const read = (bytes: Bytes) => {
    const layout = readLayout(bytes);
    return layout && readDynamic(bytes, layout);
  };
  return typeof file === "string" ? withFile(file, read) : read(bytesOfBuffer(file));
}

/** What an ELF file consists of, for those who look for a part of it or change one. */
export interface ElfTables {
  bits: 32 | 64;
  littleEndian: boolean;
  segments: readonly { at: number; isLoaded: boolean; offset: number; size: number }[];
  sections(): Section[];
  /** Throws ElfError beyond the end. */
  read(offset: number, length: number): Buffer;
}

/** Gives `use` the tables of a file, or of bytes in memory; undefined: it is not an ELF file. Throws ElfError, and what opening it gives. */
export function readElfTables<Result>(file: string | Buffer, use: (tables: ElfTables) => Result): Result | undefined {
  const look = (bytes: Bytes) => {
    const layout = readLayout(bytes);
    if (!layout) return undefined;
    const { bits, littleEndian } = layout;
    const segments = readSegments(bytes, layout).map((found) => ({ ...found, isLoaded: found.type === segment.load }));
    return use({ bits, littleEndian, segments, sections: () => readSections(bytes, layout), read: bytes.read });
  };
  return typeof file === "string" ? withFile(file, look) : look(bytesOfBuffer(file));
}

interface Segment {
  /** Position of its header. */
  at: number;
  type: number;
  offset: number;
  address: number;
  size: number;
  alignment: number;
}

function readSegments(bytes: Bytes, { bits, half, word, long, header }: Layout): Segment[] {
  const [offset, size, count] =
    bits === 64
      ? [long(header, 32), half(header, 54), half(header, 56)]
      : [long(header, 28), half(header, 42), half(header, 44)];
  // The kernel runs no other, either (fs/binfmt_elf.c, load_elf_phdrs).
  if (count && size !== (bits === 64 ? 56 : 32))
    throw new ElfError(`is damaged: its program headers are of ${size} bytes`);
  const fields = bits === 64 ? ([8, 16, 32, 48] as const) : ([4, 8, 16, 28] as const);
  return table(bytes, offset, size, count).map((record, index) => ({
    at: offset + index * size,
    type: word(record, 0),
    offset: long(record, fields[0]),
    address: long(record, fields[1]),
    size: long(record, fields[2]),
    alignment: long(record, fields[3]),
  }));
}

function readDynamic(bytes: Bytes, layout: Layout): ElfFile {
  const { bits, littleEndian, machine } = layout;
  const segments = readSegments(bytes, layout);
  const interpreter = segments.find(({ type }) => type === segment.interpreter);
  const notes = segments
    .filter(({ type }) => type === segment.note)
    .flatMap((place) => readNotes(bytes.read(place.offset, place.size), place.alignment, layout));
  return {
    ...{ bits, littleEndian, machine },
    interpreter: interpreter && textAt(bytes, bytes.read(interpreter.offset, interpreter.size), 0),
    notes: (owner, type) =>
      notes.filter((note) => note.owner === owner && note.type === type).map(({ descriptor }) => descriptor),
    ...readDynamicTable(bytes, segments, layout),
  };
}

type DynamicTable = Omit<ElfFile, "bits" | "littleEndian" | "machine" | "interpreter" | "notes">;

function readDynamicTable(bytes: Bytes, segments: readonly Segment[], { bits, long }: Layout): DynamicTable {
  const dynamic = segments.find(({ type }) => type === segment.dynamic) ?? { offset: 0, size: 0 };
  const entrySize = bits / 4;
  const all = table(bytes, dynamic.offset, entrySize, Math.floor(dynamic.size / entrySize)).map(
    (record) => [long(record, 0), long(record, bits / 8)] as const,
  );
  const end = all.findIndex(([found]) => found === tag.end);
  const entries = end < 0 ? all : all.slice(0, end);
  const values = (wanted: number) => entries.filter(([found]) => found === wanted).map(([, value]) => value);
  const strings = readStrings(bytes, segments, values(tag.stringTable)[0], values(tag.stringTableSize)[0]);
  const texts = (wanted: number) => values(wanted).map((offset) => textAt(bytes, strings, offset));
  const folders = (wanted: number) => texts(wanted).flatMap((list) => list.split(":").filter(Boolean));
  const hasRunpath = values(tag.runpath).length > 0;
  return {
    soname: texts(tag.soname)[0],
    needed: texts(tag.needed),
    rpath: hasRunpath ? [] : folders(tag.rpath),
    runpath: hasRunpath ? folders(tag.runpath) : undefined,
    noDefaultFolders: values(tag.flags1).some((flags) => Math.floor(flags / noDefaultFoldersFlag) % 2 === 1),
    mentions: remembered((symbol) => strings.includes(`${symbol}\0`)),
  };
}

/** Of one library many programs ask the same. */
function remembered(answer: (text: string) => boolean): (text: string) => boolean {
  const known = new Map<string, boolean>();
  return (text) => {
    const result = known.get(text) ?? answer(text);
    known.set(text, result);
    return result;
  };
}

/** The dynamic string table, which the dynamic section names by its address. */
function readStrings(
  bytes: Bytes,
  segments: readonly Segment[],
  address: number | undefined,
  size: number | undefined,
): Buffer {
  if (address === undefined || size === undefined) return Buffer.alloc(0);
  const home = segments.find((s) => s.type === segment.load && address >= s.address && address < s.address + s.size);
  if (!home) throw new ElfError("is damaged: its dynamic string table is in no segment");
  return bytes.read(home.offset + address - home.address, size);
}

interface Note {
  owner: string;
  type: number;
  descriptor: Buffer;
}

/** elf(5), "Notes". What does not fit into its segment is left out: nothing that runs a program minds. */
function readNotes(bytes: Buffer, alignment: number, { word }: Layout): Note[] {
  const notes: Note[] = [];
  const unit = alignment === 8 ? 8 : 4;
  const padded = (length: number) => Math.ceil(length / unit) * unit;
  for (let at = 0; at + 12 <= bytes.length; ) {
    const [nameSize, size] = [word(bytes, at), word(bytes, at + 4)];
    const start = at + padded(12 + nameSize);
    const end = start + size;
    if (end > bytes.length) break;
    const owner = bytes.toString("latin1", at + 12, at + 12 + nameSize).replace(/\0+$/, "");
    notes.push({ owner, type: word(bytes, at + 8), descriptor: bytes.subarray(start, end) });
    at = start + padded(size);
  }
  return notes;
}

/** The .modinfo section of a kernel driver as its "key=value" texts, of a file or of bytes in memory. Throws ElfError. */
export function readModinfo(driver: string | Buffer): string[] {
  return typeof driver === "string" ? withFile(driver, modinfo) : modinfo(bytesOfBuffer(driver));
}

/** Has it sections that only debuggers read? Of a file or of bytes in memory; false: it is not an ELF file, too. Throws ElfError. */
export function hasDebugInformation(file: string | Buffer): boolean {
  const look = (bytes: Bytes) => {
    const layout = readLayout(bytes);
    return layout !== undefined && readSections(bytes, layout).some(({ name }) => /^\.z?debug_/.test(name));
  };
  return typeof file === "string" ? withFile(file, look) : look(bytesOfBuffer(file));
}

interface Section {
  /** Position of its header. */
  at: number;
  name: string;
  offset: number;
  size: number;
}

function readSections(bytes: Bytes, layout: Layout): Section[] {
  const { bits, half, word, long, header } = layout;
  const [offset, size, count, namesIndex] =
    bits === 64
      ? [long(header, 40), half(header, 58), half(header, 60), half(header, 62)]
      : [long(header, 32), half(header, 46), half(header, 48), half(header, 50)];
  if (count === 0) return [];
  if (size !== (bits === 64 ? 64 : 40)) throw new ElfError(`is damaged: its section headers are of ${size} bytes`);
  const sections = table(bytes, offset, size, count).map((record, index) => ({
    at: offset + index * size,
    name: word(record, 0),
    offset: bits === 64 ? long(record, 24) : long(record, 16),
    size: bits === 64 ? long(record, 32) : long(record, 20),
  }));
  const names = sections[namesIndex];
  if (!names) throw new ElfError("is damaged: it has no section names");
  const strings = bytes.read(names.offset, names.size);
  return sections.map((section) => ({ ...section, name: textAt(bytes, strings, section.name) }));
}

function modinfo(bytes: Bytes): string[] {
  const layout = readLayout(bytes);
  if (!layout) throw new ElfError("is not an ELF file");
  const section = readSections(bytes, layout).find(({ name }) => name === ".modinfo");
  if (!section) return [];
  return bytes.read(section.offset, section.size).toString("utf8").split("\0").filter(Boolean);
}
