import { join } from "node:path";
import { candidateVersion, dependencies, unpackedPackage } from "./packages.js";

/** What other generators find files with. */
export interface OtherGenerators {
  /** dracut's program for programs and drivers. */
  dracutInstall: string;
  /** initramfs-tools' shell functions, copy_exec among them. */
  hookFunctions: string;
}

/** Of Debian's packages, unpacked below out/. Nothing is installed. */
export async function otherGenerators(): Promise<OtherGenerators> {
  await candidateVersion("dracut-core");
  // Since Debian 13 it is a package of its own.
  const separate = (await dependencies("dracut-core")).find((name) => name === "dracut-install");
  const dracut = await unpackedPackage(separate ?? "dracut-core");
  const initramfsTools = await unpackedPackage("initramfs-tools-core");
  return {
    dracutInstall: join(dracut, "usr/lib/dracut/dracut-install"),
    hookFunctions: join(initramfsTools, "usr/share/initramfs-tools/hook-functions"),
  };
}
