import { ownFilesAddress, ownFilesHeader, ownFilesMagic, ownFilesSection } from "../../core/abi/index.js";

/** A small ELF file with all that we read of one: a program's segments, dynamic entries and strings, a driver's .modinfo (elf(5)). */
export function elfFile({ bits, little }: { bits: 32 | 64; little: boolean }): Buffer {
  const is64 = bits === 64;
  const number = (size: number, value: number) => {
    const field = Buffer.alloc(8);
    field.writeBigUInt64LE(BigInt(value));
    const own = field.subarray(0, size);
    return little ? own : own.reverse();
  };
  const [half, word] = [(value: number) => number(2, value), (value: number) => number(4, value)];
  const long = (value: number) => number(bits / 8, value);

  const [headerSize, programHeaderSize, sectionHeaderSize] = is64 ? [64, 56, 64] : [52, 32, 40];
  const interpreter = Buffer.from("/lib/ld.so\0");
  const strings = Buffer.from("\0libc.so.6\0libx.so.1\0$ORIGIN/../lib:/opt/lib\0libself.so\0pthread_cancel\0");
  const modinfo = Buffer.from("license=GPL\0firmware=a/b.bin\0depends=x,y\0vermagic=6.1 SMP\0");
  const sectionNames = Buffer.from("\0.modinfo\0.debug_info\0.shstrtab\0");
  const note = Buffer.concat([word(4), word(8), word(0x407c0c0a), Buffer.from("FDO\0"), Buffer.from('[{"a":1}')]);

  const parts: Buffer[] = [];
  let end = headerSize + 4 * programHeaderSize;
  const place = (part: Buffer) => {
    const offset = end;
    parts.push(part, Buffer.alloc(-part.length & 7));
    end += part.length + (-part.length & 7);
    return { offset, size: part.length };
  };
  const stringsPlace = place(strings);
  const entries = [...[1, 1, 1, 11, 14, 45, 29, 21, 15, 21], ...[5, stringsPlace.offset, 10, stringsPlace.size, 0, 0]];
  const dynamic = place(Buffer.concat(entries.map(long)));
  const [interpreterPlace, notePlace, modinfoPlace, namesPlace] = [interpreter, note, modinfo, sectionNames].map(place);
  const programHeader = (type: number, at: { offset: number; size: number } = { offset: 0, size: 0 }) => {
    const [offset, size] = [long(at.offset), long(at.size)];
    return Buffer.concat(
      is64
        ? [word(type), word(5), offset, offset, offset, size, size, long(8)]
        : [word(type), offset, offset, offset, size, size, word(5), long(8)],
    );
  };
  const sectionHeader = (name: number, type: number, at = { offset: 0, size: 0 }) =>
    Buffer.concat([
      ...[word(name), word(type), long(0), long(0), long(at.offset), long(at.size)],
      ...[word(0), word(0), long(1), long(0)],
    ]);
  const sections = [
    sectionHeader(0, 0),
    sectionHeader(1, 1, modinfoPlace),
    sectionHeader(10, 1, modinfoPlace),
    sectionHeader(22, 3, namesPlace),
  ];
  const header = Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, little ? 1 : 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ...[half(3), half(62), word(1), long(0), long(headerSize), long(end), word(0), half(headerSize)],
    ...[half(programHeaderSize), half(4), half(sectionHeaderSize), half(sections.length), half(3)],
  ]);
  const load = { offset: 0, size: end };
  const programHeaders = [
    programHeader(1, load),
    programHeader(2, dynamic),
    programHeader(3, interpreterPlace),
    programHeader(4, notePlace),
  ];
  return Buffer.concat([header, ...programHeaders, ...parts, ...sections]);
}

/** The smallest program with a place for files of its own (core/abi/static-init.ts): 64 bits, little-endian, as PID 1 is. */
export function programWithPlace(): Buffer {
  const [contentAt, sectionsAt] = [128, 176];
  const sectionNames = Buffer.from(`\0${ownFilesSection}\0.shstrtab\0`);
  const program = Buffer.alloc(sectionsAt + 3 * 64);
  const put = (at: number, ...values: number[]) => {
    for (const [index, value] of values.entries()) program.writeBigUInt64LE(BigInt(value), at + 8 * index);
  };
  program.write("\x7fELF\x02\x01\x01", "latin1");
  program.writeUInt32LE(62 << 16, 16);
  // e_phoff, e_shoff; the sizes and counts of headers.
  put(32, 64, sectionsAt);
  for (const [index, value] of [64, 56, 1, 64, 3, 2].entries()) program.writeUInt16LE(value, 52 + 2 * index);
  // p_type, p_flags; p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align.
  program.writeUInt32LE(1, 64);
  put(72, contentAt, ownFilesAddress, ownFilesAddress, ownFilesHeader, ownFilesHeader, 8);
  program.write(ownFilesMagic, contentAt, "latin1");
  program.set(sectionNames, contentAt + ownFilesHeader);
  // sh_name; sh_offset, sh_size.
  for (const [index, name, offset, size] of [
    [1, 1, contentAt, ownFilesHeader],
    [2, ownFilesSection.length + 2, contentAt + ownFilesHeader, sectionNames.length],
  ] as const) {
    program.writeUInt32LE(name, sectionsAt + 64 * index);
    put(sectionsAt + 64 * index + 24, offset, size);
  }
  return program;
}
