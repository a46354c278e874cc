import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Kernel } from "./kernel-version.js";
import { BuildError, reasonOf } from "./problems.js";

/** A driver's file in a kernel's module tree. */
export interface DriverInTree {
  /** With underscores, as /proc/modules shows it. */
  name: string;
  /** Below the kernel's directory: "kernel/fs/xfs/xfs.ko.xz". */
  path: string;
  /** Names of all drivers that it needs, directly or not, in the order in which they have to be inserted. */
  dependencies: string[];
}

export interface Alias {
  /** A glob, as in modules.alias. */
  pattern: string;
  driver: string;
}

export interface SoftDependencies {
  pre: string[];
  post: string[];
}

/** What depmod and the kernel's build have written about its drivers (modules.dep(5), depmod.d(5)). */
export interface KernelTree extends Kernel {
  drivers: ReadonlyMap<string, DriverInTree>;
  builtin: ReadonlySet<string>;
  /** Of drivers in files and of built-in ones, in the files' order. */
  aliases: readonly Alias[];
  /** Words are names or aliases. */
  softDependencies: ReadonlyMap<string, SoftDependencies>;
  /** Names or aliases of drivers that one is better with, by driver. */
  weakDependencies: ReadonlyMap<string, readonly string[]>;
  /** Lines of modules.devname by driver: "fuse fuse c10:229". */
  staticNodes: ReadonlyMap<string, string>;
}

/** Both spellings mean the same driver. */
export const driverName = (word: string) => word.replaceAll("-", "_");

/** "kernel/fs/xfs/xfs.ko.xz" -> "xfs" */
const nameOfFile = (path: string) => driverName(path.replace(/^.*\//, "").replace(/\.ko(\.\w+)?$/, ""));

/** What a kernel's lists say together. */
export type DriverLists = Omit<KernelTree, keyof Kernel>;

/**
 * Reads a kernel's lists. Throws BuildError if one of `needed` cannot be read: every kernel's package and depmod write these, and an image made
 * without them finds no driver. The other lists may be missing.
 */
export function readKernelTree(
  kernel: Kernel,
  needed: readonly string[] = ["modules.dep", "modules.alias", "modules.builtin"],
): KernelTree {
  const remedyOf = (name: string) =>
    name === "modules.builtin" ? "reinstall the kernel's package" : runDepmod(kernel);
  const lists = parseDriverLists((name) => readList(kernel, name, needed.includes(name) ? remedyOf(name) : undefined));
  checkDrivers(kernel, lists);
  return { ...kernel, ...lists };
}

/** `textOf`: the text of the list with a name. Throws BuildError where modules.dep is damaged. */
export function parseDriverLists(textOf: (name: string) => string): DriverLists {
  const builtinInfo = textOf("modules.builtin.modinfo").split("\0");
  return {
    drivers: readDependencies(textOf("modules.dep")),
    builtin: new Set(lines(textOf("modules.builtin")).map(nameOfFile)),
    aliases: [...readAliases(textOf("modules.alias")), ...builtinInfo.flatMap(builtinAlias)],
    softDependencies: readSoftDependencies(lines(textOf("modules.softdep"))),
    weakDependencies: readWeakDependencies(lines(textOf("modules.weakdep"))),
    staticNodes: new Map(
      lines(textOf("modules.devname")).map((line) => [driverName(line.split(" ", 1)[0] ?? ""), line]),
    ),
  };
}

const runDepmod = ({ release }: Kernel) => `run "depmod ${release}"`;

/** A list without a driver is right only where there is none: a depmod that was interrupted leaves an empty file. */
function checkDrivers(kernel: Kernel, { drivers }: DriverLists): void {
  const isDriver = (name: string) => /\.ko(\.\w+)?$/.test(name);
  if (!drivers.size && readdirSync(kernel.folder, { recursive: true, encoding: "utf8" }).some(isDriver))
    throw new BuildError(`${join(kernel.folder, "modules.dep")} is empty, but drivers are there: ${runDepmod(kernel)}`);
}

/** `remedy`: what to do where the list cannot be read; undefined: it may be missing. */
function readList({ folder }: Kernel, name: string, remedy: string | undefined): string {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch (error) {
    if (remedy === undefined) return "";
    throw new BuildError(`${join(folder, name)}: ${reasonOf(error)}: ${remedy}`);
  }
}

/** Lines without comments and blanks. */
function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
}

/** "path: paths…"; depmod writes the nearest dependency first, the one to be inserted first last. */
function readDependencies(text: string): Map<string, DriverInTree> {
  const drivers = new Map<string, DriverInTree>();
  for (const line of lines(text)) {
    const colon = line.indexOf(":");
    if (colon < 0) throw new BuildError(`modules.dep has a line without a colon, "${line}": run depmod again`);
    const path = line.slice(0, colon);
    const dependencies = line
      .slice(colon + 1)
      .split(" ")
      .filter(Boolean)
      .map(nameOfFile)
      .reverse();
    const name = nameOfFile(path);
    drivers.set(name, { name, path, dependencies });
  }
  return drivers;
}

/** "alias PATTERN DRIVER" */
function readAliases(text: string): Alias[] {
  return lines(text).flatMap((line) => {
    const [keyword, pattern, driver] = line.split(/\s+/);
    return keyword === "alias" && pattern && driver ? [{ pattern, driver: driverName(driver) }] : [];
  });
}

/** "driver.alias=PATTERN" */
function builtinAlias(entry: string): Alias[] {
  const [, driver, pattern] = /^([^.=]+)\.alias=(.+)$/.exec(entry) ?? [];
  return driver && pattern ? [{ pattern, driver: driverName(driver) }] : [];
}

/** "softdep DRIVER pre: … post: …"; words before either keyword mean nothing (modprobe.d(5)). */
export function readSoftDependencies(text: readonly string[]): Map<string, SoftDependencies> {
  const all = new Map<string, SoftDependencies>();
  for (const line of text) {
    const [keyword, driver, ...words] = line.split(/\s+/);
    if (keyword !== "softdep" || !driver) continue;
    const name = driverName(driver);
    const known = all.get(name) ?? { pre: [], post: [] };
    all.set(name, known);
    let list: string[] | undefined;
    for (const word of words) {
      if (word === "pre:") list = known.pre;
      else if (word === "post:") list = known.post;
      else list?.push(word);
    }
  }
  return all;
}

/** "weakdep DRIVER words…": the driver asks for them by itself, if it finds that it can use them (modprobe.d(5), since kmod 33). */
export function readWeakDependencies(text: readonly string[]): Map<string, readonly string[]> {
  const all = new Map<string, readonly string[]>();
  for (const line of text) {
    const [keyword, driver, ...words] = line.split(/\s+/);
    if (keyword === "weakdep" && driver)
      all.set(driverName(driver), [...(all.get(driverName(driver)) ?? []), ...words]);
  }
  return all;
}
