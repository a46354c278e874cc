import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cachedFolder } from "./cache.js";
import { candidateVersion, unpackPackage, unpackPackagesOf } from "./packages.js";
import { searchPath } from "./run.js";

/** A package of this machine's release, unpacked below out/. */
async function unpacked(name: string): Promise<string> {
  return cachedFolder(name, await candidateVersion(name), (unfinished) => unpackPackage(name, unfinished));
}

/** UEFI firmware for QEMU: its code, and its variables before the first boot. */
export async function uefiFirmware(): Promise<{ code: string; variables: string }> {
  const folder = join(await unpacked("ovmf"), "usr/share/OVMF");
  return { code: join(folder, "OVMF_CODE_4M.fd"), variables: join(folder, "OVMF_VARS_4M.fd") };
}

const stubIn = (folder: string) => join(folder, "usr/lib/systemd/boot/efi/linuxx64.efi.stub");

/** systemd's stub, of this machine's release. */
export const systemdStub = async () => stubIn(await unpacked("systemd-boot-efi"));

/** What starts ukify without being installed. */
const starter = `#!/bin/sh
here=$(dirname "$0")/../usr
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/lib/python3/dist-packages exec python3 "$here/bin/ukify" "$@"
`;

/** Of Debian 13, because Debian 12 has none: a directory for PATH with ukify in it, and the stub of its release of systemd. */
export async function debianUkify(): Promise<{ programs: string; stub: string }> {
  const names = ["systemd-ukify", "python3-pefile", "systemd-boot-efi"];
  const folder = await cachedFolder("ukify", [names, starter], async (unfinished) => {
    await unpackPackagesOf("trixie", names, unfinished);
    await mkdir(join(unfinished, "programs"));
    await writeFile(join(unfinished, "programs/ukify"), starter);
    await chmod(join(unfinished, "programs/ukify"), 0o755);
  });
  return { programs: join(folder, "programs"), stub: stubIn(folder) };
}

/** Makes a directory that can stand for PATH: it has all programs but some. */
export function linkPrograms(folder: string, without: readonly string[]): string {
  mkdirSync(folder);
  const done = new Set(without);
  for (const place of searchPath.split(":").filter(Boolean))
    for (const name of namesIn(place)) {
      if (done.has(name)) continue;
      done.add(name);
      symlinkSync(join(place, name), join(folder, name));
    }
  return folder;
}

function namesIn(place: string): string[] {
  try {
    return readdirSync(place);
  } catch {
    return [];
  }
}
