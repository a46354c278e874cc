import { errnoOf, type Log } from "../../hooks/index.js";
import { files, readIfThere } from "./files.js";

/**
 * Nodes of drivers that are loaded when somebody opens them, /dev/fuse and /dev/loop-control: the kernel makes them with the driver, which would be too
 * late. By modules.devname of the image: "fuse fuse c10:229" (kmod, depmod.c). As kmod static-nodes: for root, until the driver is there.
 */
export function makeStaticNodes(release: string, log: Log): void {
  for (const line of linesOf(`/usr/lib/modules/${release}/modules.devname`, log)) {
    const [, name, type, major, minor] = /^\S+ (\S+) ([bc])(\d+):(\d+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const path = `/dev/${name}`;
    try {
      if (name.includes("/")) files.makeDir(path.slice(0, path.lastIndexOf("/")));
      const kind = type === "b" ? "block" : "char";
      files.makeNode(path, { type: kind, mode: 0o600, major: Number(major), minor: Number(minor) });
    } catch (error) {
      // The driver is there already.
      if (errnoOf(error) !== "EEXIST") log.warning(`${path}: ${error}`);
    }
  }
}

/** Few boots need these nodes: a list that cannot be read is no reason to stop. */
function linesOf(path: string, log: Log): string[] {
  try {
    return (readIfThere(path) ?? "").split("\n");
  } catch (error) {
    log.warning(String(error));
    return [];
  }
}
