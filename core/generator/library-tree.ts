import { posix } from "node:path";
import type { HostFiles } from "./host-files.js";
import type { Linker, Loaded } from "./libraries.js";
import { BuildError } from "./problems.js";

/** How a tree is shown. */
export interface TreeOptions {
  /** The file's name, as it was asked for. */
  name: string;
  /** What stands before every path that is found. */
  prefix: string;
  /** Libraries again where they are needed again; a circle ends where it closes. */
  all: boolean;
  /** Paths alone, without indentation: the file, its dynamic linker, the libraries. */
  flat: boolean;
}

/**
 * The libraries that an ELF file needs, a line each, below who needs them: "    libc.so.6 => /lib/libc.so.6", or None where it is nowhere. Each is
 * shown once, nearest to the file, unless `all`: the form of pax-utils' lddtree. Throws BuildError: there is no such file, or it is not an ELF file.
 */
export function libraryTree(host: HostFiles, linker: Linker, path: string, options: TreeOptions): string[] {
  const { all, flat, name, prefix } = options;
  const file = host.resolve(path);
  if (!file) throw new BuildError(`${name}: ${host.whyMissing(path)}`);
  if (!file.stats.isFile()) throw new BuildError(`${name} is not a regular file`);
  const elf = linker.read(file);
  if (!elf) throw new BuildError(`${name} is not an ELF file`);
  const { named } = linker.load(file, elf);
  const interpreter = elf.interpreter === undefined ? undefined : `${prefix}${elf.interpreter}`;
  const lines = flat
    ? [name, interpreter].filter((each) => each !== undefined)
    : [`${name} (interpreter => ${interpreter ?? "None"})`];
  const shown = new Set(elf.interpreter === undefined ? [] : [posix.basename(elf.interpreter)]);

  /** Marked as shown before what is below any of them: a library stands where it is nearest to the file. */
  function choose(needed: readonly string[], again = all): string[] {
    const chosen = needed.filter((soname) => again || !shown.has(soname));
    for (const soname of chosen) shown.add(soname);
    return chosen;
  }

  function show(soname: string, above: readonly string[]): void {
    const found = named(soname);
    const place = found && `${prefix}${plainPath(host, found)}`;
    lines.push(flat ? (place ?? soname) : `${"    ".repeat(above.length + 1)}${soname} => ${place ?? "None"}`);
    const chain = [...above, soname];
    const below = (found?.elf.needed ?? []).filter((each) => !chain.includes(each));
    for (const each of choose(below)) show(each, chain);
  }

  // A dynamic linker that the file itself needs by name has a line of its own in a tree.
  for (const soname of choose(elf.needed, all || !flat)) show(soname, []);
  return lines;
}

/** Without the ".." of $ORIGIN/../lib, unless a link on the way makes them lead elsewhere. */
function plainPath(host: HostFiles, { path, file }: Loaded): string {
  const plain = posix.normalize(path);
  return host.resolve(plain)?.path === file.path ? plain : path;
}
