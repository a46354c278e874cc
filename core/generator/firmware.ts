import { posix } from "node:path";
import { matchesGlob } from "../rehearsal/driver-index.js";
import type { HostFiles } from "./host-files.js";
import { hostFile, type Tree } from "./tree.js";

/** A directory of firmware on the host, and where it is in the image. */
export interface FirmwareFolder {
  host: string;
  image: string;
}

/** All of them, in the order in which the kernel looks (fw_path of drivers/base/firmware_loader/main.c). `given`: --fwdir. */
export function firmwareFolders(given: readonly string[], release: string): FirmwareFolder[] {
  const tops = given.length ? given : ["/lib/firmware"];
  const parts = [`/updates/${release}`, "/updates", `/${release}`, ""];
  return tops.flatMap((top) => parts.map((part) => ({ host: top + part, image: `/usr/lib/firmware${part}` })));
}

/** The kernel tries these endings after the name (CONFIG_FW_LOADER_COMPRESS); the files stay compressed in the image. */
const endings = ["", ".zst", ".xz"];

/**
 * Puts a firmware file into the image, with the links that lead to it; its name may end in wildcards, as drivers declare it.
 * false: none of the folders has it.
 */
export function installFirmware(
  host: HostFiles,
  tree: Tree,
  folders: readonly FirmwareFolder[],
  name: string,
): boolean {
  for (const folder of folders) {
    const found = candidates(host, folder.host, name);
    for (const path of found) install(host, tree, folder, path);
    if (found.length) return true;
  }
  return false;
}

function candidates(host: HostFiles, folder: string, name: string): string[] {
  const path = posix.join(folder, name);
  if (!/[*?[]/.test(name))
    return endings
      .map((ending) => path + ending)
      .filter((file) => host.resolve(file))
      .slice(0, 1);
  const parent = posix.dirname(path);
  return (host.list(parent) ?? [])
    .filter((file) => endings.some((ending) => matchesGlob(posix.basename(name) + ending, file)))
    .map((file) => posix.join(parent, file));
}

function install(host: HostFiles, tree: Tree, folder: FirmwareFolder, path: string): void {
  const found = host.resolve(path);
  const top = host.resolve(folder.host)?.path;
  if (!found?.stats.isFile() || top === undefined) return;
  const isInside = (place: string) => place.startsWith(`${top}/`);
  const inImage = (place: string) => (isInside(place) ? folder.image + place.slice(top.length) : place);
  for (const { path: link, target } of found.links)
    if (isInside(link)) tree.add(inImage(link), { type: "symlink", target });
  tree.add(inImage(found.path), hostFile(host, found));
}
