import { posix } from "node:path";
import { ElfError, type ElfFile, readElf } from "./elf.js";
import type { HostFiles } from "./host-files.js";

/** An ELF file that asks for libraries, and who asked for it. */
export interface Requester {
  /** Free of links. */
  path: string;
  elf: ElfFile;
  /** Whose DT_RPATH counts, too; undefined for a program. */
  parent: Requester | undefined;
}

/** A library that was found. */
export interface Library {
  /** As the dynamic linker would open it, links and all. */
  path: string;
  /** true: through ld.so.conf only, so that without its cache the dynamic linker would not look there. */
  configured: boolean;
}

/** Finds libraries as the dynamic linker of the same architecture does (ld.so(8)); undefined: nowhere. */
export type FindLibrary = (soname: string, requester: Requester) => Library | undefined;

/** Debian's multiarch directories, by bits and e_machine. */
const multiarch: Record<string, string> = {
  "64:62": "x86_64-linux-gnu",
  "32:62": "x86_64-linux-gnux32",
  "32:3": "i386-linux-gnu",
  "64:183": "aarch64-linux-gnu",
  "32:40": "arm-linux-gnueabihf",
  "64:243": "riscv64-linux-gnu",
  "64:21": "powerpc64le-linux-gnu",
  "64:22": "s390x-linux-gnu",
};

/** Directories that a dynamic linker searches without any configuration; which of them are built in depends on the distribution. */
function defaultFolders({ bits, machine }: ElfFile): string[] {
  const triplet = multiarch[`${bits}:${machine}`];
  return [
    ...(triplet ? [`/lib/${triplet}`, `/usr/lib/${triplet}`] : []),
    ...(bits === 64 ? ["/lib64", "/usr/lib64"] : []),
    "/lib",
    "/usr/lib",
  ];
}

export function createLibrarySearch(host: HostFiles): FindLibrary {
  const configuredFolders = readLdSoConf(host, "/etc/ld.so.conf");
  const known = new Map<string, Library | undefined>();

  /** Is there a library for the requester's architecture? Others are passed over in silence, as the dynamic linker does. */
  function fits(path: string, { bits, machine }: ElfFile): boolean {
    const found = host.resolve(path);
    if (!found?.stats.isFile()) return false;
    try {
      const elf = readElf(host.outside(found.path));
      return elf?.bits === bits && elf.machine === machine;
    } catch (error) {
      if (error instanceof ElfError) return false;
      throw error;
    }
  }

  const searchFolders = (folders: readonly string[], soname: string, elf: ElfFile) =>
    folders.map((folder) => posix.join(folder, soname)).find((path) => fits(path, elf));

  function searchSystem(soname: string, elf: ElfFile): Library | undefined {
    const key = `${elf.bits}:${elf.machine}:${soname}`;
    if (known.has(key)) return known.get(key);
    const folders = defaultFolders(elf);
    const configured = searchFolders(
      configuredFolders.filter((folder) => !folders.includes(folder)),
      soname,
      elf,
    );
    const path = configured ?? searchFolders(folders, soname, elf);
    const library = path === undefined ? undefined : { path, configured: configured !== undefined };
    known.set(key, library);
    return library;
  }

  return (soname, requester) => {
    if (soname.includes("/")) return fits(soname, requester.elf) ? { path: soname, configured: false } : undefined;
    const own = searchFolders(ownFolders(requester), soname, requester.elf);
    return own === undefined ? searchSystem(soname, requester.elf) : { path: own, configured: false };
  };
}

/** DT_RUNPATH of the requester or, where it has none, DT_RPATH of it and of all that led to it. */
function ownFolders(requester: Requester): string[] {
  const { elf, path, parent } = requester;
  if (elf.runpath.length) return elf.runpath.flatMap((folder) => expand(folder, path, elf));
  const inherited = parent && !parent.elf.runpath.length ? ownFolders(parent) : [];
  return [...elf.rpath.flatMap((folder) => expand(folder, path, elf)), ...inherited];
}

/** $ORIGIN and $LIB as ld.so(8) has them; $LIB is the distribution's choice, so every known one is tried. */
function expand(folder: string, path: string, elf: ElfFile): string[] {
  const origin = folder.replace(/\$ORIGIN\b|\$\{ORIGIN\}/g, posix.dirname(path));
  const lib = /\$LIB\b|\$\{LIB\}/g;
  if (!lib.test(origin)) return [origin];
  const triplet = multiarch[`${elf.bits}:${elf.machine}`];
  const choices = [...(triplet ? [`lib/${triplet}`] : []), elf.bits === 64 ? "lib64" : "lib", "lib"];
  return choices.map((choice) => origin.replace(lib, choice));
}

/** The directories of ld.so.conf and the files it includes (ldconfig(8)). */
function readLdSoConf(host: HostFiles, path: string, depth = 0): string[] {
  // ldconfig itself has no limit; a file that includes itself must not hang the build.
  if (depth > 8) return [];
  const folders: string[] = [];
  for (const raw of (host.readText(path) ?? "").split("\n")) {
    const line = raw.replace(/#.*/, "").trim();
    const include = /^include\s+(.*)/.exec(line)?.[1];
    if (include) {
      for (const pattern of include.split(/\s+/))
        for (const file of expandPattern(host, posix.resolve(posix.dirname(path), pattern)))
          folders.push(...readLdSoConf(host, file, depth + 1));
    } else if (line.startsWith("/")) folders.push(line.replace(/\/+$/, ""));
  }
  return folders;
}

/** Files of one directory that fit a pattern with stars in its last part. */
function expandPattern(host: HostFiles, pattern: string): string[] {
  const folder = posix.dirname(pattern);
  const parts = posix.basename(pattern).split("*");
  const expression = new RegExp(`^${parts.map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
  return (host.list(folder) ?? []).filter((name) => expression.test(name)).map((name) => posix.join(folder, name));
}
