import type { JobOps, SwitchWord } from "../abi/index.js";
import { resolveExecutable } from "./executables.js";
import { Failure } from "./failure.js";
import { dataOf, isFolder, sizeOf } from "./file-tree.js";
import { type JobModels, soon, type World } from "./world.js";

/** Does something as it would be after the switch, and leaves all mounts as they are. */
function afterMoves<Result>(world: World, { root, moves }: SwitchWord, action: () => Result): Result {
  const { files } = world;
  const before = files.mounts.map((mount) => ({ mount, was: { ...mount } }));
  for (const path of moves) {
    const mount = files.mounts.findLast(({ point }) => point === path);
    if (!mount?.parent) continue;
    files.detach(mount);
    const place = files.has(root + path) ? files.locate(root + path, { last: false }) : undefined;
    if (!place?.found || !isFolder(place.found.inode)) continue;
    Object.assign(mount, { parent: place.found.mount, on: place.found.inode });
    files.mount(mount);
  }
  try {
    return action();
  } finally {
    for (const mount of [...files.mounts].reverse()) files.detach(mount);
    for (const { mount, was } of before) files.mount(Object.assign(mount, was));
  }
}

/** What is wrong with a program that cannot be executed, in PID 1's words (core/init/switch.c). */
function executionFailure(error: Failure): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "needs a program to run it (the one after #!, or a loader) that is not there",
    ENOEXEC: "is no program for this machine, nor a script that starts with #!",
    EACCES:
      "may not be executed: it, or the program that runs it, is on a file system mounted noexec, or that program is not executable",
  };
  return reasons[error.errno] ?? error.errno;
}

/** What PID 1 would say of init where it will be. */
function objectionTo(world: World, word: JobOps["trySwitch"][0]): string | null {
  const { root, init } = word;
  if (!world.files.isMountPoint(root)) {
    const errno = world.files.has(root) ? undefined : "ENOENT";
    return `${root} ${errno ?? "is no mount point"}`;
  }
  return afterMoves(world, word, () => {
    try {
      const { type, mode } = world.files.find(init, { root });
      if (type === "dir") return `${init} is a directory`;
      if (type !== "file") return `${init} is no file`;
      if (!(mode & 0o111)) return `${init} is not executable`;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return `${init} ${error.errno === "ENOENT" ? "is not there, or a link to nothing" : error.errno}`;
    }
    try {
      resolveExecutable(world, init, { root });
      return null;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return `${init} ${executionFailure(error)}`;
    }
  });
}

/** What begins a kernel that kexec takes: a PE file (EFI stub), an ELF file, the boot sector of x86 (its signature is at 510). */
const isKernel = (data: string) => /^(MZ|\x7fELF)/.test(data) || data.slice(510, 512) === "\x55\xaa";
/** COMMAND_LINE_SIZE of x86, with the NUL at its end. */
const longestCommandLine = 2047;

/** As kexec_file_load(2) of x86. */
function kexecLoad(world: World, { kernel, initrd, cmdline }: JobOps["kexecLoad"][0]): Record<string, never> {
  for (const path of initrd === undefined ? [kernel] : [kernel, initrd]) {
    const file = world.files.find(path);
    // kernel_read_file of the kernel's fs/kernel_read_file.c.
    if (file.type !== "file" || sizeOf(file) === 0) throw new Failure("EINVAL", path);
  }
  if (!isKernel(dataOf(world.files.find(kernel)))) throw new Failure("ENOEXEC", kernel);
  if (cmdline.length > longestCommandLine) throw new Failure("EINVAL", kernel);
  return {};
}

/** Jobs that prepare the last word. */
export const endJobs: JobModels<"trySwitch" | "kexecLoad"> = {
  trySwitch: (world, word) => soon(() => ({ objection: objectionTo(world, word) })),
  kexecLoad: (world, request) => soon(() => kexecLoad(world, request)),
};
