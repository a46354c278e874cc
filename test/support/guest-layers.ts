import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { partitionName } from "../../core/scenario/machine-parts.js";
import type { DiskPart } from "../../core/schema/machine.js";
import { descriptionOf } from "./disks.js";
import type { Disk } from "./qemu.js";

/** Beside disks with layers: a list of them, whose members are called as the disks' files. */
export const layersFile = "layers.json";

/** What no driver answers: a member that this guest has not got never comes. */
const absent = ["acpi:NONE0000:"];

/**
 * What is made of a guest's disks (layerDisks), for a rehearsal: arrays, volumes, opened containers, and those members that the guest has not got.
 *
 * @param described The same disks, under the names that the kernel gives them.
 */
export function layersOfDisks(disks: readonly Disk[], described: readonly DiskPart[]): DiskPart[] {
  const folders = [...new Set(disks.map(({ file }) => dirname(file)))].filter((folder) =>
    existsSync(join(folder, layersFile)),
  );
  return folders.flatMap((folder, index) => {
    const layers: DiskPart[] = readJson(join(folder, layersFile));
    const names = new Map(layers.map(({ name }) => [name, `layer${index}-${name}`]));
    disks.forEach(({ file }, at) => {
      if (dirname(file) === folder) names.set(basename(file, ".img"), described[at]?.name ?? "");
    });
    const missing = readdirSync(folder).flatMap((file) => {
      const [, disk] = /^(.*)\.img$/.exec(file) ?? [];
      if (disk === undefined || names.has(disk)) return [];
      const name = `absent${index}-${disk}`;
      names.set(disk, name);
      return [{ ...readJson(descriptionOf(join(folder, file))), name, behind: absent }];
    });
    return [...missing, ...layers.map((layer) => withNames(layer, names))];
  });
}

const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8"));

/** A disk, or a layer and its members, under the names that these have now. */
export function withNames(disk: DiskPart, names: ReadonlyMap<string, string>): DiskPart {
  const { raid, lvm, luks } = disk;
  const named = (name: string) => nameNow(name, names);
  return {
    ...disk,
    name: named(disk.name),
    ...(raid ? { raid: { ...raid, members: raid.members.map(named) } } : {}),
    ...(lvm ? { lvm: { ...lvm, members: lvm.members.map(named) } } : {}),
    ...(luks ? { luks: { ...luks, member: named(luks.member) } } : {}),
  };
}

/** Of a disk, a layer, or a partition. */
function nameNow(name: string, names: ReadonlyMap<string, string>): string {
  const whole = names.get(name);
  if (whole !== undefined) return whole;
  const [, disk = "", number = ""] = /^(.*\d(?=p\d)|.*\D)p?(\d+)$/.exec(name) ?? [];
  const now = names.get(disk);
  return now === undefined ? name : partitionName(now, Number(number));
}
