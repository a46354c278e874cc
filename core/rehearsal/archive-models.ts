import { Failure } from "./failure.js";
import type { Spot } from "./file-space.js";
import { addFiles, type FileTable, type PackedArchive, type SimulatedFile } from "./file-tree.js";
import type { Pause, ProgramEnd, ProgramModel, RunningProgram } from "./programs.js";

type Steps = Generator<Pause, ProgramEnd, undefined>;

/** Bytes of an archive that are read in a millisecond: as slow as a disk in a data centre may be. */
const readingSpeed = 200_000;

/** How a decompressor ends at a fault, and what it says: at the end of what was cut short, and where data is damaged. */
interface Decompressor {
  magic: string;
  truncated: ProgramEnd;
  corrupt: ProgramEnd;
}

const faults = (truncated: ProgramEnd, corrupt: ProgramEnd) => ({ truncated, corrupt });
const says = (status: number, stderr: string): ProgramEnd => ({ status, stderr });

/** Of the words that gzip 1.12, xz 5.4, zstd 1.5.4, lz4 1.9.4 and bzip2 1.0.8 have for it. */
const decompressors: Readonly<Record<string, Decompressor>> = {
  gzip: {
    magic: "\x1f\x8b",
    ...faults(
      says(1, "\ngzip: stdin: unexpected end of file\n"),
      says(1, "\ngzip: stdin: invalid compressed data--crc error\n"),
    ),
  },
  xz: {
    magic: "\xfd7zXZ",
    ...faults(says(1, "xz: (stdin): Unexpected end of input\n"), says(1, "xz: (stdin): Compressed data is corrupt\n")),
  },
  zstd: {
    magic: "(\xb5/\xfd",
    ...faults(
      says(1, "/*stdin*\\ : Read error (39) : premature end \n"),
      says(1, "/*stdin*\\ : Decoding error (36) : Restored data doesn't match checksum \n"),
    ),
  },
  lz4: {
    magic: '\x04"M\x18',
    ...faults(
      says(68, "Error 68 : Unfinished stream \n"),
      says(66, "Error 66 : Decompression error : ERROR_contentChecksum_invalid \n"),
    ),
  },
  bzip2: {
    magic: "BZh",
    ...faults(
      says(2, "\nbzip2: Compressed file ends unexpectedly;\n\tperhaps it is corrupted?\n"),
      says(2, "\nbzip2: Data integrity error when decompressing.\n"),
    ),
  },
};

/** A decompressor between standard input and output. What comes before a fault goes on to the next program. */
function* decompress(program: RunningProgram, { truncated, corrupt }: Decompressor): Steps {
  const { data, archive } = program.read();
  const size = program.inputSize ?? data.length;
  yield { sleep: Math.ceil(size / readingSpeed), reads: size };
  if (!archive) {
    if (!Object.values(decompressors).some(({ magic }) => data.startsWith(magic))) return truncated;
    program.world.leaveOpen(question);
  }
  const isBroken = archive?.damage === "truncated" || archive?.damage === "corrupt";
  const passed: PackedArchive | undefined =
    archive && isBroken ? { files: archive.files, damage: "truncated" } : archive;
  program.write({ data: "", ...(passed ? { archive: passed } : {}) });
  if (!isBroken) return {};
  return archive?.damage === "corrupt" ? corrupt : truncated;
}

const question = 'what is in the archive that is unpacked: describe it as the file\'s "archive"';

/** Where the magic of POSIX is in a tar archive, and of GNU: tar(5). */
const isTar = (data: string) => data.startsWith("ustar", 257);

/** tar -x in a folder; -R has it tell of the end. Of GNU tar 1.34. */
function* extract(program: RunningProgram, folder: Spot): Steps {
  let archive: PackedArchive | undefined;
  let beginning = "";
  for (;;) {
    const part = program.read();
    archive ??= part.archive;
    beginning ||= part.data;
    if (part.ended) break;
    yield "input";
  }
  if (program.inputSize !== undefined)
    yield { sleep: Math.ceil(program.inputSize / readingSpeed), reads: program.inputSize };
  if (!archive) {
    if (isTar(beginning)) program.world.leaveOpen(question);
    return failing("This does not look like a tar archive");
  }
  const { lost, failed } = extractFiles(program, folder, wholeFiles(archive));
  if (archive.damage === "truncated") return failing(...lost, ...failed, "Unexpected EOF in archive");
  if (archive.damage === "corrupt") return failing(...lost, ...failed, "Skipping to next header");
  if (failed.length) return failing(...lost, ...failed);
  const end = archive.damage === "unterminated" ? "End of File" : "Block of NULs";
  return { stdout: `block 0: ** ${end} **\n`, stderr: lines(lost) };
}

const lines = (messages: readonly string[]) => messages.map((message) => `tar: ${message}\n`).join("");
const failing = (...messages: string[]): ProgramEnd =>
  says(2, lines([...messages, "Exiting with failure status due to previous errors"]));

/** Of an archive that was cut short the first half. */
function wholeFiles({ files, damage }: PackedArchive): [path: string, file: FileTable[string]][] {
  const all = Object.entries(files);
  return damage === "truncated" ? all.slice(0, Math.ceil(all.length / 2)) : all;
}

/** As far as there is room. What the file system cannot hold is told; `failed`: files that are not there, or not whole. */
function extractFiles(
  { world }: RunningProgram,
  { mount, inode }: Spot,
  files: readonly (readonly [path: string, file: FileTable[string]])[],
): { lost: string[]; failed: string[] } {
  const [lost, failed]: [string[], string[]] = [[], []];
  for (const [path, file] of files)
    try {
      addFiles(mount.system, inode, { [path]: file }, world.realtime());
      for (const name of attributesOf(file))
        if (!holdsAttribute(mount.system.type, name, world.description.kernel.release))
          lost.push(`./${path}: Cannot set '${name}' extended attribute: Operation not supported`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failed.push(`./${path}: Cannot write: No space left on device`);
    }
  return { lost, failed };
}

const attributesOf = (file: string | SimulatedFile) => (typeof file === "string" ? [] : (file.xattrs ?? []));

/** Those of users a tmpfs has since Linux 6.6. */
function holdsAttribute(type: string, name: string, release: string): boolean {
  if (type !== "tmpfs" || !name.startsWith("user.")) return true;
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  return major > 6 || (major === 6 && minor >= 6);
}

/** Programs that unpack archives, by name. */
export const archivePrograms: Readonly<Record<string, ProgramModel>> = {
  ...Object.fromEntries(
    Object.entries(decompressors).map(([name, decompressor]): [string, ProgramModel] => [
      name,
      (_request, program) => decompress(program, decompressor),
    ]),
  ),
  tar: ({ cwd = "/" }, program) => extract(program, program.world.files.spot(cwd)),
};
