import { closeSync, openSync, readSync } from "node:fs";
import { posix } from "node:path";
import { ElfError, type ElfFile, readElf } from "./elf.js";
import type { HostFiles, HostPath } from "./host-files.js";
import { createLibrarySearch, type Requester } from "./libraries.js";
import { BuildError, reasonOf } from "./problems.js";
import { hostFile, type Tree } from "./tree.js";

/** Puts files of the host into an image, with everything that they need to run. All throw BuildError. */
export interface Installer {
  /** A file with its libraries or its interpreter; at `destination` if given, else at its own path with the links that lead there. */
  file(path: string, options?: { destination?: string | undefined; mode?: number | undefined }): void;
  /** A library that is opened by dlopen, for programs of the image's architecture. false: there is none. */
  library(soname: string): boolean;
  /** As it is: nothing is added for it. A directory with all that is in it; a file into a `destination` that ends in "/". */
  copy(path: string, destination: string): void;
}

/** Directories that may be links into /usr, or links among themselves. */
const mergedFolders = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
const alwaysMerged = ["bin", "sbin", "lib"];

/** /bin, /sbin, /lib, ... as links into /usr: as the host has them, or new ones where it has directories. */
export function installLayout(host: HostFiles, tree: Tree): void {
  for (const name of mergedFolders) {
    if (!host.resolve(`/${name}`) && !alwaysMerged.includes(name)) continue;
    tree.add(name, { type: "symlink", target: host.readLink(`/${name}`) ?? `usr/${name}` });
    const link = host.readLink(`/usr/${name}`);
    tree.add(`usr/${name}`, link === undefined ? { type: "dir", mode: 0o755 } : { type: "symlink", target: link });
  }
}

export function createInstaller(host: HostFiles, tree: Tree): Installer {
  const findLibrary = createLibrarySearch(host);
  /** Paths, free of links, of which everything needed has been installed. */
  const complete = new Set<string>();

  function find(path: string): HostPath {
    const found = host.resolve(path);
    if (!found) throw new BuildError(`${path}: there is no such file`);
    return found;
  }

  function addFile(found: HostPath, destination: string, mode: number | undefined): void {
    if (!found.stats.isFile()) throw new BuildError(`${found.path} is not a regular file`);
    tree.add(destination, hostFile(host, found, mode));
  }

  function addLinks(found: HostPath): void {
    for (const { path, target } of found.links) tree.add(path, { type: "symlink", target });
  }

  function installOne(
    path: string,
    parent: Requester | undefined,
    options: Parameters<Installer["file"]>[1] = {},
  ): HostPath {
    const found = find(path);
    const { destination, mode } = options;
    if (destination === undefined) addLinks(found);
    addFile(found, destination ?? found.path, mode);
    addNeeds(found.path, parent);
    return found;
  }

  function addNeeds(path: string, parent: Requester | undefined): void {
    if (complete.has(path)) return;
    complete.add(path);
    const elf = inspect(path, () => readElf(host.outside(path)));
    if (elf) addElfNeeds({ path, elf, parent });
    else addScriptNeeds(path);
  }

  function addElfNeeds(requester: Requester): void {
    const { path, elf } = requester;
    if (elf.interpreter) within(path, "its dynamic linker", () => installOne(elf.interpreter ?? "", undefined));
    for (const soname of elf.needed) installNeeded(soname, requester);
    if (elf.cancelsThreads && elf.needed.includes("libc.so.6")) installLibrary("libgcc_s.so.1", requester);
  }

  function installNeeded(soname: string, requester: Requester): void {
    if (!installLibrary(soname, requester))
      throw new BuildError(
        `${requester.path} needs the library ${soname}, which is nowhere in the dynamic linker's search path: install its package`,
      );
  }

  function installLibrary(soname: string, requester: Requester): boolean {
    const library = findLibrary(soname, requester);
    if (!library) return false;
    installOne(library.path, requester);
    // The image has no ld.so.cache: what only ld.so.conf names is linked to from a directory that is always searched.
    if (library.configured) {
      const folder = posix.dirname(findLibrary("libc.so.6", requester)?.path ?? "/usr/lib/libc.so");
      tree.add(posix.join(folder, soname), { type: "symlink", target: library.path });
    }
    return true;
  }

  function addScriptNeeds(path: string): void {
    const line = inspect(path, () => firstLine(host.outside(path)));
    const [interpreter, ...words] = line?.slice(2).trim().split(/\s+/) ?? [];
    if (!interpreter) return;
    within(path, "its interpreter", () => installOne(interpreter, undefined));
    if (posix.basename(interpreter) !== "env") return;
    // Before the program may come options and settings: "env -S LANG=C perl -w".
    const name = words.find((word) => !word.startsWith("-") && !word.includes("="));
    if (name === undefined) return;
    const program = findProgram(host, name);
    if (!program) throw new BuildError(`${path} needs the program ${name}, which is not installed`);
    installOne(program, undefined);
  }

  function copy(path: string, destination: string): void {
    const found = find(path);
    if (!found.stats.isDirectory()) {
      addFile(found, destination.endsWith("/") ? destination + posix.basename(path) : destination, undefined);
      return;
    }
    tree.add(destination, { type: "dir", mode: found.stats.mode & 0o7777 });
    const names = host.list(found.path);
    if (!names) throw new BuildError(`${path} cannot be read: give yourself the right to, or build as root`);
    for (const name of names) {
      const [inside, place] = [posix.join(found.path, name), posix.join(destination, name)];
      const target = host.readLink(inside);
      if (target === undefined) copy(inside, place);
      else tree.add(place, { type: "symlink", target });
    }
  }

  let program: Requester | undefined;
  /** Any dynamic program tells the architecture that libraries are wanted for. */
  function anyProgram(): Requester {
    if (program) return program;
    const path = findProgram(host, "sh") ?? "/bin/sh";
    const found = find(path).path;
    const elf = inspect(found, () => readElf(host.outside(found)));
    if (!elf) throw new BuildError(`${path} is not an ELF program: the host's architecture cannot be told`);
    program = { path: found, elf, parent: undefined };
    return program;
  }

  return {
    file: (path, options) => {
      installOne(path, undefined, options);
    },
    library: (soname) => installLibrary(soname, anyProgram()),
    copy,
  };
}

/** Adds to a problem which file of the image led to it. */
function within(path: string, what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new BuildError(...error.problems.map((problem) => `${path} needs ${what}: ${problem}`));
  }
}

function inspect<Result extends ElfFile | string | undefined>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw new BuildError(
      error instanceof ElfError ? `${path} ${error.message}` : `${path} cannot be read: ${reasonOf(error)}`,
    );
  }
}

/** The first line of a script; undefined if it does not start with "#!". As the kernel, looks at 256 bytes. */
function firstLine(path: string): string | undefined {
  const buffer = Buffer.alloc(256);
  const file = openSync(path, "r");
  try {
    const text = buffer.toString("latin1", 0, readSync(file, buffer, 0, buffer.length, 0));
    return text.startsWith("#!") ? text.split("\n", 1)[0] : undefined;
  } finally {
    closeSync(file);
  }
}

/** Where programs are looked for, on the host and in the image. */
const programFolders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Absolute path of an executable file by its name. */
export function findProgram(host: HostFiles, name: string): string | undefined {
  return programFolders
    .map((folder) => posix.join(folder, name))
    .find((path) => {
      const stats = host.resolve(path)?.stats;
      return stats?.isFile() && stats.mode & 0o111;
    });
}
