import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { decompress, isCompressed } from "./decompress.js";
import { addText } from "./fill-tree.js";
import type { HostFiles } from "./host-files.js";
import { BuildError, reasonOf } from "./problems.js";
import { createTree, type Entry } from "./tree.js";

/** What /proc/cpuinfo says of a processor. */
export interface Processor {
  vendor: string;
  family: number;
  model: number;
  stepping: number;
}

/** The first processor of /proc/cpuinfo; undefined: it is not of the x86 family. */
export function parseProcessor(cpuinfo: string): Processor | undefined {
  const value = (key: string) => new RegExp(`^${key}\\s*: (.*)$`, "m").exec(cpuinfo)?.[1];
  const [vendor, family, model, stepping] = ["vendor_id", "cpu family", "model", "stepping"].map(value);
  if (vendor === undefined || !family || !model || !stepping) return undefined;
  return { vendor, family: Number(family), model: Number(model), stepping: Number(stepping) };
}

const hex = (number: number) => number.toString(16).padStart(2, "0");

/** By the name that the kernel looks for (Documentation/arch/x86/microcode.rst): where the vendor's files lie, and which one a processor has. */
const vendors = [
  {
    vendor: "AuthenticAMD",
    folder: "amd-ucode",
    names: /^microcode_amd(_fam[0-9a-f]+h)?\.bin/,
    // As the kernel's own loader, arch/x86/kernel/cpu/microcode/amd.c.
    nameFor: ({ family }: Processor) => (family < 0x15 ? "microcode_amd.bin" : `microcode_amd_fam${hex(family)}h.bin`),
  },
  {
    vendor: "GenuineIntel",
    folder: "intel-ucode",
    names: /^[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}/,
    nameFor: ({ family, model, stepping }: Processor) => [family, model, stepping].map(hex).join("-"),
  },
] as const;

/** What may follow such a name: what Debian calls a file that must not be loaded late, and compression. */
const ending = /^(\.initramfs)?(\.xz|\.zst|\.gz)?$/;

/**
 * The early image: microcode of all processors or of one, where the kernel looks for it before it unpacks anything. Nothing is installed:
 * no entries. Throws BuildError where a file cannot be read.
 */
export async function makeEarlyImage(
  host: HostFiles,
  firmwareFolders: readonly string[],
  processor: Processor | undefined,
): Promise<[string, Entry][]> {
  const tree = createTree();
  for (const { vendor, folder, names, nameFor } of vendors) {
    if (processor && processor.vendor !== vendor) continue;
    const wanted = (file: string) => {
      const name = names.exec(file)?.[0];
      return name !== undefined && ending.test(file.slice(name.length)) && (!processor || name === nameFor(processor));
    };
    const files = firmwareFolders
      .map((top) => posix.join(top, folder))
      .map((place) => (host.list(place) ?? []).filter(wanted).map((file) => posix.join(place, file)))
      .find((found) => found.length);
    if (!files) continue;
    const paths = files.flatMap((file) => host.resolve(file)?.path ?? []).map(host.outside);
    addText(tree, `/kernel/x86/microcode/${vendor}.bin`, Buffer.concat(await contents(paths)));
  }
  return tree.entries();
}

async function contents(paths: readonly string[]): Promise<Buffer[]> {
  const packed = paths.filter(isCompressed);
  const unpacked = new Map((await decompress(packed)).map((content, index) => [packed[index], content]));
  return paths.map((path) => {
    try {
      return unpacked.get(path) ?? readFileSync(path);
    } catch (error) {
      throw new BuildError(`microcode ${path} cannot be read: ${reasonOf(error)}`);
    }
  });
}
