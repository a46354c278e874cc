import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { chmod, type FileHandle, utimes } from "node:fs/promises";
import { endOfChild } from "./child-end.js";
import { checkLayout, contentSize, PeError, readPe } from "./pe.js";
import { BuildError } from "./problems.js";
import { nameOf, unnamedFile } from "./temporary.js";
import { type UkiParts, type UkiSection, type UkiTool, ukiSections } from "./uki.js";

/** A unified kernel image, but for its initramfs image. */
export interface Uki extends UkiParts {
  /** "": none. */
  commandLine: string;
  temporaryFolder: string;
}

/** A section, and the file that it is made of. */
interface Content {
  section: UkiSection;
  path: string;
  /** Bytes. */
  size: number;
}

/**
 * Has a unified kernel image made in the file `target`, mode 0600, and checks it. Throws BuildError: what is in the file then is of no
 * use. An aborted signal ends the work with any error.
 */
export async function makeUki(uki: Uki, initrd: FileHandle, target: string, signal: AbortSignal): Promise<void> {
  const [uname, commandLine] = await Promise.all(
    [uki.release, uki.commandLine].map((text) => textFile(text, uki.temporaryFolder)),
  );
  try {
    const paths: Record<UkiSection, string | undefined> = {
      ".osrel": uki.osRelease,
      ".uname": uname && nameOf(uname),
      ".cmdline": uki.commandLine ? commandLine && nameOf(commandLine) : undefined,
      ".splash": uki.splash,
      ".initrd": nameOf(initrd),
      ".linux": uki.kernelImage,
    };
    const contents = ukiSections.flatMap((section): Content[] => {
      const path = paths[section];
      return path === undefined ? [] : [{ section, path, size: statSync(path).size }];
    });
    const parameters = uki.tool.name === "ukify" ? ukifyParameters : objcopyParameters;
    await runTool(uki.tool, parameters(uki, contents, target), signal);
    checkUki(uki, contents, target);
    await dress(target);
  } finally {
    await Promise.all([uname?.close(), commandLine?.close()]);
  }
}

async function textFile(text: string, folder: string): Promise<FileHandle> {
  const file = await unnamedFile(folder);
  await file.writeFile(text);
  return file;
}

/** ukify(1), of systemd 254 or newer. Where an option is left out, its configuration may say something. */
function ukifyParameters(uki: Uki, contents: readonly Content[], target: string): string[] {
  const options: Partial<Record<UkiSection, string>> = {
    ".osrel": "--os-release=@",
    ".cmdline": "--cmdline=@",
    ".splash": "--splash=",
    ".initrd": "--initrd=",
    ".linux": "--linux=",
  };
  return [
    "build",
    ...contents.flatMap(({ section, path }) => (options[section] ? [`${options[section]}${path}`] : [])),
    `--uname=${uki.release}`,
    // Left out, ukify would take this system's, whatever --sysroot is.
    ...(uki.osRelease === undefined ? ["--os-release="] : []),
    `--stub=${uki.stub}`,
    `--output=${target}`,
  ];
}

/** objcopy(1): each section comes after all others in memory, at a multiple of the stub's alignment. */
function objcopyParameters({ stub, layout }: Uki, contents: readonly Content[], target: string): string[] {
  const { imageBase, sectionAlignment, sections } = layout;
  const aligned = (address: number) => Math.ceil(address / sectionAlignment) * sectionAlignment;
  let next = aligned(Math.max(0, ...sections.map(({ address, memorySize }) => address + memorySize)));
  const parameters = contents.flatMap(({ section, path, size }) => {
    const address = imageBase + next;
    next = aligned(next + size);
    return ["--add-section", `${section}=${path}`, "--change-section-vma", `${section}=0x${address.toString(16)}`];
  });
  // Else the header would bear the time of the build.
  return ["--preserve-dates", ...parameters, stub, target];
}

async function runTool(tool: UkiTool, parameters: readonly string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // Tools make their output readable for all, and an image may hold keys.
  const umask = process.umask(0o077);
  const child = spawn(tool.path, parameters, { stdio: ["ignore", "ignore", "pipe"] });
  process.umask(umask);
  const stop = () => child.kill();
  signal.addEventListener("abort", stop);
  try {
    await endOfChild(child, tool.name);
  } catch (error) {
    // ukify ends with a Python traceback: the last line is the one that tells.
    const why = (error as Error).message.trim().split("\n").at(-1);
    throw new BuildError(`${tool.name} cannot make the image: ${why}: ${tool.remedy}`);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A section may be larger than what it was made of: ukify signs kernels, where its configuration says so. */
function checkUki({ tool, stub }: Uki, contents: readonly Content[], target: string): void {
  try {
    const image = readPe(target);
    checkLayout(image);
    for (const { section, size } of contents) {
      const found = image.sections.find(({ name }) => name === section);
      if (!found || contentSize(found) < size) throw new PeError(`lacks a part of its section ${section}`);
    }
  } catch (error) {
    if (!(error instanceof PeError)) throw error;
    throw new BuildError(
      `with the stub ${stub}, ${tool.name} makes an image that ${error.message}: name another stub with --uefi-stub, for ukify the one of its own release of systemd`,
    );
  }
}

/** The tools leave the file executable, and objcopy with the stub's time. */
async function dress(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
  // FAT has no modes, and says so.
  await chmod(path, 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EPERM") throw error;
  });
}
