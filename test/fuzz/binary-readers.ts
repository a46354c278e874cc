import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { ElfError, hasDebugInformation, readElf, readModinfo } from "../../core/generator/elf.js";
import { checkLayout, PeError, readPe } from "../../core/generator/pe.js";
import { BuildError } from "../../core/generator/problems.js";
import { findOwnFiles, makeStaticInit } from "../../core/generator/static-init.js";
import type { FileWindow } from "../../core/image/file-window.js";
import { endOfBzip2, endOfLz4, endOfLzop, endOfXz, endOfZstd } from "../../core/image/stream-ends.js";
import { DriverIndexError, openDriverIndex } from "../../core/rehearsal/driver-index.js";
import { testedDriverIndex } from "../support/conformance/driver-index.js";
import { makePe } from "../unit/generator/pe-files.js";
import { archive, folder, link, readIn } from "../unit/image/archives.js";
import { elfFile, programWithPlace } from "./elf-files.js";
import { bytesOf, type FuzzedReader, isTaken } from "./reader.js";

/** A program that holds an archive. */
export const staticInit = (archive: Buffer) => makeStaticInit(programWithPlace(), archive);

const elfReader: FuzzedReader = {
  name: "elf",
  material: () => ({
    seeds: [
      ...[64, 64, 32].flatMap((bits) => [true, false].map((little) => elfFile({ bits: bits as 32 | 64, little }))),
      staticInit(Buffer.alloc(9)),
    ],
    tokens: bytesOf(["\0", ".modinfo\0", "/", ":", "$ORIGIN", "pthread_exit\0", "\x7fELF"]),
  }),
  read: (input) => {
    const taken = [readElf, readModinfo, hasDebugInformation, findOwnFiles].map((read) =>
      isTaken(ElfError, () => read(input)),
    );
    return taken.every(Boolean);
  },
};

/** A unified kernel image of an archive, and what may stand around it. */
export const unifiedImage = (initrd: Buffer) =>
  makePe([
    { name: ".osrel", content: 'PRETTY_NAME="Linux"\n' },
    { name: ".cmdline", content: "quiet\0" },
    { name: ".initrd", content: initrd },
    { name: ".linux", content: "kernel", address: 0x8000, memorySize: 9000 },
  ]);

const peReader: FuzzedReader = {
  name: "pe",
  material: () => ({
    seeds: [unifiedImage(Buffer.alloc(9))],
    tokens: bytesOf(["\0", "PE\0\0", ".initrd\0", "\xff\xff"]),
  }),
  read: (input) =>
    isTaken(PeError, () => {
      const file = readPe(input);
      for (const { start, fileSize } of file.sections) assert.ok(fileSize === 0 || start + fileSize <= input.length);
      checkLayout(file);
    }),
};

const driverIndexReader: FuzzedReader = {
  name: "driver-index",
  material: () => ({ seeds: [testedDriverIndex()], tokens: bytesOf(["\0", "*", "[", "virtio"]) }),
  read: (input) =>
    isTaken(DriverIndexError, () => {
      const resolve = openDriverIndex(input);
      for (const alias of ["virtio:d00000002v00001AF4", "pci:v00008086d00001234sv1sd2bc01sc06i01", "ext4", ""])
        resolve(alias);
    }),
};

export const archiveTokens = bytesOf([
  ...["00000000", "ffffffff", "00000001", "7fffffff", "0000000g", "00001001", "0000a1ff", "000081a4", "000041ed"],
  ...["070701", "070702", "070707", "TRAILER!!!\0", "\0", "\0\0\0\0", "../", "/", "\x1b[2J", "\xff"],
]);

export const archives = () => [
  archive([
    { name: "usr/lib/firstlight/modules", content: "base\nbusybox\n\n1 0\n2 1\n1 2\n" },
    { name: "usr/lib/firstlight/options.json", content: '["-N","--kver=6.1"]\n' },
    { name: "usr/lib/dracut/modules.txt", content: "bash\n" },
  ]),
  archive([folder("a"), { name: "a/b", content: "123456789" }, link("c", "a/b"), { name: "empty" }]),
  Buffer.concat([
    archive([{ name: "first" }]),
    Buffer.alloc(12),
    archive([{ name: "second", content: "0".repeat(40) }]),
  ]),
];

const cpioReader: FuzzedReader = {
  name: "cpio",
  material: () => ({ seeds: archives(), tokens: archiveTokens }),
  read: (input) => {
    const whole = readIn(input, () => input.length);
    const parts = readIn(input, (at) => 1 + (at % 61));
    assert.deepEqual(parts, whole, "in pieces as in one");
    const content = whole.told.reduce((sum, line) => sum + Number(/^data (\d+)$/.exec(line)?.[1] ?? 0), 0);
    assert.ok(content <= input.length, "no more content than there are bytes");
    return !whole.isRefused;
  },
};

/** A file that is in memory. */
export function windowOf(bytes: Buffer): FileWindow {
  const upTo = (at: number, length: number) => {
    assert.ok(Number.isSafeInteger(at) && at >= 0 && length <= 1 << 16, `${length} bytes at ${at}`);
    return bytes.subarray(at, at + length);
  };
  return {
    ...{ path: "x", start: 0, end: bytes.length, upTo, close: () => undefined },
    bytes: (at, length) => {
      const found = upTo(at, length);
      if (found.length < length) throw new BuildError("cut off");
      return found;
    },
  };
}

export const streamFormats = [
  { name: "zstd", command: "zstd -qc", end: endOfZstd },
  { name: "xz", command: "xz -qc -T1", end: endOfXz },
  { name: "xz-blocks", command: "xz -qc -T2 --block-size=8192 --check=crc64", end: endOfXz },
  { name: "lz4", command: "lz4 -lqc", end: endOfLz4 },
  { name: "lzop", command: "lzop -qc", end: endOfLzop },
  { name: "bzip2", command: "bzip2 -qc", end: endOfBzip2 },
];

/** The numbers 1 to `count`, a line each, as a program compresses them. */
export function compressedNumbers(command: string, count: number): Buffer {
  const { stdout, status } = spawnSync("sh", ["-c", `seq ${count} | ${command}`]);
  assert.equal(status, 0, command);
  return stdout;
}

const streamReaders = streamFormats.map(
  ({ name, command, end }): FuzzedReader => ({
    name: `end-of-${name}`,
    material: () => ({ seeds: [compressedNumbers(command, 2000)], tokens: bytesOf(["\0\0\0\0", "070701", "\xff"]) }),
    read: (input) =>
      isTaken(BuildError, () => {
        const position = end(windowOf(input), 0);
        assert.ok(position > 0 && position <= input.length, `it ends at ${position} of ${input.length}`);
      }),
  }),
);

export const binaryReaders = [elfReader, peReader, driverIndexReader, cpioReader, ...streamReaders];
