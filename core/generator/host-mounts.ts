import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError, reasonOf } from "./problems.js";

/** Something that the machine mounts, or swaps to. */
export interface HostMount {
  /** Where it is mounted; "swap" for swap. */
  point: string;
  type: string;
  /** As /proc or fstab names it: "/dev/sda1", "UUID=…", "overlay". */
  source: string;
  /** Of fstab: "rw,noatime". */
  options: string;
  /** Of mountinfo: "MAJ:MIN"; "0:…" is a number of no device. */
  number?: string;
  /** Of mountinfo: which directory of the file system is mounted. */
  inside?: string;
}

/** Blanks and the like are octal numbers in mountinfo, swaps and fstab. */
const unescaped = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));

/**
 * Lines "ID PARENT MAJ:MIN ROOT POINT OPTIONS … - TYPE SOURCE …" of mountinfo (proc(5)), in their order: of two at one point, the later one
 * hides the other. None: it is not there. `root`: where /proc is.
 */
export function readMounts(root: string): HostMount[] {
  return linesIfThere(join(root, "proc/self/mountinfo")).map((line) => {
    const [, , number = "", inside = "/", point = "", options = ""] = line.split(" ", 6);
    const [type = "", source = ""] = line.slice(line.indexOf(" - ") + 3).split(" ", 2);
    return { point: unescaped(point), type, source: unescaped(source), options, number, inside: unescaped(inside) };
  });
}

/** Lines "DEVICE POINT TYPE OPTIONS …" of fstab(5) below `root`. */
export function readFstab(root: string): HostMount[] {
  return linesIfThere(join(root, "etc/fstab")).flatMap((line) => {
    const [device = "", point = "", type = "", options = ""] = line.trim().split(/\s+/);
    if (device.startsWith("#") || type === "") return [];
    const source = unescaped(device.replaceAll('"', ""));
    return { point: type === "swap" ? "swap" : unescaped(point), type, source, options };
  });
}

/** Lines "FILENAME TYPE SIZE USED PRIORITY" of /proc/swaps: what swaps to a device that keeps its content. */
export function readSwaps(root: string): HostMount[] {
  return linesIfThere(join(root, "proc/swaps")).flatMap((line) => {
    const [source = "", kind] = line.split(/\s+/);
    if (kind !== "partition" || source.startsWith("/dev/zram")) return [];
    return { point: "swap", type: "swap", source: unescaped(source), options: "" };
  });
}

/** What is mounted at a point, once all that hides it is; undefined: nothing. */
export const mountAt = (mounts: readonly HostMount[], point: string): HostMount | undefined =>
  mounts.findLast((mount) => mount.point === point);

/** Lines of a file; none if it is not there. */
export function linesIfThere(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}
