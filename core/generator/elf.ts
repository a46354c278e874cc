import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** What the dynamic linker reads of an ELF file (elf(5)). */
export interface ElfFile {
  /** 32 or 64. */
  bits: 32 | 64;
  /** e_machine: 62 x86-64, 183 AArch64, ... */
  machine: number;
  /** Path of the dynamic linker; undefined for libraries and static programs. */
  interpreter: string | undefined;
  soname: string | undefined;
  needed: string[];
  /** Directories of DT_RPATH and DT_RUNPATH, as written. */
  rpath: string[];
  runpath: string[];
  /** Its dynamic symbols name pthread_cancel or pthread_exit: glibc then opens libgcc_s.so.1 by itself. */
  cancelsThreads: boolean;
}

/** Random access to bytes. `read` throws ElfError beyond the end. */
interface Bytes {
  read(offset: number, length: number): Buffer;
}

/** An ELF file that ends too early or contradicts itself. */
export class ElfError extends Error {
  override readonly name = "ElfError";
}

function bytesOf(size: number, readAt: (offset: number, length: number) => Buffer): Bytes {
  return {
    read: (offset, length) => {
      if (!(offset >= 0 && length >= 0 && offset + length <= size))
        throw new ElfError(`is damaged: it ends before byte ${offset + length}`);
      return readAt(offset, length);
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
  machine: number;
  half(buffer: Buffer, at: number): number;
  word(buffer: Buffer, at: number): number;
  /** An address, an offset or a size: 4 or 8 bytes. */
  long(buffer: Buffer, at: number): number;
  header: Buffer;
}

/** The ELF header; undefined: not an ELF file. */
function readLayout(bytes: Bytes): Layout | undefined {
  let start: Buffer;
  try {
    start = bytes.read(0, 20);
  } catch {
    return undefined;
  }
  if (start.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const bits = start[4] === 2 ? 64 : 32;
  const little = start[5] !== 2;
  const half = (buffer: Buffer, at: number) => (little ? buffer.readUInt16LE(at) : buffer.readUInt16BE(at));
  const word = (buffer: Buffer, at: number) => (little ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at));
  const wide = (buffer: Buffer, at: number) => Number(little ? buffer.readBigUInt64LE(at) : buffer.readBigUInt64BE(at));
  const header = bytes.read(0, bits === 64 ? 64 : 52);
  return { bits, machine: half(start, 18), half, word, long: bits === 64 ? wide : word, header };
}

/** Cuts a table of equally long records into them. */
function table(bytes: Bytes, offset: number, size: number, count: number): Buffer[] {
  const all = bytes.read(offset, size * count);
  return Array.from({ length: count }, (_, index) => all.subarray(index * size, (index + 1) * size));
}

function textAt(strings: Buffer, offset: number): string {
  const end = strings.indexOf(0, offset);
  if (offset >= strings.length || end < 0) throw new ElfError("is damaged: a name lies outside of its string table");
  return strings.toString("utf8", offset, end);
}

const segment = { load: 1, dynamic: 2, interpreter: 3 };
const tag = { needed: 1, stringTable: 5, stringTableSize: 10, soname: 14, rpath: 15, runpath: 29 };

/** Reads a file of the operating system or bytes in memory; undefined: it is not an ELF file. Throws ElfError, and what opening it gives. */
export function readElf(file: string | Buffer): ElfFile | undefined {
  const read = (bytes: Bytes) => {
    const layout = readLayout(bytes);
    return layout && readDynamic(bytes, layout);
  };
  return typeof file === "string" ? withFile(file, read) : read(bytesOfBuffer(file));
}

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

function readSegments(bytes: Bytes, { bits, half, word, long, header }: Layout): Segment[] {
  const [offset, size, count] =
    bits === 64
      ? [long(header, 32), half(header, 54), half(header, 56)]
      : [long(header, 28), half(header, 42), half(header, 44)];
  if (count && size < (bits === 64 ? 56 : 32)) throw new ElfError("is damaged: its program headers are too short");
  return table(bytes, offset, size, count).map((record) => {
    const type = word(record, 0);
    return bits === 64
      ? { type, offset: long(record, 8), address: long(record, 16), size: long(record, 32) }
      : { type, offset: long(record, 4), address: long(record, 8), size: long(record, 16) };
  });
}

function readDynamic(bytes: Bytes, layout: Layout): ElfFile {
  const { bits, machine, long } = layout;
  const segments = readSegments(bytes, layout);
  const interpreter = segments.find(({ type }) => type === segment.interpreter);
  const elf: ElfFile = {
    bits,
    machine,
    interpreter: interpreter && textAt(bytes.read(interpreter.offset, interpreter.size), 0),
    soname: undefined,
    needed: [],
    rpath: [],
    runpath: [],
    cancelsThreads: false,
  };
  const dynamic = segments.find(({ type }) => type === segment.dynamic);
  if (!dynamic) return elf;
  const entrySize = bits / 4;
  const entries = table(bytes, dynamic.offset, entrySize, Math.floor(dynamic.size / entrySize)).map(
    (record) => [long(record, 0), long(record, bits / 8)] as const,
  );
  const values = (wanted: number) => entries.filter(([found]) => found === wanted).map(([, value]) => value);
  const [address, size] = [values(tag.stringTable)[0], values(tag.stringTableSize)[0]];
  if (address === undefined || size === undefined) return elf;
  const home = segments.find((s) => s.type === segment.load && address >= s.address && address < s.address + s.size);
  if (!home) throw new ElfError("is damaged: its dynamic string table is in no segment");
  const strings = bytes.read(home.offset + address - home.address, size);
  const texts = (wanted: number) => values(wanted).map((offset) => textAt(strings, offset));
  const folders = (wanted: number) => texts(wanted).flatMap((list) => list.split(":").filter(Boolean));
  return {
    ...elf,
    soname: texts(tag.soname)[0],
    needed: texts(tag.needed),
    rpath: folders(tag.rpath),
    runpath: folders(tag.runpath),
    cancelsThreads: strings.includes("\0pthread_cancel\0") || strings.includes("\0pthread_exit\0"),
  };
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
  if (size < (bits === 64 ? 64 : 40)) throw new ElfError("is damaged: its section headers are too short");
  const sections = table(bytes, offset, size, count).map((record) => ({
    name: word(record, 0),
    offset: bits === 64 ? long(record, 24) : long(record, 16),
    size: bits === 64 ? long(record, 32) : long(record, 20),
  }));
  const names = sections[namesIndex];
  if (!names) throw new ElfError("is damaged: it has no section names");
  const strings = bytes.read(names.offset, names.size);
  return sections.map((section) => ({ ...section, name: textAt(strings, section.name) }));
}

function modinfo(bytes: Bytes): string[] {
  const layout = readLayout(bytes);
  if (!layout) throw new ElfError("is not an ELF file");
  const section = readSections(bytes, layout).find(({ name }) => name === ".modinfo");
  if (!section) return [];
  return bytes.read(section.offset, section.size).toString("utf8").split("\0").filter(Boolean);
}
