/** Of a PE file that a test makes. */
export interface MadeSection {
  name: string;
  content: Buffer | string;
  /** Left out: after the section before it. */
  address?: number;
  /** Left out: the content's size. */
  memorySize?: number;
  /** Left out: after the section before it. */
  start?: number;
}

const peAlignment = 0x200;
const headerStart = 0x80;
const optionalSize = 112;
const aligned = (size: number) => Math.ceil(size / peAlignment) * peAlignment;

/** A PE file with as much in its headers as is read of them; for x86-64 with the larger addresses, if nothing else is said. */
export function makePe(
  sections: readonly MadeSection[],
  { machine = 0x8664, alignment = peAlignment, kind = 0x20b, imageBase = 0 } = {},
): Buffer {
  const header = Buffer.alloc(0x400);
  header.write("MZ");
  header.writeUInt32LE(headerStart, 60);
  header.write("PE\0\0", headerStart);
  header.writeUInt16LE(machine, headerStart + 4);
  header.writeUInt16LE(sections.length, headerStart + 6);
  header.writeUInt16LE(optionalSize, headerStart + 20);
  const optional = headerStart + 24;
  header.writeUInt16LE(kind, optional);
  if (kind === 0x20b) header.writeBigUInt64LE(BigInt(imageBase), optional + 24);
  else header.writeUInt32LE(imageBase, optional + 28);
  header.writeUInt32LE(alignment, optional + 32);
  header.writeUInt32LE(peAlignment, optional + 36);
  let [address, start] = [0x1000, header.length];
  const contents = sections.map((section, index) => {
    const content = Buffer.from(section.content);
    const padded = Buffer.concat([content, Buffer.alloc(aligned(content.length) - content.length)]);
    const at = optional + optionalSize + index * 40;
    header.write(section.name, at);
    header.writeUInt32LE(section.memorySize ?? content.length, at + 8);
    header.writeUInt32LE(section.address ?? address, at + 12);
    header.writeUInt32LE(padded.length, at + 16);
    header.writeUInt32LE(section.start ?? start, at + 20);
    [address, start] = [address + aligned(content.length), start + padded.length];
    return padded;
  });
  return Buffer.concat([header, ...contents]);
}
