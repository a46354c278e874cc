import type { JobOps } from "../abi/index.js";
import { Failure } from "./failure.js";
import { removeTree, write } from "./file-ops.js";
import type { LookUp, Spot } from "./file-space.js";
import { dataOf, isFolder, sizeOf } from "./file-tree.js";
import { type JobModels, soon, type World } from "./world.js";

const wholeFileLimit = 1 << 20;

/** A file for a job, be it on a disk. Throws Failure. */
function openFor(world: World, path: string, options: LookUp): Spot {
  const spot = world.files.spot(path, options.root === undefined ? { ...options, from: "/" } : options);
  if (spot.mount.system.dead) throw new Failure("EIO");
  return spot;
}

const inRoot = (root: string | undefined) => (root === undefined ? {} : { root });

function readFile(world: World, { path, root, offset = 0, length }: JobOps["readFile"][0]): unknown {
  const { inode } = openFor(world, path, inRoot(root));
  if (isFolder(inode)) throw new Failure("EISDIR");
  const data = inode.read ? inode.read() : dataOf(inode);
  const size = inode.read ? 0 : sizeOf(inode);
  if (length === undefined && Math.max(size, data.length) - offset > wholeFileLimit) throw new Failure("EFBIG");
  return { data: data.slice(offset, length === undefined ? undefined : offset + length), size };
}

function statFile(world: World, { path, root, follow }: JobOps["statFile"][0]): unknown {
  const spot = openFor(world, path, { ...inRoot(root), last: follow !== false });
  const { type, mode } = spot.inode;
  const mayRun = type === "dir" || ((mode & 0o111) !== 0 && !spot.mount.flags.has("noexec"));
  return { ...world.files.status(spot), executable: type !== "symlink" && mayRun };
}

/** Does whoever serves this file answer? Where there is none, the kernel says so. */
function answers(world: World, { path, root }: JobOps["readFile"][0], doesAnswer: (spot: Spot) => boolean): boolean {
  try {
    return doesAnswer(openFor(world, path, inRoot(root)));
  } catch (error) {
    if (error instanceof Failure) return true;
    throw error;
  }
}

/** Jobs on any file system. */
export const treeJobs: JobModels<"sync" | "removeTree" | "readFile" | "writeFile" | "statFile"> = {
  sync: () => soon(() => ({})),
  removeTree: (world, { path }) => soon(() => ({ removed: removeTree(world, path) })),
  readFile: (world, request) => ({
    // Nobody writes to a pipe.
    lasts: answers(world, request, ({ inode }) => inode.type !== "fifo") ? 1 : Number.POSITIVE_INFINITY,
    result: () => readFile(world, request),
  }),
  writeFile: (world, request) =>
    soon(() => {
      write(world, request);
      return {};
    }),
  statFile: (world, request) => ({
    lasts: answers(world, request, ({ mount }) => !mount.system.silent) ? 1 : Number.POSITIVE_INFINITY,
    result: () => statFile(world, request),
  }),
};
