import type { Boot } from "firstlight/hooks";

/** What is mounted, in the order of /proc/self/mounts: what, and where. */
export const mounted = ({ files }: Pick<Boot, "files">): [source: string, point: string][] =>
  files
    .read("/proc/self/mounts")
    .split("\n")
    .map((line) => {
      const [source = "", point = ""] = line.split(" ");
      return [source, point];
    });
