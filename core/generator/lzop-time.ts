import type { FileHandle } from "node:fs/promises";
import { deflateSync } from "node:zlib";

/** Bytes: the magic; what lies between it and the time; the time; the length of the name, which is empty. lzop 1.04, src/lzop.c, write_header. */
const [magic, before, time, name] = [9, 16, 8, 1];

/**
 * lzop writes the time of day into the header of what it compresses from a pipe: sets it to 1970, and the header's checksum right.
 */
export async function clearLzopTime(file: FileHandle, start: number): Promise<void> {
  const header = Buffer.alloc(before + time + name);
  await file.read(header, 0, header.length, start + magic);
  header.fill(0, before, before + time);
  await file.write(Buffer.concat([header, adler32(header)]), 0, header.length + 4, start + magic);
}

/** zlib ends its streams with this sum of what they hold (RFC 1950). */
const adler32 = (bytes: Buffer) => deflateSync(bytes).subarray(-4);
