import { errnoOf, type Files } from "../../hooks/index.js";
import { instant } from "./door.js";

/** What `action` gives, or undefined where the file, or a directory on the way to it, is not there. */
export function ifThere<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ENODEV", "ENXIO"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

export const files: Files = {
  read: (path) => instant("read", { path }).data,
  write: (path, data, options) => void instant("write", { path, data, ...options }),
  list: (path) => instant("list", { path }).entries,
  stat: (path) => ifThere(() => instant("stat", { path })),
  readLink: (path) => instant("readLink", { path }).target,
  makeDir: (path, mode = 0o755) => void instant("makeDir", { path, mode, parents: true }),
  symlink: (path, target) => void instant("symlink", { path, target, replace: true }),
  remove: (path) => void instant("remove", { path }),
};
