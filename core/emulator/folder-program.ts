import { posix, resolve } from "node:path";
import { createHostFiles } from "../generator/host-files.js";
import type { SharedFolder } from "./virtiofsd.js";

/** Where a program without a slash in its name is looked for. */
export const searchPath = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Where a guest has its other folders. */
export const mountFolder = "/run/mnt";

/**
 * The absolute path, in the guest, of the program that is to be run there: `name` is one, or relative to the root, or is looked for in the
 * folders of PATH. undefined: there is none.
 */
export function findInit(root: string, mounts: readonly SharedFolder[], name: string): string | undefined {
  const paths = name.includes("/") ? [posix.join("/", name)] : searchPath.map((folder) => posix.join(folder, name));
  return paths.find((path) => isProgram(root, mounts, path));
}

/** The root's owner may execute it. What lies in another folder is looked up there. */
function isProgram(root: string, mounts: readonly SharedFolder[], path: string): boolean {
  const mount = mounts.find(({ tag }) => path.startsWith(`${mountFolder}/${tag}/`));
  const host = createHostFiles(resolve(mount?.folder ?? root));
  const stats = host.resolve(mount ? path.slice(`${mountFolder}/${mount.tag}`.length) : path)?.stats;
  return stats?.isFile() === true && (stats.mode & 0o111) !== 0;
}
