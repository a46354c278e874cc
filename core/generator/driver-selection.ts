import { nearest } from "../abi/index.js";
import { matchesGlob, normalizeAlias } from "../rehearsal/driver-index.js";
import type { IndexedDriver } from "./driver-index.js";
import { type Alias, type DriverInTree, driverName, type KernelTree, type SoftDependencies } from "./kernel-tree.js";
import type { DriverSettings } from "./modprobe-config.js";
import type { Problems } from "./problems.js";

/** What modules and the command line ask for; see Image.drivers in hooks. */
export interface DriverRequest {
  /** For error messages: "module kernel-modules", "--add-drivers". */
  asker: string;
  /** Names, aliases without wildcards ("fs-ext4"), or "=directory" (or "=directory/driver") below the tree's top or below its first folder. */
  selectors: readonly string[];
  always?: boolean | undefined;
  anyMachine?: boolean | undefined;
  except?: readonly string[] | undefined;
  required?: boolean | undefined;
}

export interface SelectionOptions {
  omit: readonly string[];
  settings: DriverSettings;
  /** Host-only: modaliases of the host's devices and names of its loaded drivers. undefined: of a directory, all that have an alias. */
  host: { modaliases: readonly string[]; loaded: readonly string[] } | undefined;
}

/** A driver as the index describes it, but for its size. */
export type SelectedDriver = Omit<IndexedDriver, "size">;

/** The drivers of an image. */
export interface DriverSelection {
  /** Files to put in, by name. */
  files: DriverInTree[];
  /** Every driver for the index, built-in ones included; `path` is that of DriverInTree. */
  indexed: SelectedDriver[];
  aliases: readonly Alias[];
}

/**
 * Drivers whose devices have no modalias: the uevent of a TI card reader's slot has TIFM_CARD_TYPE, by which udev loads the driver (systemd,
 * rules.d/80-drivers.rules). Here the reader's brings it along.
 */
export const byUevent: ReadonlyMap<string, SoftDependencies> = new Map([["tifm_7xx1", { pre: [], post: ["tifm_sd"] }]]);

/** Names of `omit` that are no drivers of files, each with what is to be said of it. */
export function remarksOnOmitted(tree: KernelTree, omit: readonly string[]): string[] {
  return omit.flatMap((word) => {
    const name = driverName(word);
    if (tree.drivers.has(name)) return [];
    if (tree.builtin.has(name)) return [`driver ${word} is built into the kernel, and cannot be omitted`];
    const close = nearest(name, tree.drivers.keys());
    return [`there is no driver ${word} to omit${close ? `: did you mean ${close}?` : ""}`];
  });
}

/** Answers the requests with drivers and all that these need: hard dependencies, and soft ones as far as they exist. */
export function selectDrivers(
  tree: KernelTree,
  requests: readonly DriverRequest[],
  options: SelectionOptions,
  problems: Problems,
): DriverSelection {
  const { settings, host } = options;
  const omitted = new Set(options.omit.map(driverName));
  const aliases = joinAliases(settings.aliases, tree.aliases);
  const lookUp = createLookUp(aliases);
  /** Of a directory. Nothing in a boot asks for a driver without an alias: it is part of others, a test, or waits for a program. */
  const wantedAnywhere = new Set(aliases.map(({ driver }) => driver));
  const wanted = host ? new Set([...host.loaded.map(driverName), ...host.modaliases.flatMap(lookUp)]) : wantedAnywhere;
  const chosen = new Map<string, DriverInTree>();

  const isThere = (name: string) => tree.builtin.has(name) || (tree.drivers.has(name) && !omitted.has(name));
  /** A word of a soft dependency or a request, in the order of kmod: a driver's file, an alias for any number of drivers, a built-in driver. */
  function meant(word: string): string[] {
    const name = driverName(word);
    if (tree.drivers.has(name) && !omitted.has(name)) return [name];
    // f2fs wants "crc32": a part of the kernel has that name, but meant are the drivers that have it as their alias.
    const byAlias = lookUp(word).filter(isThere);
    return byAlias.length || !tree.builtin.has(name) ? byAlias : [name];
  }
  const softOf = (name: string, side: "pre" | "post") =>
    [tree.softDependencies, settings.softDependencies, byUevent].flatMap((source) =>
      (source.get(name)?.[side] ?? []).flatMap(meant),
    );

  const weakOf = (name: string) =>
    [tree.weakDependencies, settings.weakDependencies].flatMap((source) => (source.get(name) ?? []).flatMap(meant));

  function choose(name: string): void {
    const driver = tree.drivers.get(name);
    if (!driver || chosen.has(name) || omitted.has(name)) return;
    // Without one of its dependencies a driver cannot be inserted.
    if (driver.dependencies.some((dependency) => omitted.has(dependency))) return;
    chosen.set(name, driver);
    for (const needed of [...driver.dependencies, ...softOf(name, "pre"), ...softOf(name, "post"), ...weakOf(name)])
      choose(needed);
  }

  function chooseFolder(folder: string, { always, anyMachine, except, required, asker }: DriverRequest): void {
    const unwanted = new Set(except?.map(driverName));
    const isInside = (path: string) => path.startsWith(`${folder}/`) || path.startsWith(`${folder}.ko`);
    const inFolder = [...tree.drivers.values()].filter(
      ({ path }) => isInside(path) || isInside(path.slice(path.indexOf("/") + 1)),
    );
    if (required && !inFolder.length)
      problems.add(`${asker} needs drivers of ${folder}, which kernel ${tree.release} does not have`);
    const ofFolder = anyMachine ? wantedAnywhere : wanted;
    for (const { name } of inFolder) if ((always || ofFolder.has(name)) && !unwanted.has(name)) choose(name);
  }

  function chooseNamed(word: string, { required, asker }: DriverRequest): void {
    const names = meant(word);
    if (!names.length && required) problems.add(missing(word, asker));
    for (const name of names) choose(name);
    const dropped = names.find((name) => !chosen.has(name) && !tree.builtin.has(name));
    if (required && dropped) problems.add(obstructed(dropped, asker));
  }

  function obstructed(name: string, asker: string): string {
    const omittedOnes = tree.drivers.get(name)?.dependencies.filter((dependency) => omitted.has(dependency)) ?? [];
    return `${asker} needs driver ${name}, which needs ${omittedOnes.join(" and ")}, which is omitted: omit it no longer`;
  }

  function missing(word: string, asker: string): string {
    if (omitted.has(driverName(word))) return `${asker} needs driver ${word}, which is omitted: omit it no longer`;
    const close = nearest(driverName(word), [...tree.drivers.keys(), ...tree.builtin]);
    return `${asker} needs driver ${word}, which kernel ${tree.release} does not have${close ? `: did you mean ${close}?` : ""}`;
  }

  for (const request of requests)
    for (const selector of request.selectors) {
      if (selector.startsWith("=")) chooseFolder(selector.slice(1).replace(/\/+$/, ""), request);
      else chooseNamed(selector, request);
    }

  /** Insertion order for one driver, as modprobe's: what it needs, what it wants before it, itself, what it wants after it; each with its own. */
  function chainOf(name: string): string[] {
    const chain = new Set<string>();
    const underWay = new Set<string>();
    const append = (member: string) => {
      const driver = chosen.get(member);
      if (!driver || underWay.has(member)) return;
      underWay.add(member);
      for (const before of [...driver.dependencies, ...softOf(member, "pre")]) append(before);
      chain.add(member);
      for (const after of softOf(member, "post")) append(after);
    };
    append(name);
    return [...chain];
  }

  const files = [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const describe = (name: string, path: string, chain: string[]): SelectedDriver => ({
    name,
    path,
    parameters: settings.options.get(name) ?? "",
    blacklisted: settings.blacklist.has(name),
    chain,
  });
  const builtin = [...tree.builtin].filter((name) => !chosen.has(name)).sort();
  return {
    files,
    indexed: [
      ...files.map(({ name, path }) => describe(name, path, chainOf(name))),
      ...builtin.map((name) => describe(name, "", [])),
    ],
    aliases,
  };
}

/** An administrator's alias stands in place of the drivers' own of the same pattern; "off" stands for none (kmod, libkmod-module.c). */
function joinAliases(own: readonly Alias[], drivers: readonly Alias[]): Alias[] {
  const set = new Map<string, Alias>();
  for (const alias of own) {
    const pattern = normalizeAlias(alias.pattern);
    if (!set.has(pattern)) set.set(pattern, alias);
  }
  const kept = drivers.filter(({ pattern }) => !set.size || !set.has(normalizeAlias(pattern)));
  return [...kept, ...[...set.values()].filter(({ driver }) => driver !== "off")];
}

/** Drivers that answer an alias, in the order of the lists. */
function createLookUp(aliases: readonly Alias[]): (alias: string) => string[] {
  // Almost all patterns begin with their bus, "pci:": only those of the alias's own bus, and those without one, can match.
  const byBus = new Map<string, Alias[]>();
  const busOf = (text: string) => /^[^*?[\\:]*:/.exec(text)?.[0] ?? "";
  for (const { pattern, driver } of aliases) {
    const normalized = { pattern: normalizeAlias(pattern), driver };
    const group = byBus.get(busOf(normalized.pattern));
    if (group) group.push(normalized);
    else byBus.set(busOf(normalized.pattern), [normalized]);
  }
  return (alias) => {
    const wanted = normalizeAlias(alias);
    const candidates = [byBus.get(busOf(wanted)) ?? [], busOf(wanted) ? (byBus.get("") ?? []) : []].flat();
    return [...new Set(candidates.filter(({ pattern }) => matchesGlob(pattern, wanted)).map(({ driver }) => driver))];
  };
}
