import type { Files } from "../../hooks/index.js";
import type { DirectoryEntry } from "../abi/index.js";
import { instant, instantIfThere } from "./door.js";

/** A file's text; undefined if it is not there. */
export function readIfThere(path: string): string | undefined {
  return instantIfThere("read", { path })?.data;
}

/** What a directory holds; nothing if it is not there. */
export function listIfThere(path: string): DirectoryEntry[] {
  return instantIfThere("list", { path })?.entries ?? [];
}

export const files: Files = {
  read: (path) => instant("read", { path }).data,
  write: (path, data, options) => void instant("write", { path, data, ...options }),
  list: (path) => instant("list", { path }).entries,
  stat: (path) => instantIfThere("stat", { path }),
  readLink: (path) => instant("readLink", { path }).target,
  makeDir: (path, mode = 0o755) => void instant("makeDir", { path, mode, parents: true }),
  chmod: (path, mode) => void instant("chmod", { path, mode }),
  symlink: (path, target) => void instant("symlink", { path, target, replace: true }),
  makeNode: (path, node) => void instant("makeNode", { path, ...node }),
  remove: (path) => void instant("remove", { path }),
};
