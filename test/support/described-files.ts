import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";
import { fromBytes } from "../../core/rehearsal/bytes.js";
import type { FilePart, FilesPart } from "../../core/schema/machine.js";

/** Bytes of a larger file that a boot may look at: it tells programs, scripts and archives apart. */
const beginning = 4096;

/** What nobody reads out of a file that is an archive: what is in it, and what is wrong with it. */
export type ArchivePart = Pick<FilePart, "archive" | "damage">;

/** The files below a folder, as a machine file describes them; with what has to be said of those of them that are archives, by their path. */
export function filesIn(folder: string, archives: Readonly<Record<string, ArchivePart>> = {}): FilesPart {
  const files: Record<string, FilePart> = {};
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const place = join(folder, path);
    const status = lstatSync(place);
    const mode = (status.mode & 0o7777).toString(8).padStart(4, "0");
    if (status.isSymbolicLink()) files[path] = { link: readlinkSync(place) };
    else if (status.isDirectory()) files[`${path}/`] = { mode };
    else files[path] = { mode, size: status.size, content: beginningOf(place), ...archives[path] };
  }
  return files;
}

/** The same of what is in a tar archive, in whose listing (tar -tv --numeric-owner) all paths begin with "./". */
export function filesInListing(listing: string): FilesPart {
  const files: Record<string, FilePart> = {};
  for (const [, type, rights = "", size = "", path = "", link] of listing.matchAll(listed)) {
    const mode = modeOf(rights);
    if (type === "l") files[path] = { link: link ?? "" };
    else if (type === "d") files[path] = { mode };
    else if (type === "-") files[path] = { mode, size: Number(size) };
  }
  return files;
}

const listed = /^([-dl])(\S{9})\S* \S+ +(\d+) \S+ \S+ \.\/(.+?)(?: -> (.*))?$/gm;

/** "rwsr-xr-x" in octal. */
function modeOf(rights: string): string {
  const bits = [...rights].map((right) => (/[rwxst]/.test(right) ? "1" : "0")).join("");
  return Number.parseInt(bits, 2).toString(8).padStart(4, "0");
}

function beginningOf(file: string): string {
  const buffer = Buffer.alloc(beginning);
  const descriptor = openSync(file, "r");
  const length = readSync(descriptor, buffer);
  closeSync(descriptor);
  return fromBytes(buffer.toString("latin1", 0, length));
}
