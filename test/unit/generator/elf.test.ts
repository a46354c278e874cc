import assert from "node:assert/strict";
import { test } from "node:test";
import { ElfError, hasDebugInformation, readElf } from "../../../core/generator/elf.js";
import { elfFile } from "../../fuzz/elf-files.js";

/** A 64-bit file of a mebibyte of one letter behind 60,000 headers, which a field of the ELF header counts, all the same. */
function manyHeaders(header: Buffer, fields: { offset: number; size: number; count: number }): Buffer {
  const count = 60_000;
  const file = Buffer.from(elfFile({ bits: 64, little: true }).subarray(0, 64));
  file.writeBigUInt64LE(64n, fields.offset);
  file.writeUInt16LE(header.length, fields.size);
  file.writeUInt16LE(count, fields.count);
  const letters = Buffer.alloc((1 << 20) + 1, "a");
  letters.writeUInt8(0, 1 << 20);
  return Buffer.concat([file, Buffer.alloc(count * header.length, header), letters]);
}

test("headers that all name the same megabytes are damage, not work for hours", () => {
  const section = Buffer.alloc(64);
  const start = BigInt(64 + 60_000 * section.length);
  section.writeBigUInt64LE(start, 24);
  section.writeBigUInt64LE(BigInt((1 << 20) + 1), 32);
  const sections = manyHeaders(section, { offset: 40, size: 58, count: 60 });
  assert.throws(() => hasDebugInformation(sections), new ElfError("is damaged: its parts lie over one another"));
  const note = Buffer.alloc(56);
  note.writeUInt32LE(4);
  note.writeBigUInt64LE(1n << 20n, 32);
  const notes = manyHeaders(note, { offset: 32, size: 54, count: 56 });
  assert.throws(() => readElf(notes), new ElfError("is damaged: its parts lie over one another"));
});
