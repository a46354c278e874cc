import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type HostRoot, mountedRoot, rootOfFstab } from "./host-root.js";
import { BuildError, reasonOf } from "./problems.js";
import { type RootLayer, rootLayers } from "./root-layers.js";

/** What a host-only image is made for. */
export interface HostDevices {
  /** Of all devices, sorted, without duplicates. */
  modaliases: string[];
  /** Names of loaded drivers. */
  loaded: string[];
  /** Types of the file systems mounted at / and /usr. */
  fileSystems: string[];
  /** What these lie on besides disks and partitions. */
  rootLayers: RootLayer[];
  /** undefined: it is on no block device. */
  root: HostRoot | undefined;
}

const remedy = "or build for any machine with -N";

/**
 * `root`: where /proc, /sys and /etc are; `useFstab`: the root is fstab's, not what is mounted. Throws BuildError if they tell nothing: the
 * image would lack what the machine needs.
 */
export function readHostDevices(root = "/", { useFstab = false } = {}): HostDevices {
  const modaliases = new Set<string>();
  collectModaliases(join(root, "sys/devices"), modaliases);
  if (!modaliases.size)
    throw new BuildError(`no device in ${join(root, "sys/devices")} has a modalias: mount /sys, ${remedy}`);
  const mounts = linesOfProc(join(root, "proc/self/mountinfo"));
  const modules = join(root, "proc/modules");
  const fstab = useFstab ? readFstab(join(root, "etc/fstab")) : undefined;
  return {
    modaliases: [...modaliases].sort(),
    // Where /proc is mounted, only a kernel that cannot load drivers lacks this file (CONFIG_MODULES).
    loaded: existsSync(modules) ? linesOfProc(modules).map((line) => line.split(" ", 1)[0] ?? "") : [],
    fileSystems: fstab?.fileSystems ?? rootFileSystems(mounts),
    rootLayers: rootLayers(mounts, join(root, "sys")),
    root: fstab ? fstab.root : mountedRoot(mounts, root),
  };
}

function readFstab(path: string): NonNullable<ReturnType<typeof rootOfFstab>> {
  const found = existsSync(path) ? rootOfFstab(linesOf(path)) : undefined;
  if (found) return found;
  throw new BuildError(`${path} has no line for /: add it, or leave --fstab (use_fstab) out`);
}

function linesOfProc(path: string): string[] {
  try {
    return linesOf(path);
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}: mount /proc, ${remedy}`);
  }
}

const linesOf = (path: string) => readFileSync(path, "utf8").split("\n").filter(Boolean);

/** Walks the tree of devices; links in it lead to devices that are walked anyway. */
function collectModaliases(folder: string, found: Set<string>): void {
  for (const entry of unlessGone(() => readdirSync(folder, { withFileTypes: true }))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) collectModaliases(path, found);
    else if (entry.name === "modalias") for (const alias of unlessGone(() => linesOf(path))) found.add(alias);
  }
}

/** Devices come and go while we look. */
function unlessGone<Item>(read: () => Item[]): Item[] {
  try {
    return read();
  } catch {
    return [];
  }
}

/** Types of what is mounted at / and /usr: "ID PARENT MAJ:MIN ROOT POINT OPTIONS … - TYPE SOURCE …" (proc(5)). */
export function rootFileSystems(mountinfo: readonly string[]): string[] {
  const types = mountinfo.flatMap((line) => {
    const point = line.split(" ", 5)[4] ?? "";
    const type = line.slice(line.indexOf(" - ") + 3).split(" ", 1)[0] ?? "";
    return point === "/" || point === "/usr" ? [type] : [];
  });
  return [...new Set(types)].sort();
}
