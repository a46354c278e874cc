import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundlePath } from "../abi/index.js";
import { usualUkiPath } from "../generator/esp.js";
import { createHostFiles } from "../generator/host-files.js";
import { BuildError } from "../generator/problems.js";
import { pathOf } from "../image/contents.js";
import { readImage } from "../image/read-image.js";

/** An image, and whether the recorded boot was its. */
export interface FoundImage {
  path: string;
  /** undefined: nothing tells, because there is no recording, or the image cannot be read. */
  booted: boolean | undefined;
}

/** Where boot loaders and systems keep images; the EFI system partition is mounted at one of them. */
const places = ["/boot", "/efi", "/boot/efi"];
const ukiFolders = places.map((place) => `${place}/EFI/Linux`);
/** Names of an image of a kernel: ours, Debian's, and others'. */
const namesOf = (release: string) => [
  `initramfs-${release}.img`,
  `initrd.img-${release}`,
  `initrd-${release}`,
  `initrd-${release}.img`,
  `initramfs-${release}`,
];

/**
 * The image that was booted: of those that the kernel command line, usual names and the folders of boot loaders lead to the one that has the recorded
 * boot code, else the first that is there. `bundle`: its id in the recording; `root`: where the system's files are. undefined: there is none at all.
 */
export async function findBootedImage(
  bundle: string | undefined,
  release: string,
  root = "/",
): Promise<FoundImage | undefined> {
  let first: FoundImage | undefined;
  for (const path of candidates(release, root)) {
    const found = await judge(path, bundle);
    if (found.booted || bundle === undefined) return found;
    if (!first || (first.booted === undefined && found.booted === false)) first = found;
  }
  return first;
}

/** Has this image the recorded boot code? */
export async function judge(path: string, bundle: string | undefined): Promise<FoundImage> {
  if (bundle === undefined) return { path, booted: undefined };
  try {
    return { path, booted: (await bundleOf(path)).includes(bundle) };
  } catch (error) {
    if (error instanceof BuildError) return { path, booted: undefined };
    throw error;
  }
}

/** The boot code in an image, which has its own id in it; empty: there is none. Throws BuildError. */
async function bundleOf(path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let inside = false;
  for await (const event of readImage(path)) {
    if (event.kind === "member") inside = `/${pathOf(event.member)}` === bundlePath;
    if (event.kind === "data" && inside) parts.push(Buffer.from(event.chunk));
  }
  return Buffer.concat(parts);
}

/** Paths of files that are there, the most likely ones first. */
function candidates(release: string, root: string): string[] {
  const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  const paths = [...named(root), ...ofKernel(release, root), ...inFolders(root)];
  return [...new Set(paths.map((path) => join(root, path)))].filter(isFile);
}

/** What boot loaders tell: initrd= of systemd-boot, the EFI stub and others; a name beside the kernel of GRUB's BOOT_IMAGE=. */
function named(root: string): string[] {
  const words = readText(join(root, "proc/cmdline")).split(/\s+/);
  const values = (name: string) =>
    words.filter((word) => word.startsWith(`${name}=`)).map((word) => word.slice(name.length + 1));
  // UEFI's paths, and those with GRUB's name of the disk in front, are of some partition.
  const places = (path: string) => onPartitions(path.replaceAll("\\", "/").replace(/^\([^)]*\)/, ""));
  const besideKernel = values("BOOT_IMAGE").flatMap((kernel) => {
    const release = /vmlinu[xz]-(.+)$/.exec(kernel)?.[1];
    return release === undefined ? [] : namesOf(release).flatMap((name) => places(join(dirname(kernel), name)));
  });
  return [...values("initrd").flatMap(places), ...besideKernel];
}

const onPartitions = (path: string) => [path, ...places.map((place) => join(place, path))];

/** Of the running kernel. */
function ofKernel(release: string, root: string): string[] {
  const images = namesOf(release).map((name) => `/boot/${name}`);
  try {
    return [...images, usualUkiPath(release, createHostFiles(root)).slice(root.length - 1)];
  } catch (error) {
    if (error instanceof BuildError) return images;
    throw error;
  }
}

/** Whatever else is called like an image. */
function inFolders(root: string): string[] {
  const images = namesIn(join(root, "boot")).filter((name) => /^init(rd|ramfs)/.test(name));
  const ukis = ukiFolders.flatMap((folder) =>
    namesIn(join(root, folder)).flatMap((name) => (name.endsWith(".efi") ? [join(folder, name)] : [])),
  );
  return [...images.map((name) => `/boot/${name}`), ...ukis];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
