import { archivePrograms } from "./archive-models.js";
import { btrfsPrograms } from "./btrfs-model.js";
import { fromBytes } from "./bytes.js";
import { Failure } from "./failure.js";
import { createInode, type FileSystem, type Inode, isFolder, pagesOf, sizeOf } from "./file-tree.js";
import { fsckPrograms } from "./fsck-model.js";
import { luksPrograms } from "./luks-model.js";
import { lvmPrograms } from "./lvm-model.js";
import { mdPrograms } from "./md-model.js";
import type { Pause, ProgramEnd, ProgramModel, RunningProgram } from "./programs.js";
import type { World } from "./world.js";

type Steps = Generator<Pause, ProgramEnd, undefined>;

/** Copies a tree or a file. Throws Failure ENOSPC. */
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

/** cp SOURCE… TARGET; the target may be there. */
function copyAll(world: World, argv: readonly string[]): ProgramEnd {
  const sources = argv.slice(1).filter((word) => !word.startsWith("-"));
  const target = sources.pop() ?? "";
  const ends = sources.map((source) => copy(world, source, target));
  return ends.find(({ status }) => status) ?? {};
}

function copy(world: World, source: string, target: string): ProgramEnd {
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

/** Programs that the modules of firstlight run, by name. A person at the shell looks around and leaves it. */
export const knownPrograms: Readonly<Record<string, ProgramModel>> = {
  ...archivePrograms,
  ...btrfsPrograms,
  ...luksPrograms,
  ...lvmPrograms,
  ...mdPrograms,
  ...fsckPrograms,
  cp: ({ argv }, { world }) => copyAll(world, argv),
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
