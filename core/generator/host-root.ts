import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deviceNumber } from "./root-layers.js";

/** The file system that a machine boots from, in the forms of root=, rootfstype= and rootflags=. */
export interface HostRoot {
  /** "UUID=…", or what is known: "/dev/vda1". */
  device: string;
  type: string;
  /** Without which another directory of it would be the root; undefined: none. */
  flags?: string;
}

/**
 * The root by the lines of mountinfo, its UUID by udev's database below `root`. undefined: what is mounted at / is on no block device that
 * has a name here (a container, tmpfs, NFS).
 */
export function mountedRoot(mountinfo: readonly string[], root: string): HostRoot | undefined {
  const line = mountinfo.findLast((each) => each.split(" ", 5)[4] === "/") ?? "";
  const inside = line.split(" ", 4)[3] ?? "/";
  const [type = "", source = ""] = line.slice(line.indexOf(" - ") + 3).split(" ", 2);
  const uuid = udevUuid(join(root, "run/udev/data", `b${deviceNumber(line)}`));
  if (uuid === undefined && !/^\/dev\/(?!root$)/.test(source)) return undefined;
  const flags = type === "btrfs" && inside !== "/" ? `subvol=${inside.slice(1)}` : undefined;
  return { device: uuid === undefined ? source : `UUID=${uuid}`, type, ...(flags && { flags }) };
}

/** The root, and the types of the file systems at / and /usr, by the lines of fstab(5); undefined: they have no root. */
export function rootOfFstab(lines: readonly string[]): { root: HostRoot; fileSystems: string[] } | undefined {
  const entries = lines.map((line) => line.trim().split(/\s+/)).filter(([device = ""]) => !device.startsWith("#"));
  const entry = entries.find(([, point]) => point === "/");
  if (!entry) return undefined;
  const [device = "", , type = "", options = ""] = entry;
  const flags = options.split(",").filter((option) => /^subvol(id)?=/.test(option));
  const types = entries.flatMap(([, point, each = ""]) => (point === "/" || point === "/usr" ? [each] : []));
  return {
    root: { device: device.replaceAll('"', ""), type, ...(flags.length && { flags: flags.join(",") }) },
    fileSystems: [...new Set(types)].sort(),
  };
}

/** Why a boot may not find this root; undefined: no reason is known. */
export function rootDoubt(root: HostRoot | undefined): string | undefined {
  if (!root)
    return "what is mounted at / lies on no block device that has a name here (in a container?): root= is not known; name it to the boot loader";
  if (!/^\/dev\/[^/]+$/.test(root.device)) return undefined;
  return `root=${root.device} may be another device when the machine boots again, and udev knows no UUID of it here: let the boot loader name the UUID that blkid shows`;
}

/** Lines "E:ID_FS_UUID=…" of a device's file. */
function udevUuid(path: string): string | undefined {
  try {
    return /^E:ID_FS_UUID=(\S+)$/m.exec(readFileSync(path, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
