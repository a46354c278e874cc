import { posix } from "node:path";
import { matchesGlob } from "../rehearsal/driver-index.js";
import type { HostFiles } from "./host-files.js";

export const hasWildcards = (pattern: string) => /[*?[]/.test(pattern);

/** Paths of the host below a folder that fit a pattern, sorted, wildcards in any of its parts; hidden files fit no wildcard (glob(7)). */
export function expandGlob(host: HostFiles, folder: string, pattern: string): string[] {
  let found = [folder];
  for (const part of pattern.split("/").filter(Boolean)) {
    const names = (at: string) =>
      hasWildcards(part)
        ? (host.list(at) ?? []).filter((name) => !name.startsWith(".") && matchesGlob(part, name))
        : [part];
    found = found.flatMap((at) => names(at).map((name) => posix.join(at, name)));
  }
  return found.filter((path) => host.resolve(path));
}
