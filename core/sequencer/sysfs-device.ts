import { files, readIfThere } from "./files.js";

/** A device in /sys/devices: a folder with a link to its subsystem. */
export interface SysfsDevice {
  /** The folder. */
  path: string;
  /** Its last part, "0000:00:04.0". */
  name: string;
  /** "pci", "scsi", "block", ... */
  subsystem: string;
}

/** Where a link of sysfs leads; undefined if there is none. */
export function resolveLink(path: string): string | undefined {
  try {
    return join(path.slice(0, path.lastIndexOf("/")), files.readLink(path));
  } catch {
    return undefined;
  }
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
  try {
    return (device && readIfThere(`${device.path}/${name}`)?.trimEnd()) || undefined;
  } catch {
    // Some can be read only in certain states of their device.
    return undefined;
  }
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
