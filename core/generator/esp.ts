import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { HostFiles } from "./host-files.js";
import { BuildError, reasonOf } from "./problems.js";
import { osReleasePaths } from "./uki.js";

/**
 * Where a unified kernel image lies that was not named: in the EFI system partition, under dracut's name for it. Throws BuildError: no such
 * partition is mounted.
 */
export function usualUkiPath(release: string, host: HostFiles): string {
  const parts = ["linux", release, machineId(host), buildId(host)].filter((part) => part !== undefined);
  return join(findEfiFolder(host), "Linux", `${parts.join("-")}.efi`);
}

/** The same, to be written: its directory is made where it is missing. Throws BuildError. */
export function placeUki(release: string, host: HostFiles): string {
  const path = usualUkiPath(release, host);
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new BuildError(`${folder} cannot be made: ${reasonOf(error)}`);
  }
  return path;
}

/** Only where there is one: what lies in a directory of another file system no firmware finds. */
function findEfiFolder(host: HostFiles): string {
  if (isMountPoint(host.outside("/efi"))) return host.outside("/efi/EFI");
  const folder = ["/boot/efi/EFI", "/boot/EFI"].find((path) => host.resolve(path)?.stats.isDirectory());
  if (folder !== undefined) return host.outside(folder);
  throw new BuildError(
    "--uefi: no EFI system partition is mounted at /efi, /boot/efi or /boot, with a directory EFI in it: mount it, or name the image to write",
  );
}

function isMountPoint(path: string): boolean {
  try {
    return statSync(path).dev !== statSync(dirname(path)).dev;
  } catch {
    return false;
  }
}

/** "Default" as dracut and kernel-install(8) have it, where the partition was set up so, or the system has not got an ID yet. */
function machineId(host: HostFiles): string {
  const usesDefault = ["/efi", "/boot", "/boot/efi"].some((place) => host.resolve(`${place}/Default`));
  const id = usesDefault ? "" : (host.readText("/etc/machine-id")?.split("\n")[0]?.trim() ?? "");
  return id === "" || id === "uninitialized" ? "Default" : id;
}

/** BUILD_ID of os-release(5), which most distributions do not have. */
function buildId(host: HostFiles): string | undefined {
  const text = osReleasePaths.map((path) => host.readText(path)).find((found) => found !== undefined) ?? "";
  return /^BUILD_ID=["']?([\w.-]+)/m.exec(text)?.[1];
}
