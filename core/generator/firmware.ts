import type { HostFiles } from "./host-files.js";
import { expandGlob, hasWildcards } from "./host-glob.js";
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

/** The kernel tries these endings after the name (CONFIG_FW_LOADER_COMPRESS), each in all folders; the files stay compressed in the image. */
const endings = ["", ".zst", ".xz"];

/**
 * Puts a firmware file into the image, with the links that lead to it; its name may have wildcards, as drivers declare it: then all that fit.
 * false: none of the folders has it.
 */
export function installFirmware(
  host: HostFiles,
  tree: Tree,
  folders: readonly FirmwareFolder[],
  name: string,
): boolean {
  const places = endings.flatMap((ending) => folders.map((folder) => ({ folder, pattern: `/${name}${ending}` })));
  const found = places.flatMap(({ folder, pattern }) =>
    expandGlob(host, folder.host, pattern).map((path) => ({ folder, path })),
  );
  const isFile = ({ path }: { path: string }) => host.resolve(path)?.stats.isFile();
  const files = found.filter(isFile);
  for (const { folder, path } of hasWildcards(name) ? files : files.slice(0, 1)) install(host, tree, folder, path);
  return files.length > 0;
}

function install(host: HostFiles, tree: Tree, folder: FirmwareFolder, path: string): void {
  const found = host.resolve(path);
  const top = host.resolve(folder.host);
  if (!found || !top) return;
  const inImage = (place: string) =>
    place.startsWith(`${top.path}/`) ? folder.image + place.slice(top.path.length) : place;
  const above = new Set(top.links.map((link) => link.path));
  for (const { path: link, target } of found.links) {
    if (above.has(link)) continue;
    const absolute = target.startsWith("/") ? host.resolve(target)?.path : undefined;
    tree.add(inImage(link), { type: "symlink", target: absolute === undefined ? target : inImage(absolute) });
  }
  tree.add(inImage(found.path), hostFile(host, found));
}
