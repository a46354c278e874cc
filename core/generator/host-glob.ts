import { posix } from "node:path";
import { matchesGlob } from "../rehearsal/driver-index.js";
import type { HostFiles } from "./host-files.js";

export const hasWildcards = (pattern: string) => /[*?[]/.test(pattern);

/** Paths of the host that fit an absolute pattern, sorted, wildcards in any of its parts; hidden files fit no wildcard (glob(7)). */
export function expandGlob(host: HostFiles, pattern: string): string[] {
  let found = ["/"];
  for (const part of pattern.split("/").filter(Boolean)) {
    const names = (folder: string) =>
      hasWildcards(part)
        ? (host.list(folder) ?? []).filter((name) => !name.startsWith(".") && matchesGlob(part, name))
        : [part];
    found = found.flatMap((folder) => names(folder).map((name) => posix.join(folder, name)));
  }
  return found.filter((path) => host.resolve(path));
}
