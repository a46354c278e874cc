import { fromBytes } from "./bytes.js";
import { Failure } from "./failure.js";
import type { Spot } from "./file-space.js";
import { addFiles, createInode, type FileSystem, type Inode, isFolder, pagesOf, sizeOf } from "./file-tree.js";
import type { Pause, ProgramEnd, ProgramModel, RunningProgram } from "./programs.js";
import type { World } from "./world.js";

type Steps = Generator<Pause, ProgramEnd, undefined>;

/** Bytes of an archive that are read in a millisecond: as slow as a disk in a data centre may be. */
const readingSpeed = 200_000;
const magics: readonly string[] = ["\x1f\x8b", "\xfd7zXZ", "(\xb5/\xfd", '\x04"M\x18', "BZh"];

/** A decompressor between standard input and output. */
function* decompress(program: RunningProgram): Steps {
  const { data, archive } = program.read();
  const size = program.inputSize ?? data.length;
  yield { sleep: Math.ceil(size / readingSpeed), reads: size };
  if (!archive && !magics.some((magic) => data.startsWith(magic)))
    return { status: 1, stderr: "unexpected end of file, or not in this format\n" };
  if (!archive)
    program.world.leaveOpen('what is in the archive that is unpacked: describe it as the file\'s "archive"');
  program.write({ data: "", ...(archive ? { archive } : {}) });
  return {};
}

/** tar -x in a folder; -R has it tell of the end. */
function* extract(program: RunningProgram, folder: Spot): Steps {
  let archive: ReturnType<RunningProgram["read"]>["archive"];
  for (;;) {
    const part = program.read();
    archive ??= part.archive;
    if (part.ended) break;
    yield "input";
  }
  if (program.inputSize !== undefined)
    yield { sleep: Math.ceil(program.inputSize / readingSpeed), reads: program.inputSize };
  if (!archive)
    return { status: 2, stderr: "tar: This does not look like a tar archive\ntar: Exiting with failure status\n" };
  for (const [path, file] of Object.entries(archive))
    try {
      addFiles(folder.mount.system, folder.inode, { [path]: file }, program.world.realtime());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return { status: 2, stderr: `tar: ${path}: Cannot write: No space left on device\n` };
    }
  return { stdout: "block 0: ** Block of NULs **\n" };
}

/** Copies a tree, as cp -a does. Throws Failure ENOSPC. */
function copyInto(system: FileSystem, folder: Inode, name: string, source: Inode): void {
  if (system.limit !== undefined && system.used + pagesOf(sizeOf(source)) > system.limit) throw new Failure("ENOSPC");
  const copy = createInode(system, source.type, source.mode, source.modified);
  const { uid, gid, data, size, target, node } = source;
  Object.assign(copy, { uid, gid, data, size, target, node });
  system.used += pagesOf(sizeOf(source));
  folder.children?.set(name, copy);
  for (const [child, inode] of source.children ?? []) copyInto(system, copy, child, inode);
}

const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** cp -a SOURCE TARGET; the target may be there. */
function copy(world: World, argv: readonly string[]): ProgramEnd {
  const [source = "", target = ""] = argv.slice(1).filter((word) => !word.startsWith("-"));
  try {
    const from = world.files.find(source);
    const place = world.files.locate(target);
    const into = place.found && isFolder(place.found.inode) ? place.found : place.folder;
    const name = into === place.found ? baseName(source) : place.name;
    copyInto(into.mount.system, into.inode, name, from);
    return {};
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { status: 1, stderr: `cp: cannot copy '${source}' to '${target}': ${error.errno}\n` };
  }
}

/** Where a program works. */
function folderOf(world: World, cwd = "/"): Spot {
  return world.files.spot(cwd);
}

const decompressor: ProgramModel = (_request, program) => decompress(program);

/** Programs that the modules of firstlight run, by name. A person at the shell looks around and leaves it. */
export const knownPrograms: Readonly<Record<string, ProgramModel>> = {
  gzip: decompressor,
  xz: decompressor,
  zstd: decompressor,
  lz4: decompressor,
  bzip2: decompressor,
  tar: ({ cwd }, program) => extract(program, folderOf(program.world, cwd)),
  cp: ({ argv }, { world }) => copy(world, argv),
  depmod: () => ({}),
  shell: () => ({ lasts: 1000 }),
};

/** What a program does that was described: the result of the first one whose words begin the program's. */
export interface ScriptedResult extends ProgramEnd {
  argv: readonly string[];
  /** Milliseconds. */
  lasts: number;
  /** Makes what comes of it: files, devices. */
  effect(world: World): void;
}

/** Models of programs out of their results, by name. */
export function scriptedPrograms(results: readonly ScriptedResult[]): Record<string, ProgramModel> {
  const fits = (words: readonly string[], argv: readonly string[]) =>
    words.every((word, index) => (index === 0 ? baseName(argv[0] ?? "") === baseName(word) : argv[index] === word));
  function* take(argv: readonly string[], program: RunningProgram): Steps {
    const found = results.find(({ argv: words }) => fits(words, argv));
    if (!found) {
      program.world.leaveOpen(`what the program ${fromBytes(argv.join(" "))} does, and how it ends`);
      return {};
    }
    const { argv: _, lasts, effect, ...end } = found;
    yield { sleep: lasts, reads: program.inputSize ?? 0 };
    effect(program.world);
    return end;
  }
  const names = results.map(({ argv }) => baseName(argv[0] ?? ""));
  return Object.fromEntries(names.map((name) => [name, (request, program) => take(request.argv, program)]));
}
