import { existsSync } from "node:fs";
import { usualUkiPath } from "../generator/esp.js";
import type { HostFiles } from "../generator/host-files.js";
import { BuildError } from "../generator/problems.js";

/** The image of a kernel that was not named: that in /boot, else the unified kernel image where mkinitrd puts it. Throws BuildError. */
export function findUsualImage(release: string, host: HostFiles): string {
  const image = host.outside(`/boot/initramfs-${release}.img`);
  if (existsSync(image)) return image;
  const uki = placeOfUki(release, host);
  if (uki !== undefined && existsSync(uki)) return uki;
  throw new BuildError(
    `there is no image ${image}${uki === undefined ? ", and no EFI system partition is mounted" : `, and no ${uki}`}: name an image`,
  );
}

/** undefined: nobody can tell, because no EFI system partition is mounted. */
function placeOfUki(release: string, host: HostFiles): string | undefined {
  try {
    return usualUkiPath(release, host);
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}
