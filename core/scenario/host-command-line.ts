import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ImageToBoot } from "../generator/build-image.js";
import { coverTypes } from "../generator/host-devices.js";
import { mountAt, readMounts } from "../generator/host-mounts.js";
import { parameterOf, wordsOf } from "./assumed-machine.js";

/**
 * What systemd (https://systemd.io/CONTAINER_INTERFACE/) and Podman leave for programs that ask. Not Docker's /.dockerenv: virtual machines whose
 * disk was made of one of its images have it, too, and its containers are told by what is mounted at /.
 */
const containerMarks = ["run/systemd/container", "run/.containerenv"];

/**
 * The kernel command line that this host would boot an image with: that of its last boot, without what a boot loader has added, or the one of a
 * unified kernel image. `unknown`: why there is none that this image would be booted with. `below`: where /proc is.
 */
export function hostCommandLine(
  { commandLine, ownParameters }: Pick<ImageToBoot, "commandLine" | "ownParameters">,
  below = "/",
): { commandLine: string } | { unknown: string } {
  if (isContained(below)) return { unknown: "in a container or chroot, /proc/cmdline is another system's" };
  const booted = commandLine || bootedCommandLine(below);
  if ([booted, ...ownParameters].some((text) => parameterOf(text, "root"))) return { commandLine: booted };
  return { unknown: "neither the kernel command line of this boot nor the image says root=" };
}

function bootedCommandLine(below: string): string {
  const path = join(below, "proc/cmdline");
  if (!existsSync(path)) return "";
  const words = wordsOf(readFileSync(path, "utf8"));
  return words.filter((word) => !/^(BOOT_IMAGE|initrd)=/.test(word)).join(" ");
}

function isContained(below: string): boolean {
  if (containerMarks.some((mark) => existsSync(join(below, mark)))) return true;
  const mount = mountAt(readMounts(below), "/");
  return !mount || coverTypes.test(mount.type) || isChroot(below);
}

/** Only root may see where PID 1's root is; whoever may not is in none that matters. */
function isChroot(below: string): boolean {
  try {
    const [ours, first] = [statSync(below), statSync(join(below, "proc/1/root/"))];
    return ours.dev !== first.dev || ours.ino !== first.ino;
  } catch {
    return false;
  }
}
