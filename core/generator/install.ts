import { closeSync, openSync, readSync } from "node:fs";
import { posix } from "node:path";
import type { ElfFile } from "./elf.js";
import type { HostFiles, HostPath } from "./host-files.js";
import { type NameServices, parseNameServices } from "./later-libraries.js";
import { createLinker, type Process } from "./libraries.js";
import { BuildError, reasonOf, reworded } from "./problems.js";
import { hostFile, type Tree } from "./tree.js";

/** Puts files of the host into an image, with everything that they need to run. All throw BuildError. */
export interface Installer {
  /** A file with its libraries or its interpreter; at `destination` if given, else at its own path with the links that lead there. */
  file(path: string, options?: { destination?: string | undefined; mode?: number | undefined }): void;
  /** A library that is opened by dlopen, for programs of the image's architecture. false: there is none. */
  library(soname: string): boolean;
  /** Once all else is there: the libraries by which glibc looks up names, as the image's nsswitch.conf wants them. */
  nameServices(): void;
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
  const linker = createLinker(host);
  /** Paths, free of links, of which everything needed has been installed. */
  const complete = new Set<string>();
  const dynamic: { file: HostPath; elf: ElfFile }[] = [];

  function find(path: string): HostPath {
    const found = host.resolve(path);
    if (!found) throw new BuildError(host.whyMissing(path));
    return found;
  }

  function addFile(found: HostPath, destination: string, mode: number | undefined): void {
    if (found.stats.isDirectory())
      throw new BuildError(`${found.path} is a directory: --include takes one with all that is in it`);
    if (!found.stats.isFile())
      throw new BuildError(`${found.path} is neither a file nor a directory: it cannot be copied`);
    tree.add(destination, hostFile(host, found, mode));
  }

  /** At its own path, with the links that lead there. */
  function addInPlace(found: HostPath, mode?: number): void {
    for (const { path, target } of found.links) tree.add(path, { type: "symlink", target });
    addFile(found, found.path, mode);
  }

  function installOne(path: string, { destination, mode }: Parameters<Installer["file"]>[1] = {}): void {
    const found = find(path);
    if (destination === undefined) addInPlace(found, mode);
    else addFile(found, destination, mode);
    addNeeds(found, mode ?? found.stats.mode);
  }

  function addNeeds(found: HostPath, mode: number): void {
    if (complete.has(found.path)) return;
    complete.add(found.path);
    const elf = linker.read(found);
    if (elf) addElfNeeds(found, elf);
    else if (mode & 0o111) addScriptNeeds(found.path);
  }

  function addElfNeeds(file: HostPath, elf: ElfFile): void {
    if (elf.interpreter) within(file.path, "its dynamic linker", () => installOne(elf.interpreter ?? ""));
    if (!elf.needed.length) return;
    dynamic.push({ file, elf });
    addLibraries(load(file, elf));
  }

  /** A library by itself is opened by programs of the host's usual dynamic linker. */
  const load = (file: HostPath, elf: ElfFile, services?: NameServices): Process =>
    linker.load(file, elf, { linker: elf.interpreter ?? anyProgram()?.elf.interpreter, ...(services && { services }) });

  function addLibraries({ libraries, missing, configuration }: Process): void {
    if (missing.length)
      throw new BuildError(
        ...missing.map(
          ({ soname, path }) =>
            `${path} needs the library ${soname}, which is nowhere in the dynamic linker's search path: install its package`,
        ),
      );
    for (const library of libraries) addLibrary(library);
    if (configuration !== undefined) addInPlace(find(configuration));
  }

  function addLibrary({ file, path, link }: Process["libraries"][number]): void {
    addInPlace(file);
    if (link !== undefined) tree.add(link, { type: "symlink", target: path });
  }

  function addScriptNeeds(path: string): void {
    const script = parseScript(inspect(path, () => firstLine(host.outside(path))));
    if (!script) return;
    const { interpreter, program } = script;
    if (interpreter.endsWith("\r"))
      throw new BuildError(
        `${path}: its first line ends in a carriage return, so that it cannot run: remove it (dos2unix)`,
      );
    within(path, "its interpreter", () => installOne(interpreter));
    if (program === undefined) return;
    const found = locateProgram(host, program);
    if (!found)
      throw new BuildError(`${path} needs the program ${program}, which is not installed: install its package`);
    installOne(found);
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

  let program: { file: HostPath; elf: ElfFile } | undefined;
  /** Any dynamic program tells the architecture that libraries are wanted for. */
  function anyProgram(): typeof program {
    const file = host.resolve(findProgram(host, "sh") ?? "/bin/sh");
    const elf = program ? undefined : file && linker.read(file);
    if (file && elf) program = { file, elf };
    return program;
  }

  function library(soname: string): boolean {
    const any = anyProgram();
    if (!any) throw new BuildError("there is no ELF program /bin/sh: the host's architecture cannot be told");
    const found = linker.find(soname, any.file, any.elf);
    if (!found) return false;
    addLibrary(found);
    addNeeds(found.file, 0);
    return true;
  }

  function nameServices(): void {
    const services = parseNameServices(tree.text("/etc/nsswitch.conf"));
    for (const { file, elf } of dynamic) addLibraries(load(file, elf, services));
  }

  return { file: installOne, library, nameServices, copy };
}

/** Adds to a problem which file of the image led to it. */
function within(path: string, what: string, work: () => void): void {
  reworded((problem) => `${path} needs ${what}: ${problem}`, work);
}

function inspect<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
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

/**
 * What a script's first line asks for: its interpreter and, where that is env(1), the program that this runs. The kernel separates by
 * blanks and tabs only.
 */
function parseScript(line: string | undefined): { interpreter: string; program: string | undefined } | undefined {
  const [, interpreter, argument = ""] = /^#![ \t]*([^ \t]+)[ \t]*(.*)$/.exec(line ?? "") ?? [];
  if (!interpreter) return undefined;
  if (posix.basename(interpreter) !== "env") return { interpreter, program: undefined };
  const words = argument.replace(/^(-[iv0]*S|--split-string[= ])/, "").split(/\s+/);
  // Before the program may come options, two of which have a value of their own, and settings: "-u LANG -i LC_ALL=C perl -w".
  const isProgram = (word: string, before: string | undefined) =>
    word && !word.startsWith("-") && !word.includes("=") && !/^-[uC]$/.test(before ?? "");
  return { interpreter, program: words.find((word, index) => isProgram(word, words[index - 1])) };
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

/** A program by its name, or any file by its absolute path; undefined: it is not there. */
export function locateProgram(host: HostFiles, name: string): string | undefined {
  if (!name.includes("/")) return findProgram(host, name);
  return host.resolve(name) ? name : undefined;
}
