import { createReadStream } from "node:fs";
import { tmpdir } from "node:os";
import { pipeline } from "node:stream/promises";
import { BuildError, reasonOf } from "../generator/problems.js";
import { folderProblem, nameOf, unnamedFile } from "../generator/temporary.js";
import { readUki } from "../image/uki.js";
import { kernelFor } from "./kernel.js";

/** What QEMU loads, in files of their own. */
export interface BootParts {
  kernel: string;
  initrd: string;
  /** Of a unified kernel image: its own command line. */
  cmdline: string;
  /** What to call the kernel. */
  name: string;
}

/** An image's parts; of a unified kernel image in files that go with this process. `kernel`: another one than the image's. Throws BuildError. */
export async function partsOf(image: string, kernel: string | undefined): Promise<BootParts> {
  const uki = readUki(image);
  if (!uki) {
    const found = kernel ?? (await kernelFor(image));
    return { kernel: found, initrd: image, cmdline: "", name: found };
  }
  if (!uki.kernel && kernel === undefined)
    throw new BuildError(`${image} has no kernel in it: name one by --kernel FILE`);
  const release = uki.release === undefined ? "" : ` ${Buffer.from(uki.release, "latin1")}`;
  return {
    kernel: kernel ?? (uki.kernel ? await copyOf(image, uki.kernel) : ""),
    initrd: await copyOf(image, uki.initrd),
    cmdline: Buffer.from(uki.commandLine ?? "", "latin1").toString(),
    name: kernel ?? `the image's kernel${release}`,
  };
}

async function copyOf(image: string, { start, end }: { start: number; end: number }): Promise<string> {
  const folder = tmpdir();
  const file = await unnamedFile(folder, "TMPDIR");
  const copy = file.createWriteStream({ autoClose: false });
  const broken = new Promise<never>((_, reject) =>
    copy.once("error", (error) => reject(folderProblem(folder, error, "TMPDIR"))),
  );
  const copied = pipeline(createReadStream(image, { start, end: end - 1 }), copy).catch((error: unknown) => {
    throw new BuildError(`${image} cannot be read: ${reasonOf(error)}`);
  });
  await Promise.race([broken, copied]);
  return nameOf(file);
}
