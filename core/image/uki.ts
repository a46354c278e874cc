import { contentSize, PeError, type PeSection, peMagic, readPe } from "../generator/pe.js";
import { BuildError } from "../generator/problems.js";
import type { UkiSection } from "../generator/uki.js";
import { type FileWindow, openWindow } from "./file-window.js";
import { printable, sizeWords } from "./listing.js";

interface Part {
  start: number;
  end: number;
}

/** What a unified kernel image tells of itself. Texts are byte strings. */
export interface ReadUki {
  /** Positions in the file. */
  initrd: Part;
  /** undefined: there is no kernel in it. */
  kernel: Part | undefined;
  /** What os-release(5) calls it. */
  system: string | undefined;
  release: string | undefined;
  commandLine: string | undefined;
}

/** undefined: the file is no program for UEFI. Throws BuildError where it is one, but damaged, or without an initramfs image. */
export function readUki(path: string): ReadUki | undefined {
  const file = openWindow(path);
  try {
    if (file.upTo(0, peMagic.length).toString("latin1") !== peMagic) return undefined;
    return describe(file, readPe(path).sections);
  } catch (error) {
    if (!(error instanceof PeError)) throw error;
    throw new BuildError(`${path} ${error.message}: build the image again, or copy it again from where it came`);
  } finally {
    file.close();
  }
}

/** Bytes: texts are read up to there. */
const longestText = 1 << 16;

function describe(file: FileWindow, sections: readonly PeSection[]): ReadUki {
  const find = (section: UkiSection) => sections.find(({ name }) => name === section);
  const text = (section: UkiSection) => {
    const found = find(section);
    if (!found) return undefined;
    const bytes = file.upTo(found.start, Math.min(contentSize(found), longestText)).toString("latin1");
    // dracut and others end it with NUL.
    return bytes.split("\0")[0]?.trim();
  };
  const partOf = (section: UkiSection): Part | undefined => {
    const found = find(section);
    return found && { start: found.start, end: found.start + contentSize(found) };
  };
  const initrd = partOf(".initrd");
  if (!initrd)
    throw new BuildError(
      `${file.path} is a program for UEFI without an initramfs image in it: name an initramfs image, or a unified kernel image`,
    );
  const system = text(".osrel");
  return {
    initrd,
    kernel: partOf(".linux"),
    system: system && (/^PRETTY_NAME=(["']?)(.*)\1$/m.exec(system)?.[2] ?? /^ID=(["']?)(.*)\1$/m.exec(system)?.[2]),
    release: text(".uname"),
    commandLine: text(".cmdline"),
  };
}

/** Lines that tell of it, for lsinitrd; none: the file is no unified kernel image. */
export function ukiLines(path: string): string[] {
  const uki = readUki(path);
  if (!uki) return [];
  const facts: [string, string | undefined][] = [
    ["OS release", uki.system],
    ["Kernel version", uki.release],
    ["Command line", uki.commandLine],
  ];
  return [
    `Unified kernel image: its initramfs image takes ${sizeWords(uki.initrd.end - uki.initrd.start)}`,
    ...facts.flatMap(([name, bytes]) => (bytes === undefined ? [] : [`${name}: ${printable(bytes)}`])),
  ];
}
