import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { deviceFolder } from "./device-layers.js";
import { linesIfThere } from "./host-mounts.js";
import { udevProperty } from "./layer-identity.js";

/** Where a machine hibernates to, in the forms of resume= and resume_offset=. */
export interface HostResume {
  device: string;
  /** Of a swap file: in pages. */
  offset?: number;
}

/** What the kernel below `root` has been told; undefined: nothing, or it cannot hibernate. */
export function readResume(root: string): HostResume | undefined {
  const [number = "0:0"] = linesIfThere(join(root, "sys/power/resume"));
  const folder = deviceFolder(root, number);
  if (number === "0:0" || folder === undefined) return undefined;
  const uuid = udevProperty(root, number, "ID_FS_UUID");
  const offset = Number(linesIfThere(join(root, "sys/power/resume_offset"))[0] ?? 0);
  return {
    device: uuid === undefined ? nodeOf(root, number, folder) : `UUID=${uuid}`,
    ...(offset > 0 && { offset }),
  };
}

/** A mapping's name stays, its number does not. */
function nodeOf(root: string, number: string, folder: string): string {
  const [name] = readdirSync(folder).includes("dm") ? linesIfThere(join(root, "sys/dev/block", number, "dm/name")) : [];
  return name === undefined ? `/dev/${basename(folder)}` : `/dev/mapper/${name}`;
}
