import { Failure } from "./failure.js";
import type { Inode } from "./file-tree.js";
import type { World } from "./world.js";

/** Character devices by their numbers (Documentation/admin-guide/devices.txt of Linux). */
const isNull = (node: string) => node === "1:3";
const isEndless = (node: string) => /^1:[589]$/.test(node);
const isRing = (node: string) => node === "1:11";
/** tty0 and its kin, ttyS0 and its kin, /dev/tty, /dev/console. */
const isTerminal = (node: string) => /^(4:\d+|5:[01])$/.test(node);

/** What the op `read` finds in a device node. Throws Failure. */
export function deviceRead(world: World, { type, node = "" }: Inode): string {
  if (type === "block") {
    if (!world.devices.byNumber(node)) throw new Failure("ENXIO");
    throw new Failure("EFBIG");
  }
  if (isNull(node)) return "";
  if (isEndless(node)) throw new Failure("EFBIG");
  // Without a key pressed, or a record to come.
  if (isTerminal(node) || isRing(node)) throw new Failure("EIO");
  throw new Failure("ENXIO");
}

/** What the op `write` does to a device node. Throws Failure. */
export function deviceWrite(world: World, { type, node = "" }: Inode, data: string): void {
  if (type === "char" && (isNull(node) || isEndless(node))) return;
  if (type === "char" && (isRing(node) || isTerminal(node))) {
    if (isRing(node) || node === "5:1") world.show(data);
    return;
  }
  throw new Failure(type === "block" && world.devices.byNumber(node) ? "ENOSPC" : "ENXIO");
}
