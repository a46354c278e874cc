import { errnoOf, type MountFlag, type System } from "firstlight/hooks";
import { limited } from "./limit.js";

interface FileSystem {
  source: string;
  target: string;
  type: string;
  flags: readonly MountFlag[];
  data?: string;
}

const kernelOwn: readonly MountFlag[] = ["nosuid", "noexec", "nodev"];

/** In this order; on a mount point that is made. The root is there, and gets another flag. */
const fileSystems: readonly FileSystem[] = [
  { source: "none", target: "/", type: "", flags: ["remount", "nosuid"] },
  { source: "none", target: "/proc", type: "proc", flags: kernelOwn },
  { source: "none", target: "/dev", type: "devtmpfs", flags: ["nosuid", "noexec", "strictatime"] },
  { source: "none", target: "/sys", type: "sysfs", flags: kernelOwn },
  { source: "none", target: "/sys/fs/cgroup", type: "cgroup2", flags: kernelOwn },
  { source: "devpts", target: "/dev/pts", type: "devpts", flags: ["nosuid", "noexec"], data: "gid=5,mode=0620" },
];

const links = [
  ["/etc/mtab", "/proc/mounts"],
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
] as const;

/** Where everybody may write. */
const shared = ["/dev/shm", "/tmp"];

/** A stage's standard error is one open file for all of its processes, of which the kernel else takes no more than ten records in five seconds (printk.c). */
const ringLimit = { path: "/proc/sys/kernel/printk_devkmsg", none: "on\n" } as const;

/** What begins the life of the system. Each step that fails is a warning, once there is a log: a kernel without one of these runs the stages all the same. */
export async function prepare(system: System): Promise<void> {
  const { files, log } = system;
  const warnings: string[] = [];
  const attempt = async (step: () => unknown) => {
    try {
      await step();
    } catch (error) {
      warnings.push(String(error));
    }
  };
  for (const fileSystem of fileSystems) await attempt(() => mount(system, fileSystem));
  for (const [path, target] of links) await attempt(() => link(system, path, target));
  for (const path of shared) await attempt(() => share(system, path));
  await attempt(() => files.write(ringLimit.path, ringLimit.none));
  // Nothing needs its name any more: every engine is a child of PID 1's own.
  await attempt(() => remove(system, "/init"));
  for (const warning of warnings) log.warning(`/init: ${warning}`);
}

/** Once: an engine that failed has got so far. */
async function mount(system: System, { data = "", ...request }: FileSystem): Promise<void> {
  const { files, job } = system;
  const { target, flags } = request;
  if (!flags.includes("remount")) {
    if (isMountPoint(files, target)) return;
    files.makeDir(target);
  }
  await limited(system, `mount on ${target}`, job("mount", { ...request, flags: [...flags], data }));
}

function isMountPoint(files: System["files"], path: string): boolean {
  const mounts = files.stat("/proc/self/mounts") ? files.read("/proc/self/mounts") : "";
  return mounts.split("\n").some((line) => line.split(" ")[1] === path);
}

function link({ files }: System, path: string, target: string): void {
  files.makeDir(path.slice(0, path.lastIndexOf("/")));
  files.symlink(path, target);
}

function share({ files }: System, path: string): void {
  files.makeDir(path);
  files.chmod(path, 0o1777);
}

function remove({ files }: System, path: string): void {
  try {
    files.remove(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
