import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What a host-only image is made for. */
export interface HostDevices {
  /** Of all devices, sorted, without duplicates. */
  modaliases: string[];
  /** Names of loaded drivers. */
  loaded: string[];
  /** Types of the file systems of / and what of /usr is mounted. */
  fileSystems: string[];
}

export function readHostDevices(): HostDevices {
  const modaliases = new Set<string>();
  collectModaliases("/sys/devices", modaliases);
  return {
    modaliases: [...modaliases].sort(),
    loaded: linesOf("/proc/modules").map((line) => line.split(" ", 1)[0] ?? ""),
    fileSystems: rootFileSystems(linesOf("/proc/self/mountinfo")),
  };
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

/** Walks the tree of devices; links in it lead to devices that are walked anyway. */
function collectModaliases(folder: string, found: Set<string>): void {
  let entries: ReturnType<typeof readEntries>;
  try {
    entries = readEntries(folder);
  } catch {
    // Devices come and go while we look.
    return;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) collectModaliases(join(folder, entry.name), found);
    else if (entry.name === "modalias") for (const alias of linesOf(join(folder, entry.name))) found.add(alias);
  }
}

const readEntries = (folder: string) => readdirSync(folder, { withFileTypes: true });

/** Types of what is mounted at / and below /usr: "ID PARENT MAJ:MIN ROOT POINT OPTIONS … - TYPE SOURCE …" (proc(5)). */
export function rootFileSystems(mountinfo: readonly string[]): string[] {
  const types = mountinfo.flatMap((line) => {
    const point = line.split(" ", 5)[4] ?? "";
    const type = line.slice(line.indexOf(" - ") + 3).split(" ", 1)[0] ?? "";
    return point === "/" || point === "/usr" ? [type] : [];
  });
  return [...new Set(types)].sort();
}
