import { instantIfThere } from "./door.js";
import { readIfThere } from "./files.js";

/** A device in /sys/devices: a folder with a link to its subsystem. */
export interface SysfsDevice {
  /** The folder. */
  path: string;
  /** Its last part, "0000:00:04.0". */
  name: string;
  /** "pci", "scsi", "block", ... */
  subsystem: string;
}

/** Is told of what is there and cannot be read, while `telling` works. */
let listener = (_error: unknown): void => {};

/** Does some work. What of sysfs it cannot read is as good as missing, and `told`. */
export function telling<Result>(told: (error: unknown) => void, work: () => Result): Result {
  listener = told;
  try {
    return work();
  } finally {
    listener = () => {};
  }
}

/** undefined: there is nothing, or it cannot be read; some can be only in certain states of their device. */
export function ifReadable<Result>(read: () => Result | undefined): Result | undefined {
  try {
    return read();
  } catch (error) {
    listener(error);
    return undefined;
  }
}

/** Where a link of sysfs leads; undefined if there is none. */
export function resolveLink(path: string): string | undefined {
  const link = ifReadable(() => instantIfThere("readLink", { path }));
  return link && join(path.slice(0, path.lastIndexOf("/")), link.target);
}

/** "/sys/class/block" and "../../devices/x" -> "/sys/devices/x" */
function join(folder: string, target: string): string {
  const parts = folder.split("/");
  for (const part of target.split("/"))
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  return parts.join("/");
}

/** The device itself and those that it hangs on, up to the root of all. */
export function lineage(path: string): SysfsDevice[] {
  const line: SysfsDevice[] = [];
  for (let at = path; at.startsWith("/sys/devices/"); at = at.slice(0, at.lastIndexOf("/"))) {
    const subsystem = resolveLink(`${at}/subsystem`);
    if (subsystem) line.push({ path: at, name: baseName(at), subsystem: baseName(subsystem) });
  }
  return line;
}

/** An attribute of a device, without the blanks at its end; undefined if it has none, or an empty one. */
export function attribute(device: { path: string } | undefined, name: string): string | undefined {
  return ifReadable(() => device && readIfThere(`${device.path}/${name}`)?.trimEnd()) || undefined;
}

/** The attribute of the first device that has it: as ATTRS in udev's rules. */
export function inherited(line: readonly SysfsDevice[], name: string): string | undefined {
  for (const device of line) {
    const value = attribute(device, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);
