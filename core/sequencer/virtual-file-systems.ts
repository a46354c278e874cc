import type { Log } from "../../hooks/index.js";
import type { MountFlag } from "../abi/index.js";
import { instant, instantIfThere } from "./door.js";
import { files, readIfThere } from "./files.js";
import type { Loop } from "./loop.js";
import { traceFolder } from "./trace.js";

interface VirtualFileSystem {
  type: string;
  target: string;
  flags: MountFlag[];
  data?: string;
}

/** As systemd mounts them in an initrd (src/shared/mount-setup.c), so that it takes them over as they are. */
const first: VirtualFileSystem[] = [
  { type: "proc", target: "/proc", flags: ["nosuid", "noexec", "nodev"] },
  { type: "sysfs", target: "/sys", flags: ["nosuid", "noexec", "nodev"] },
  { type: "devtmpfs", target: "/dev", flags: ["nosuid"], data: "mode=0755" },
  { type: "tmpfs", target: "/run", flags: ["nosuid", "nodev", "strictatime"], data: "mode=0755" },
];
const second: VirtualFileSystem[] = [
  { type: "devpts", target: "/dev/pts", flags: ["nosuid", "noexec"], data: "gid=5,mode=620,ptmxmode=000" },
  { type: "tmpfs", target: "/dev/shm", flags: ["nosuid", "nodev", "strictatime"], data: "mode=1777" },
];
const efiVariables: VirtualFileSystem = {
  type: "efivarfs",
  target: "/sys/firmware/efi/efivars",
  flags: ["nosuid", "noexec", "nodev"],
};

/** Milliseconds. */
const longestMount = 10_000;

const links = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
] as const;

/** Moved into the new root at the switch, in this order; what lies below them moves along. */
export const movedAtSwitch = ["/run", "/dev", "/proc", "/sys"];

function mountVirtual({ type, target, flags, data = "" }: VirtualFileSystem): void {
  const request = { type, target, flags, data };
  // The image has most mount points; an op that finds one missing is cheaper than one that makes each.
  if (instantIfThere("mountVirtual", request)) return;
  files.makeDir(target);
  instant("mountVirtual", request);
}

/** Mounts what a boot needs to see anything, each once: an engine that PID 1 had to start again finds it there. */
export async function mountVirtualFileSystems(loop: Loop, log: Log): Promise<void> {
  const mounted = new Set((readIfThere("/proc/self/mounts") ?? "").split("\n").map((line) => line.split(" ")[1]));
  const isMissing = ({ target }: VirtualFileSystem) => !mounted.has(target);
  for (const system of first.filter(isMissing)) mountVirtual(system);
  try {
    for (const system of second.filter(isMissing)) {
      // A new /dev never has them.
      files.makeDir(system.target);
      mountVirtual(system);
    }
    const { type, target, flags } = efiVariables;
    // The firmware may take its time to list them.
    if (isMissing(efiVariables) && files.stat(target)) {
      const mount = loop.job("mount", { source: type, target, type, flags, data: "" });
      if (!(await loop.within(longestMount, mount)))
        log.warning(`${target} is not mounted: the firmware does not answer`);
    }
  } catch (error) {
    // A kernel without one of them boots all the same.
    log.warning(String(error));
  }
  const attempt = (action: () => void) => {
    try {
      action();
    } catch (error) {
      // A full /run or /dev: the next init may miss it, this boot does not need it.
      log.warning(String(error));
    }
  };
  if (!mounted.has("/dev")) for (const [path, target] of links) attempt(() => files.symlink(path, target));
  attempt(() => files.makeDir(traceFolder));
}
