import type { SwitchWord } from "../abi/index.js";
import { resolveExecutable } from "./executables.js";
import { Failure } from "./failure.js";
import type { Mount } from "./file-space.js";
import { addFiles } from "./file-tree.js";
import type { World } from "./world.js";

/** Where the new root's init looks for what takes its devices apart, and puts the root that it leaves. */
const folder = "/run/initramfs";
export const shutdownPath = `${folder}/shutdown`;
const oldRoot = "/oldroot";

/**
 * What the init of a root does in the end, after a switch to it, as systemd-shutdown(8): nothing of it runs any more, the folder becomes its root, with
 * the kernel's file systems, and what it leaves is at /oldroot. False: it finds no program there, or none that can be executed.
 */
export function leaveRoot(world: World, { root, moves }: SwitchWord): boolean {
  const { files } = world;
  const [top] = files.mounts;
  const old = files.mounts.findLast(({ point }) => point === root);
  if (!top || !old || !isExecutable(world, shutdownPath)) return false;
  const { mount: run, inode } = files.spot(folder);
  for (const point of [oldRoot, ...moves])
    addFiles(run.system, inode, { [`${point.slice(1)}/`]: "" }, world.realtime());
  const above = files.mounts.filter(({ parent }) => parent === top);
  for (const mount of above) files.detach(mount);
  Object.assign(top, { system: run.system, root: inode, source: run.source, flags: run.flags });
  for (const mount of files.mounts.filter(({ point }) => point.startsWith(`${root}/`)))
    mount.point = oldRoot + mount.point.slice(root.length);
  const mountAt = (mount: Mount, point: string) =>
    files.mount(Object.assign(mount, { point, parent: top, on: inode.children?.get(point.slice(1)) }));
  for (const mount of above) if (moves.includes(mount.point)) mountAt(mount, mount.point);
  mountAt(old, oldRoot);
  return true;
}

function isExecutable(world: World, path: string): boolean {
  try {
    resolveExecutable(world, path, {});
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}
