import { ElfError, elfMagic } from "../generator/elf.js";
import { BuildError } from "../generator/problems.js";
import { findOwnFiles } from "../generator/static-init.js";
import { openWindow } from "./file-window.js";
import { sizeWords } from "./listing.js";

/** Where the image is in a program that holds it (core/abi/static-init.ts); undefined: the file is none. Throws BuildError: it is a damaged one. */
export function readStaticInit(path: string): { start: number; end: number } | undefined {
  const file = openWindow(path);
  const isElf = file.upTo(0, elfMagic.length).toString("latin1") === elfMagic;
  file.close();
  if (!isElf) return undefined;
  try {
    const part = findOwnFiles(path);
    if (part) return part;
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    throw new BuildError(`${path} ${error.message}; build it again, or copy it again from where it came`);
  }
  throw new BuildError(
    `${path} is a program without an initramfs image in it: name an initramfs image, or what mkinitrd --static-init has written`,
  );
}

/** A line that tells of it, for lsinitrd; none: the file is no such program. */
export function staticInitLines(path: string): string[] {
  const part = readStaticInit(path);
  return part ? [`Static init: a program; its own files take ${sizeWords(part.end - part.start)}`] : [];
}
