import { posix } from "node:path";
import type { HostFiles } from "./host-files.js";
import {
  type Alias,
  driverName,
  readSoftDependencies,
  readWeakDependencies,
  type SoftDependencies,
} from "./kernel-tree.js";

/** What an administrator has set for drivers (modprobe.d(5)). */
export interface DriverSettings {
  blacklist: ReadonlySet<string>;
  /** Parameters by driver, "a=1 b=2". */
  options: ReadonlyMap<string, string>;
  /** Of two for one pattern the first counts, as for modprobe. */
  aliases: readonly Alias[];
  softDependencies: ReadonlyMap<string, SoftDependencies>;
  /** Drivers that one is better with: in the image with it, but not loaded for it. */
  weakDependencies: ReadonlyMap<string, readonly string[]>;
  /** Commands that modprobe would run instead of inserting the driver, by driver: there is none in the image that could. */
  commands: ReadonlyMap<string, string>;
}

/** What the administrator has set on this machine. Of two files with the same name the first folder's counts; all are read in the order of their names. */
const ownFolders = ["/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d"];
/** What the distribution's packages have set for every machine. */
const packagedFolders = ["/usr/lib/modprobe.d", "/lib/modprobe.d"];

/**
 * Reads blacklist, options, alias, softdep and weakdep lines: those of the distribution, and in host-only images the machine's own (dracut does
 * the same). `install NAME /bin/true` or `/bin/false`, the usual way to forbid a driver, counts as a blacklist entry. What else there is goes to
 * `ignored`: nothing in the image would remove a driver.
 */
export function readDriverSettings(
  host: HostFiles,
  { hostOnly }: { hostOnly: boolean },
  ignored: (line: string) => void,
): DriverSettings {
  const blacklist = new Set<string>();
  const options = new Map<string, string>();
  const aliases: Alias[] = [];
  const softdeps: string[] = [];
  const weakdeps: string[] = [];
  const commands = new Map<string, string>();
  for (const line of configurationLines(host, hostOnly ? [...ownFolders, ...packagedFolders] : packagedFolders)) {
    const [keyword, first = "", ...rest] = line.split(/\s+/);
    const name = driverName(first);
    if (keyword === "blacklist") blacklist.add(name);
    else if (keyword === "options") options.set(name, [options.get(name) ?? [], ...rest].flat().join(" "));
    else if (keyword === "alias" && rest[0]) aliases.push({ pattern: first, driver: driverName(rest[0]) });
    else if (keyword === "softdep") softdeps.push(line);
    else if (keyword === "weakdep") weakdeps.push(line);
    else if (keyword === "install" && /^(\/usr)?\/bin\/(true|false)$/.test(rest.join(" "))) blacklist.add(name);
    else if (keyword === "install") commands.set(name, rest.join(" "));
    else ignored(line);
  }
  return {
    ...{ blacklist, options, aliases, commands },
    softDependencies: readSoftDependencies(softdeps),
    weakDependencies: readWeakDependencies(weakdeps),
  };
}

function configurationLines(host: HostFiles, folders: readonly string[]): string[] {
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
