import { closeSync, openSync, readSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { recordedOptionsPath } from "../abi/index.js";
import { kernelImagePaths } from "../generator/kernel-version.js";
import { BuildError, reasonOf } from "../generator/problems.js";
import { driverReleases, pathOf, readContents } from "../image/contents.js";
import { parseRecordedOptions } from "../image/recorded-options.js";

/** The bootable file of the kernel that an image has the drivers of, as far as it is on this host. Throws BuildError. */
export async function kernelFor(image: string): Promise<string> {
  const { members, records } = await readContents(image);
  const [release, ...others] = driverReleases(members.map(pathOf));
  if (release === undefined)
    throw new BuildError(`${image} has no drivers that tell which kernel it is for: name one by --kernel FILE`);
  if (others.length)
    throw new BuildError(
      `${image} has drivers of several kernels (${[release, ...others].join(", ")}): name one by --kernel FILE`,
    );
  const options = parseRecordedOptions(records.get(recordedOptionsPath.slice(1)) ?? "") ?? [];
  const folders = [...options.flatMap((word) => /^--kmoddir=(.+)$/.exec(word)?.[1] ?? []), `/lib/modules/${release}`];
  const places = [
    join(dirname(resolve(image)), `vmlinuz-${release}`),
    ...folders.flatMap((folder) => kernelImagePaths({ release, folder })),
  ];
  const found = places.find((place) => statSync(place, { throwIfNoEntry: false })?.isFile());
  if (found !== undefined) return found;
  throw new BuildError(
    `${image} is for the kernel ${release}, whose vmlinuz is not on this machine: install it, or name it by --kernel FILE (looked for: ${[...new Set(places)].join(", ")})`,
  );
}

/** What QEMU can load: the kernel's boot protocol for x86, or an ELF file. `name` is for messages. Throws BuildError. */
export function checkKernel(path: string, name = path): void {
  if (path === "") throw new BuildError('"" is no name of a kernel: name its file, or leave --kernel out');
  const magic = Buffer.alloc(0x206);
  try {
    const file = openSync(path, "r");
    try {
      readSync(file, magic, 0, magic.length, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new BuildError(`the kernel ${name} cannot be read: ${reasonOf(error)}`);
  }
  if (magic.toString("latin1", 0x202) !== "HdrS" && magic.toString("latin1", 0, 4) !== "\x7fELF")
    throw new BuildError(`${name} is no kernel for x86-64: name one as /boot/vmlinuz-KVER`);
}
