import { type Boot, BootError, errnoOf } from "firstlight/hooks";
import { type FstabEntry, hasOption, parseFstab, unescaped } from "../98fsck/fstab.js";

/** Something to mount. */
export interface Wanted extends FstabEntry {
  /** Where: "/sysroot/usr". */
  target: string;
  /** It is the new root's, and so are the paths in it. */
  isOfRoot: boolean;
  /** For messages: "/usr (line 3 of the root's /etc/fstab)". */
  name: string;
}

/** What of the new root's fstab has to be there before its init is: /usr, what rd.mountpoints= names, and what has the option x-initrd.mount. Rejects with BootError. */
export async function ofRoot(boot: Boot): Promise<Wanted[]> {
  const { parameters, root, job, log } = boot;
  if (!parameters.flag("rd.fstab", true)) return [];
  const named = parameters.all("rd.mountpoints").flatMap((list) => list.split(/[\s,]+/).filter(Boolean));
  const points = named.map((point) => unescaped(point).replace(/(?<=.)\/+$/, ""));
  const text = await job("readFile", { root: root.mountPoint, path: "/etc/fstab" }).catch((error) => {
    if (errnoOf(error) === undefined) throw error;
    if (errnoOf(error) !== "ENOENT") log.warning(`the root's /etc/fstab cannot be read: ${error}`);
    return { data: "" };
  });
  const entries = entriesOf(boot, text.data, "the root's /etc/fstab");
  const missing = points.filter((point) => !entries.some((entry) => entry.point === point));
  if (missing.length)
    throw new BootError(
      `rd.mountpoints=${named.join(",")}: the root's /etc/fstab has no line for ${missing.join(", ")}`,
      `Correct rd.mountpoints= on the kernel command line, or add the line to the root's /etc/fstab. It has lines for ${entries.map(({ point }) => point).join(", ") || "nothing"}.`,
    );
  const isWanted = (entry: FstabEntry) =>
    entry.point === "/usr" || points.includes(entry.point) || hasOption(entry, "x-initrd.mount");
  return inOrder(entries.filter((entry) => entry.point !== "/" && isWanted(entry))).map((entry) => ({
    ...entry,
    target: root.mountPoint + entry.point,
    isOfRoot: true,
    name: `${entry.point} (line ${entry.line} of the root's /etc/fstab)`,
  }));
}

/** What the image's own fstab has mounted (mkinitrd --mount, --add-fstab): in the initramfs, or `inRoot`, below the place of the new root. */
export function ofImage(boot: Boot, { inRoot }: { inRoot: boolean }): Wanted[] {
  const { parameters, root, files } = boot;
  if (!parameters.flag("rd.fstab", true) || !files.stat("/etc/fstab")) return [];
  const isBelowRoot = ({ point }: FstabEntry) => point.startsWith(`${root.mountPoint}/`);
  const entries = entriesOf(boot, files.read("/etc/fstab"), inRoot ? undefined : "the image's /etc/fstab");
  const mine = entries.filter((entry) => isBelowRoot(entry) === inRoot && !isLeftOut(entry, root.mountPoint));
  return inOrder(mine).map((entry) => ({
    ...entry,
    target: entry.point,
    isOfRoot: false,
    name: `${entry.point} (line ${entry.line} of the image's /etc/fstab)`,
  }));
}

/** The roots are nobody's to mount but root='s. */
const isLeftOut = (entry: FstabEntry, mountPoint: string) =>
  entry.point === "/" || entry.point === mountPoint || hasOption(entry, "noauto");

/** `file`: what it is called in warnings of its mistakes; undefined: they have been told. */
function entriesOf({ log }: Boot, text: string, file: string | undefined): FstabEntry[] {
  const { entries, mistakes } = parseFstab(text);
  if (file !== undefined) for (const mistake of mistakes) log.warning(`${file}, ${mistake}; the line is left out`);
  return entries;
}

/** What lies in another one, or is bound from there, comes after it; else as in the file. */
function inOrder(entries: readonly FstabEntry[]): FstabEntry[] {
  const rest = [...entries];
  const sorted: FstabEntry[] = [];
  while (rest.length) {
    const next = rest.findIndex((entry) => !rest.some((other) => other !== entry && needs(entry, other)));
    // Where each waits for another one, their order in the file decides.
    sorted.push(...rest.splice(Math.max(0, next), 1));
  }
  return sorted;
}

function needs(entry: FstabEntry, { point }: FstabEntry): boolean {
  return entry.point.startsWith(`${point}/`) || pathsOf(entry).some((path) => `${path}/`.startsWith(`${point}/`));
}

/** What it is made of besides a device: the folder that is bound, or those of an overlay. */
function pathsOf(entry: FstabEntry): string[] {
  if (isBind(entry)) return [entry.source];
  if (entry.type !== "overlay") return [];
  return [...entry.options.matchAll(/\b(?:lower|upper|work)dir=([^,]*)/g)].flatMap(([, folders = ""]) =>
    folders.split(":"),
  );
}

/** Does it show a folder at a second place? */
export const isBind = (entry: FstabEntry): boolean => hasOption(entry, "bind") || hasOption(entry, "rbind");
