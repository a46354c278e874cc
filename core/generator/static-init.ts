import { ownFilesHeader, ownFilesMagic, ownFilesSection } from "../abi/index.js";
import { type ElfTables, readElfTables } from "./elf.js";
import { BuildError } from "./problems.js";

/** The place for the files of a static init, core/abi/static-init.ts. */
interface Place {
  /** Positions in the file. */
  start: number;
  end: number;
}

/** Bytes of e_shoff in the header of a 64-bit ELF file, of p_filesz and p_memsz in a segment's, of sh_offset and sh_size in a section's. */
const field = { sections: 40, fileSize: 32, memorySize: 40, offset: 24, size: 32 };
const alignment = 16;

/**
 * PID 1 with an archive of its own files. What lies behind the place for it, the names and headers of the sections, moves; nothing else changes. Throws
 * BuildError: `program` is no PID 1 that has such a place.
 */
export function makeStaticInit(program: Buffer, archive: Buffer): Buffer {
  const tables = readElfTables(program, (found) => found);
  const sections = tables?.sections() ?? [];
  const section = sections.find(({ name }) => name === ownFilesSection);
  const segment = tables?.segments.find(({ isLoaded, offset }) => isLoaded && offset === section?.offset);
  if (!tables || !section || !segment || tables.bits !== 64 || !tables.littleEndian)
    throw new BuildError('PID 1 has no place for files of its own: run "npm run build"');
  const header = Buffer.alloc(ownFilesHeader);
  header.write(ownFilesMagic, "latin1");
  header.writeBigUInt64LE(BigInt(archive.length), ownFilesMagic.length);
  const content = Buffer.concat([header, archive, Buffer.alloc(-archive.length & (alignment - 1))]);
  const end = section.offset + section.size;
  const result = Buffer.concat([program.subarray(0, section.offset), content, program.subarray(end)]);
  const growth = content.length - section.size;
  const put = (at: number, value: number) => result.writeBigUInt64LE(BigInt(value), at);
  put(field.sections, Number(program.readBigUInt64LE(field.sections)) + growth);
  put(segment.at + field.fileSize, content.length);
  put(segment.at + field.memorySize, content.length);
  put(section.at + growth + field.size, content.length);
  for (const { at, offset } of sections) if (offset >= end) put(at + growth + field.offset, offset + growth);
  return result;
}

/** Where the archive of a static init is; undefined: the file, or bytes in memory, is no such program. Throws ElfError. */
export function findOwnFiles(program: string | Buffer): Place | undefined {
  const find = ({ segments, read }: ElfTables): Place | undefined => {
    for (const { isLoaded, offset, size } of segments) {
      if (!isLoaded || size <= ownFilesHeader) continue;
      const header = read(offset, ownFilesHeader);
      if (header.toString("latin1", 0, ownFilesMagic.length) !== ownFilesMagic) continue;
      const start = offset + ownFilesHeader;
      const length = Number(header.readBigUInt64LE(ownFilesMagic.length));
      return { start, end: start + Math.min(length, size - ownFilesHeader) };
    }
    return undefined;
  };
  return readElfTables(program, find);
}
