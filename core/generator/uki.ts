import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { findInPath } from "./compressor.js";
import type { HostFiles } from "./host-files.js";
import { type Kernel, kernelImagePaths } from "./kernel-version.js";
import { checkLayout, PeError, type PeFile, readPe } from "./pe.js";
import { BuildError, createProblems, type Report, reasonOf } from "./problems.js";

/** What a person says of a unified kernel image: paths of this system, whatever --sysroot is. */
export interface UkiWishes {
  /** Left out: systemd's. */
  stub: string | undefined;
  /** Left out: that of the image's kernel release. */
  kernelImage: string | undefined;
  splash: string | undefined;
}

/** The program that puts an image together. */
export interface UkiTool {
  name: "ukify" | "objcopy";
  path: string;
  /** What to do where it fails. */
  remedy: string;
}

/** What a unified kernel image (UAPI.5) is made of, besides the initramfs image and the kernel's command line. */
export interface UkiParts {
  tool: UkiTool;
  stub: string;
  /** The stub's headers. */
  layout: PeFile;
  kernelImage: string;
  release: string;
  /** The os-release file; undefined: there is none. */
  osRelease: string | undefined;
  splash: string | undefined;
}

/** systemd's stubs (systemd-stub(7)), by the machine of the kernel. */
const stubs = new Map([
  [0x8664, { machine: "x86-64", stub: "linuxx64.efi.stub" }],
  [0xaa64, { machine: "AArch64", stub: "linuxaa64.efi.stub" }],
]);

const stubFolder = "/usr/lib/systemd/boot/efi";
export const osReleasePaths = ["/etc/os-release", "/usr/lib/os-release"];

const nameOfMachine = (machine: number) => stubs.get(machine)?.machine ?? `machine 0x${machine.toString(16)}`;

/** Finds and checks what the image is made of. Throws BuildError with all that is wrong with it. */
export function findUkiParts(wishes: UkiWishes, kernel: Kernel, host: HostFiles, report: Report): UkiParts {
  const problems = createProblems();
  const tool = problems.during(findTool);
  const kernelImage = problems.during(() => findKernelImage(wishes.kernelImage, kernel));
  const found = problems.during(() => kernelImage && findStub(wishes.stub, kernelImage, host));
  problems.during(() => wishes.splash === undefined || checkSplash(wishes.splash));
  problems.check();
  if (!tool || !kernelImage || !found) throw new Error("what was not found is a problem");
  const osRelease = osReleasePaths.map((path) => host.resolve(path)?.path).find((path) => path !== undefined);
  if (osRelease === undefined)
    report.warning("there is no /etc/os-release: systemd-boot does not show the image in its menu");
  return {
    tool,
    ...found,
    kernelImage: kernelImage.path,
    release: kernel.release,
    osRelease: osRelease && host.outside(osRelease),
    splash: wishes.splash,
  };
}

/**
 * ukify where it is installed, because it knows what the stub of its own release expects, and because it signs the image where its
 * configuration says so; else objcopy, which nearly every system has.
 */
function findTool(): UkiTool {
  const searchPath = process.env.PATH ?? "";
  // Before systemd 255 it was in no directory of PATH.
  const ukify = findInPath(`${searchPath}:/usr/lib/systemd`, "ukify");
  if (ukify !== undefined)
    return {
      name: "ukify",
      path: ukify,
      remedy: "repair it, or remove the package systemd-ukify, so that objcopy is used",
    };
  const objcopy = findInPath(searchPath, "objcopy");
  if (objcopy !== undefined)
    return { name: "objcopy", path: objcopy, remedy: "install the package systemd-ukify, or a newer binutils" };
  throw new BuildError(
    "--uefi: neither ukify nor objcopy is installed: install one of the packages systemd-ukify and binutils",
  );
}

interface KernelImage {
  path: string;
  machine: number;
}

function findKernelImage(named: string | undefined, kernel: Kernel): KernelImage {
  const { release } = kernel;
  const places = kernelImagePaths(kernel);
  const path = named ?? places.find((place) => statSync(place, { throwIfNoEntry: false })?.isFile());
  if (path === undefined)
    throw new BuildError(
      `--uefi: the image of kernel ${release} is neither ${places[0]} nor ${places.at(-1)}: install it, or name it with --kernel-image`,
    );
  const { machine } = readParts(path, "the kernel image", "name a kernel that was built with CONFIG_EFI_STUB=y");
  const own = releaseOf(path);
  if (own !== undefined && own !== release)
    throw new BuildError(
      `the kernel image ${path} is of kernel ${own}, and the drivers are of ${release}: name the image of that one with --kernel-image`,
    );
  if (!stubs.has(machine))
    throw new BuildError(
      `the kernel image ${path} is for ${nameOfMachine(machine)}: images for UEFI are made for x86-64 and AArch64 only`,
    );
  return { path, machine };
}

/** Headers of a PE file. Throws BuildError, with the remedy for one that is none. */
function readParts(path: string, what: string, remedy: string): PeFile {
  try {
    return readPe(path);
  } catch (error) {
    if (error instanceof PeError) throw new BuildError(`${what} ${path} ${error.message}: ${remedy}`);
    throw new BuildError(`${what} ${path} cannot be read: ${reasonOf(error)}`);
  }
}

/** Release that a kernel for x86 bears (kernel: Documentation/arch/x86/boot.rst, kernel_version); undefined: it bears none. */
function releaseOf(path: string): string | undefined {
  const start = readStart(path, 1 << 16);
  const at = start.toString("latin1", 0x202, 0x206) === "HdrS" ? start.readUInt16LE(0x20e) : 0;
  return at === 0 ? undefined : /^[!-~]+/.exec(start.toString("latin1", at + 0x200, at + 0x300))?.[0];
}

/** The first bytes of a file; fewer if it is shorter. */
function readStart(path: string, length: number): Buffer {
  const start = Buffer.alloc(length);
  const file = openSync(path, "r");
  try {
    return start.subarray(0, readSync(file, start, 0, length, 0));
  } finally {
    closeSync(file);
  }
}

function findStub(named: string | undefined, kernel: KernelImage, host: HostFiles): Pick<UkiParts, "stub" | "layout"> {
  const usual = join(stubFolder, stubs.get(kernel.machine)?.stub ?? "");
  const path = named ?? host.outside(usual);
  if (named === undefined && !host.resolve(usual))
    throw new BuildError(
      `--uefi: there is no stub ${path}: install the package systemd-boot-efi (Fedora's: systemd-boot-unsigned), or name one with --uefi-stub`,
    );
  const remedy = `name systemd's ${usual} with --uefi-stub`;
  const layout = readParts(path, "the stub", remedy);
  if (layout.machine !== kernel.machine)
    throw new BuildError(
      `the stub ${path} is for ${nameOfMachine(layout.machine)}, and the kernel image ${kernel.path} for ${nameOfMachine(kernel.machine)}: ${remedy}`,
    );
  if (releaseOf(path) !== undefined) throw new BuildError(`the stub ${path} is itself a kernel: ${remedy}`);
  const foreign = layout.sections.find(({ name }) => ukiSections.some((own) => own === name));
  if (foreign)
    throw new BuildError(`the stub ${path} has a section ${foreign.name}, so it is a whole image already: ${remedy}`);
  try {
    checkLayout(layout);
  } catch (error) {
    throw error instanceof PeError ? new BuildError(`the stub ${path} ${error.message}: ${remedy}`) : error;
  }
  return { stub: path, layout };
}

/** The sections that make a stub an image, in their order: with older stubs the kernel unpacks itself over what follows it. */
export const ukiSections = [".osrel", ".uname", ".cmdline", ".splash", ".initrd", ".linux"] as const;

export type UkiSection = (typeof ukiSections)[number];

/** BITMAPFILEHEADER and BITMAPINFOHEADER. */
const bmpHeaderSize = 54;

function checkSplash(path: string): void {
  let start: Buffer;
  try {
    start = readStart(path, bmpHeaderSize);
  } catch (error) {
    throw new BuildError(`--uefi-splash-image: ${path} cannot be read: ${reasonOf(error)}`);
  }
  if (start.toString("latin1", 0, 2) !== "BM" || start.length < bmpHeaderSize)
    throw new BuildError(`--uefi-splash-image: ${path} is no BMP picture: convert it to one, the stub shows no others`);
}

/** COMMAND_LINE_SIZE of x86 and AArch64, without the NUL at its end: the kernel cuts off what is over it. */
const longestCommandLine = 2047;

/** The command line for the section .cmdline; "": none. What a person says comes last, and so wins. Throws BuildError. */
export function ukiCommandLine(hostParameters: readonly string[], given: string): string {
  const text = [...hostParameters, given].join(" ").replace(/\s+/g, " ").trim();
  const size = Buffer.byteLength(text);
  if (size > longestCommandLine)
    throw new BuildError(
      `--kernel-cmdline: the kernel's command line would have ${size} bytes, and kernels take ${longestCommandLine}: put what only the initramfs reads into a file, and that into /etc/cmdline.d/NAME.conf of the image with --include`,
    );
  return text;
}
