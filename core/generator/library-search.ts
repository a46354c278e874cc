import { readFileSync, statSync } from "node:fs";
import { posix } from "node:path";
import type { ElfFile } from "./elf.js";
import type { HostFiles } from "./host-files.js";
import { expandGlob } from "./host-glob.js";

/** What has a bearing on where an object's libraries are looked for. */
export interface Searcher {
  /** By which it was opened: that of a program is free of links, that of a library need not be. */
  path: string;
  elf: ElfFile;
  /** Who loaded it; undefined: the program itself. */
  loader: Searcher | undefined;
}

/** A directory, in the order in which they are searched. */
export interface LibraryFolder {
  folder: string;
  /** true: only ld.so.conf names it, so that without its cache the dynamic linker would not look there. */
  configured: boolean;
}

/** How one dynamic linker finds libraries. */
export interface LibrarySearch {
  /** All directories for a library that `object` needs. */
  folders(object: Searcher): LibraryFolder[];
  /** The dynamic linker's own name for a library that it is itself, or stands for. */
  isBuiltIn(soname: string): boolean;
  /** A name with its $ORIGIN and the like replaced. */
  expand(soname: string, object: Searcher): string[];
  /** A file that it reads at start, and an image needs as well. */
  configuration: string | undefined;
  /** Of those that are always searched the first. */
  defaultFolder: string;
}

/** The search of the dynamic linker at this path; undefined: of an unknown one, of glibc's kind. `libraryPath` is LD_LIBRARY_PATH, taken apart. */
export function createLibrarySearch(
  host: HostFiles,
  linker: string | undefined,
  elf: ElfFile,
  libraryPath: readonly string[],
): LibrarySearch {
  const architecture = /\/ld-musl-([^/]+)\.so\.\d+$/.exec(linker ?? "")?.[1];
  return linker !== undefined && architecture !== undefined
    ? createMuslSearch(host, linker, architecture, libraryPath)
    : createGlibcSearch(host, linker, elf, libraryPath);
}

const plain = (folders: readonly string[]) => folders.map((folder) => ({ folder, configured: false }));
const withLoaders = (object: Searcher): Searcher[] => [object, ...(object.loader ? withLoaders(object.loader) : [])];

/** ld.so(8), and _dl_map_object of glibc's elf/dl-load.c; directories of glibc-hwcaps are left out, as the image may run elsewhere. */
function createGlibcSearch(
  host: HostFiles,
  linker: string | undefined,
  elf: ElfFile,
  libraryPath: readonly string[],
): LibrarySearch {
  const system = builtInFolders(host, linker) ?? usualFolders(elf);
  const configured = [...new Set(readLdSoConf(host, "/etc/ld.so.conf"))].map((folder) => ({
    folder,
    configured: !system.includes(folder),
  }));
  const values = { LIB: libraryNames(system), PLATFORM: platforms[elf.machine] ?? [] };
  const expand = (text: string, { path }: Searcher) => expandTokens(text, { ...values, ORIGIN: [posix.dirname(path)] });
  const expandAll = (texts: readonly string[], object: Searcher) => texts.flatMap((text) => expand(text, object));
  return {
    folders: (object) => {
      const { runpath, noDefaultFolders } = object.elf;
      const handedDown = withLoaders(object).flatMap((each) => expandAll(each.elf.rpath, each));
      return [
        ...plain(runpath ? [] : handedDown),
        ...plain(expandAll(libraryPath, object)),
        ...plain(runpath ? expandAll(runpath, object) : []),
        ...(noDefaultFolders ? configured.filter((each) => each.configured) : [...configured, ...plain(system)]),
      ];
    },
    isBuiltIn: () => false,
    expand,
    configuration: undefined,
    defaultFolder: system[0] ?? "/lib",
  };
}

/** musl's ldso/dynlink.c: fixup_rpath and load_library. */
function createMuslSearch(
  host: HostFiles,
  linker: string,
  architecture: string,
  libraryPath: readonly string[],
): LibrarySearch {
  const configuration = posix.join(posix.dirname(posix.dirname(linker)), `etc/ld-musl-${architecture}.path`);
  const text = host.readText(configuration);
  const system = (text ?? "/lib:/usr/local/lib:/usr/lib").split(/[:\n]/).filter(Boolean);
  const rpathOf = (object: Searcher): string[] => {
    const { rpath, runpath = rpath } = object.elf;
    const origin = { ORIGIN: [posix.dirname(object.path)] };
    const expanded = runpath.flatMap((folder) => expandTokens(folder, origin));
    return expanded.some((folder) => folder.includes("$")) ? [] : expanded;
  };
  return {
    folders: (object) => plain([...libraryPath, ...withLoaders(object).flatMap(rpathOf), ...system]),
    // It holds what glibc has in libraries of their own; Alpine calls libc libc.musl-x86_64.so.1.
    isBuiltIn: (soname) =>
      /^lib(c|pthread|rt|m|dl|util|xnet)\./.test(soname) || posix.basename(linker) === soname || linker === soname,
    expand: (soname) => [soname],
    configuration: text === undefined ? undefined : configuration,
    defaultFolder: system[0] ?? "/lib",
  };
}

/** Replaces "$NAME" and "${NAME}" by each of its values; what has none is left out (ld.so(8), "Dynamic string tokens"). */
function expandTokens(text: string, values: Readonly<Record<string, readonly string[]>>): string[] {
  const token = new RegExp(`\\$(?:(${Object.keys(values).join("|")})\\b|\\{(${Object.keys(values).join("|")})\\})`);
  const match = token.exec(text);
  if (!match) return [text];
  const rest = text.slice(match.index + match[0].length);
  const tails = expandTokens(rest, values);
  const choices = values[match[1] ?? match[2] ?? ""] ?? [];
  return choices.flatMap((choice) => tails.map((tail) => text.slice(0, match.index) + choice + tail));
}

/** More than any dynamic linker has; a file of this length is another one. */
const longestLinker = 2 ** 24;

/** glibc's row of directories in the dynamic linker's file, "/lib/\0/usr/lib/\0"; undefined: there is none. Without final slashes. */
function builtInFolders(host: HostFiles, linker: string | undefined): string[] | undefined {
  const found = linker === undefined ? undefined : host.resolve(linker);
  if (!found?.stats.isFile()) return undefined;
  const path = host.outside(found.path);
  if (statSync(path).size > longestLinker) return undefined;
  const row = /(?<=\0)(?:(?:\/[\w.+-]+)+\/\0)+/.exec(readFileSync(path, "latin1"))?.[0];
  return row?.split("/\0").filter(Boolean);
}

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

/** Where distributions have their libraries, for a dynamic linker that does not tell. */
function usualFolders({ bits, machine }: ElfFile): string[] {
  const triplet = multiarch[`${bits}:${machine}`];
  return [
    ...(triplet ? [`/lib/${triplet}`, `/usr/lib/${triplet}`] : []),
    ...(bits === 64 ? ["/lib64", "/usr/lib64"] : []),
    "/lib",
    "/usr/lib",
  ];
}

/** What $LIB may stand for: "lib/x86_64-linux-gnu" or "lib64", the distribution's choice. */
const libraryNames = (system: readonly string[]) => [
  ...new Set(system.map((folder) => folder.replace(/^\/(usr\/)?/, ""))),
];

/** What $PLATFORM may stand for, by e_machine: what the kernel says of the processor, or glibc of x86's. */
const platforms: Record<number, readonly string[]> = {
  3: ["i686", "i586", "i486", "i386"],
  21: ["power10", "power9", "power8"],
  40: ["v8l", "v7l", "v6l"],
  62: ["haswell", "x86_64"],
  183: ["aarch64"],
};

/** The directories of ld.so.conf and of the files that it includes, none twice (ldconfig(8)). */
function readLdSoConf(host: HostFiles, path: string, seen = new Set<string>()): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  return (host.readText(path) ?? "").split("\n").flatMap((raw) => {
    const line = raw.replace(/#.*/, "").trim();
    const patterns = /^include\s+(.*)/.exec(line)?.[1]?.split(/\s+/) ?? [];
    const included = patterns.flatMap((pattern) => expandGlob(host, "/", posix.resolve(posix.dirname(path), pattern)));
    if (included.length) return included.flatMap((file) => readLdSoConf(host, file, seen));
    return line.startsWith("/") ? [posix.normalize(line).replace(/\/$/, "")] : [];
  });
}
