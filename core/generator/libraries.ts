import { ElfError, type ElfFile, readElf } from "./elf.js";
import type { HostFiles, HostPath } from "./host-files.js";
import { laterLibraries, type NameServices } from "./later-libraries.js";
import { createLibrarySearch, type LibrarySearch } from "./library-search.js";
import { BuildError, reasonOf } from "./problems.js";

/** A program or library as the dynamic linker has loaded it. */
export interface Loaded {
  /** By which it was opened, links and all; of a program, free of links. */
  path: string;
  file: HostPath;
  elf: ElfFile;
  /** Who needed it first; undefined: the program itself. */
  loader: Loaded | undefined;
  /** Found through ld.so.conf only: where a link to it must lie so that the dynamic linker finds it without its cache. */
  link: string | undefined;
}

/** A program with all that is loaded with it. */
export interface Process {
  /** In the order of loading, without the program itself and its dynamic linker. */
  libraries: Loaded[];
  /** What is nowhere, and who needs it. */
  missing: { soname: string; path: string }[];
  /** What a name stands for; undefined: it is nowhere. */
  named(soname: string): Loaded | undefined;
  /** A file that its dynamic linker reads at start. */
  configuration: string | undefined;
}

/** Loads ELF files as the dynamic linker of their own system does, running nothing. All throw BuildError. */
export interface Linker {
  /** undefined: not an ELF file. */
  read(file: HostPath): ElfFile | undefined;
  /** What a program is loaded with, or a library by a program of this dynamic linker. `services`: of the image's names, none if left out. */
  load(file: HostPath, elf: ElfFile, options?: { linker?: string | undefined; services?: NameServices }): Process;
  /** A library that a program opens; undefined: it is nowhere. */
  find(soname: string, program: HostPath, elf: ElfFile): Loaded | undefined;
}

const noServices: NameServices = () => [];

/** `libraryPath` is LD_LIBRARY_PATH, taken apart. */
export function createLinker(host: HostFiles, libraryPath: readonly string[] = []): Linker {
  const files = new Map<string, ElfFile | undefined>();
  const searches = new Map<string, LibrarySearch>();

  function read({ path }: HostPath): ElfFile | undefined {
    if (!files.has(path)) files.set(path, readSafely(path, host.outside(path)));
    return files.get(path);
  }

  function searchOf(linker: string | undefined, elf: ElfFile): LibrarySearch {
    const key = `${linker} ${elf.bits} ${elf.machine}`;
    const search = searches.get(key) ?? createLibrarySearch(host, linker, elf, libraryPath);
    searches.set(key, search);
    return search;
  }

  /** The library at a path, if it is for the same kind of processor; others are passed over in silence, as by the dynamic linker. */
  function open(path: string, { bits, littleEndian, machine }: ElfFile): { file: HostPath; elf: ElfFile } | undefined {
    const file = host.resolve(path);
    const elf = file?.stats.isFile() ? read(file) : undefined;
    const fits = elf?.bits === bits && elf.littleEndian === littleEndian && elf.machine === machine;
    return file && elf && fits ? { file, elf } : undefined;
  }

  function search(soname: string, loader: Loaded, where: LibrarySearch): Loaded | undefined {
    for (const name of where.expand(soname, loader)) {
      const places = name.includes("/")
        ? [{ path: name, configured: false }]
        : where.folders(loader).map(({ folder, configured }) => ({ path: `${folder}/${name}`, configured }));
      for (const { path, configured } of places) {
        const found = open(path, loader.elf);
        if (found) return { path, ...found, loader, link: configured ? `${where.defaultFolder}/${name}` : undefined };
      }
    }
    return undefined;
  }

  const load: Linker["load"] = (file, elf, { linker = elf.interpreter, services = noServices } = {}) => {
    const where = searchOf(linker, elf);
    const objects: Loaded[] = [loadedFirst(file.path, file, elf)];
    const missing: Process["missing"] = [];
    const known = new Map<string, Loaded>();
    const dynamicLinker = linker === undefined ? undefined : open(linker, elf);
    // It is there before all others, and answers to its name.
    const linkerItself = dynamicLinker && loadedFirst(linker ?? "", dynamicLinker.file, dynamicLinker.elf);
    if (linkerItself?.elf.soname !== undefined) known.set(linkerItself.elf.soname, linkerItself);

    /** What is loaded already by this name is not looked for again. false: it is nowhere. */
    function want(soname: string, loader: Loaded): boolean {
      if (known.has(soname) || where.isBuiltIn(soname)) return true;
      const object = search(soname, loader, where);
      if (!object) return false;
      known.set(soname, object);
      objects.push(object);
      if (object.elf.soname !== undefined && !known.has(object.elf.soname)) known.set(object.elf.soname, object);
      return true;
    }

    /** Breadth first, as the dynamic linker: who is nearer to the program decides where a library is found. */
    let settled = 0;
    function settle(): void {
      for (let object = objects[settled]; object; object = objects[++settled])
        for (const soname of object.elf.needed)
          if (!want(soname, object)) missing.push({ soname, path: object.file.path });
    }

    settle();
    for (const object of objects) {
      const libc = known.get("libc.so.6");
      for (const { sonames, required, opener } of laterLibraries(object.elf, libc?.elf, services)) {
        const found = sonames.find((soname) => want(soname, (opener === "libc" && libc) || object));
        if (found !== undefined) settle();
        else if (required) missing.push({ soname: sonames.join(" or "), path: object.file.path });
      }
    }
    const named = (soname: string) => known.get(soname) ?? (where.isBuiltIn(soname) ? linkerItself : undefined);
    return { libraries: objects.slice(1), missing, named, configuration: where.configuration };
  };

  const find: Linker["find"] = (soname, program, elf) =>
    search(soname, loadedFirst(program.path, program, elf), searchOf(elf.interpreter, elf));

  return { read, load, find };
}

/** The program itself, and its dynamic linker: nothing else has loaded them. */
const loadedFirst = (path: string, file: HostPath, elf: ElfFile): Loaded => ({
  ...{ path, file, elf },
  loader: undefined,
  link: undefined,
});

function readSafely(path: string, outside: string): ElfFile | undefined {
  try {
    return readElf(outside);
  } catch (error) {
    if (error instanceof ElfError) throw new BuildError(`${path} ${error.message}: install its package again`);
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}
