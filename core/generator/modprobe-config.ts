import { posix } from "node:path";
import type { HostFiles } from "./host-files.js";
import { type Alias, driverName, readSoftDependencies, type SoftDependencies } from "./kernel-tree.js";

/** What an administrator has set for drivers (modprobe.d(5)). */
export interface DriverSettings {
  blacklist: ReadonlySet<string>;
  /** Parameters by driver, "a=1 b=2". */
  options: ReadonlyMap<string, string>;
  aliases: readonly Alias[];
  softDependencies: ReadonlyMap<string, SoftDependencies>;
}

export const noDriverSettings: DriverSettings = {
  blacklist: new Set(),
  options: new Map(),
  aliases: [],
  softDependencies: new Map(),
};

/** Of two files with the same name the first folder's counts; all are read in the order of their names. */
const folders = [
  "/etc/modprobe.d",
  "/run/modprobe.d",
  "/usr/local/lib/modprobe.d",
  "/usr/lib/modprobe.d",
  "/lib/modprobe.d",
];

/**
 * Reads blacklist, options, alias and softdep lines. `install NAME /bin/true` or `/bin/false`, the usual way to forbid a driver, counts
 * as a blacklist entry; other install and remove commands are passed to `ignored`: there is no modprobe in the image that could run them.
 */
export function readDriverSettings(host: HostFiles, ignored: (line: string) => void): DriverSettings {
  const blacklist = new Set<string>();
  const options = new Map<string, string>();
  const aliases: Alias[] = [];
  const softdeps: string[] = [];
  for (const line of configurationLines(host)) {
    const [keyword, first = "", ...rest] = line.split(/\s+/);
    const name = driverName(first);
    if (keyword === "blacklist") blacklist.add(name);
    else if (keyword === "options") options.set(name, [options.get(name) ?? [], ...rest].flat().join(" "));
    else if (keyword === "alias" && rest[0]) aliases.push({ pattern: first, driver: driverName(rest[0]) });
    else if (keyword === "softdep") softdeps.push(line);
    else if (keyword === "install" && /^(\/usr)?\/bin\/(true|false)$/.test(rest.join(" "))) blacklist.add(name);
    else ignored(line);
  }
  return { blacklist, options, aliases, softDependencies: readSoftDependencies(softdeps) };
}

function configurationLines(host: HostFiles): string[] {
  const files = new Map<string, string>();
  for (const folder of folders)
    for (const name of host.list(folder) ?? [])
      if (name.endsWith(".conf") && !files.has(name)) files.set(name, posix.join(folder, name));
  return [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, path]) => (host.readText(path) ?? "").replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
}
