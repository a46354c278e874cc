import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { BuildError, reasonOf } from "../generator/problems.js";
import type { SimulatedDevice, SimulatedFolder } from "../rehearsal/description.js";
import type { FileTable, SimulatedFile } from "../rehearsal/file-tree.js";
import type { DiskPart, FilePart, FilesPart, FolderPart, PartitionPart, Size } from "../schema/machine.js";
import { layerOf } from "./layer-parts.js";

const units: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

export function bytesOf(size: Size): number {
  if (typeof size === "number") return size;
  const [, digits = "0", unit = ""] = /^(\d+)([KMGT]?)$/.exec(size) ?? [];
  return Number(digits) * (units[unit] ?? 1);
}

export const milliseconds = (seconds: number) => seconds * 1000;

/** How a file with an archive begins, by the end of its name. */
const magics: readonly [RegExp, number[]][] = [
  [/\.(gz|tgz)$/, [0x1f, 0x8b]],
  [/\.(xz|txz)$/, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  [/\.(zst|tzst)$/, [0x28, 0xb5, 0x2f, 0xfd]],
  [/\.lz4$/, [4, 0x22, 0x4d, 0x18]],
  [/\.(bz2|tbz)$/, [0x42, 0x5a, 0x68]],
];

/** Files of a description. `folder`: where "from" begins. Throws BuildError where that cannot be read. */
export function filesOf(files: FilesPart = {}, folder: string): FileTable {
  // Without a prototype: a file may have any name.
  const table: Record<string, string | SimulatedFile> = Object.create(null);
  for (const [path, file] of Object.entries(files))
    if (typeof file === "string") table[path] = file;
    else if (file.from === undefined) table[path] = fileOf(path, file, folder);
    else Object.assign(table, copied(path, resolve(folder, file.from)));
  return table;
}

function fileOf(path: string, file: FilePart, folder: string): SimulatedFile {
  const { content, mode, uid, gid, size, link, damage, archive = damage && {}, xattrs, volume } = file;
  if (link !== undefined) return { type: "symlink", mode: 0o777, target: link };
  const folderOnly = path.endsWith("/");
  const magic = archive ? magics.find(([end]) => end.test(path))?.[1] : undefined;
  return {
    type: folderOnly ? "dir" : "file",
    mode: mode === undefined ? (folderOnly ? 0o755 : 0o644) : Number.parseInt(mode, 8),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(content !== undefined ? { data: content } : magic ? { data: Buffer.from(magic) } : {}),
    ...(size === undefined ? {} : { size: bytesOf(size) }),
    ...(archive ? { archive: { files: filesOf(archive, folder), ...(damage ? { damage } : {}) } } : {}),
    ...(xattrs ? { xattrs } : {}),
    ...(volume ? { volume: { tags: tagsOf(volume.tags), files: filesOf(volume.files, folder) } } : {}),
  };
}

/** A file or folder of this host. */
function copied(path: string, source: string): FileTable {
  try {
    const { mode, uid, gid } = lstatSync(source);
    const shared = { mode: mode & 0o7777, uid, gid };
    const type = mode & 0o170000;
    if (type === 0o120000) return { [path]: { ...shared, type: "symlink", target: readlinkSync(source) } };
    if (type === 0o100000) return { [path]: { ...shared, type: "file", data: readFileSync(source) } };
    if (type !== 0o040000) return {};
    const top = path.replace(/\/*$/, "/");
    const below = readdirSync(source).map((name) => copied(top + name, join(source, name)));
    return Object.assign({ [top]: { ...shared, type: "dir" } }, ...below);
  } catch (error) {
    throw new BuildError(`${source}, which the machine file names for ${path}, cannot be read: ${reasonOf(error)}`);
  }
}

const usages: readonly [RegExp, string][] = [
  [/^(crypto_LUKS|BitLocker)$/, "crypto"],
  [/^(linux_raid_member|LVM2_member|isw_raid_member|ddf_raid_member)$/, "raid"],
  [/^swap/, "other"],
];

/** With the one that libblkid makes of the others. */
function tagsOf(tags: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { TYPE } = tags;
  if (TYPE === undefined || tags.USAGE !== undefined) return { ...tags };
  return { ...tags, USAGE: usages.find(([type]) => type.test(TYPE))?.[1] ?? "filesystem" };
}

/** Major numbers of those drivers that have a fixed one, or usually this one. */
const majors: readonly [RegExp, number][] = [
  [/^sd/, 8],
  [/^sr/, 11],
  [/^loop/, 7],
  [/^md/, 9],
  [/^nvme/, 259],
  [/^mmcblk/, 179],
  [/^dm-/, 253],
  [/^vd/, 254],
];
const usualMajor = 252;
const minorsOfDisk = 16;
/** Partitions beyond those have numbers of their own (BLOCK_EXT_MAJOR), which no disk of ours has. */
const further = { major: 259, first: 1 << 16, ofDisk: 256 };
const sectorSize = 512;
const usualSize = 1 << 30;

/** As the kernel names it: vda1, nvme0n1p1. */
export const partitionName = (disk: string, number: number) => `${disk}${/\d$/.test(disk) ? "p" : ""}${number}`;

/** Disks and their partitions. `first`: how many disks come before them. */
export function devicesOf(disks: readonly DiskPart[] = [], folder: string, first = 0): SimulatedDevice[] {
  return disks.flatMap((disk, index) => {
    const layer = layerOf(disk);
    const { name, behind, gone, readOnly, partitions = [] } = disk;
    const major = majors.find(([pattern]) => pattern.test(name))?.[1] ?? usualMajor;
    const place = `simulated/block/${name}`;
    const number = (part: number) =>
      part < minorsOfDisk
        ? `${major}:${(first + index) * minorsOfDisk + part}`
        : `${further.major}:${further.first + (first + index) * further.ofDisk + part}`;
    const shared = {
      ...(behind ? { behind } : {}),
      ...(gone === undefined ? {} : { gone: milliseconds(gone) }),
      ...(readOnly ? { readOnly } : {}),
      ...(layer ? { layer } : {}),
    };
    const whole: SimulatedDevice = { ...deviceOf(disk, folder), ...shared, name, number: number(0), devpath: place };
    if (partitions.length && !disk.tags?.PTTYPE) whole.tags = { ...whole.tags, PTTYPE: "gpt" };
    const parts = partitions.map((part, position): SimulatedDevice => {
      const own = partitionName(name, position + 1);
      const described = deviceOf(part, folder);
      const after = (whole.after ?? 0) + (described.after ?? 0);
      const scheme = whole.tags.PTTYPE ?? "gpt";
      const tags = { PART_ENTRY_NUMBER: String(position + 1), PART_ENTRY_SCHEME: scheme, ...described.tags };
      return {
        ...described,
        ...shared,
        after,
        tags,
        name: own,
        number: number(position + 1),
        devpath: `${place}/${own}`,
      };
    });
    return [whole, ...parts];
  });
}

function deviceOf(part: PartitionPart, folder: string): Omit<SimulatedDevice, "name" | "number"> {
  const { size = usualSize, after, tags, ambivalent, probeLasts, mountLasts, fsck, files } = part;
  return {
    tags: tagsOf(tags),
    sectors: Math.floor(bytesOf(size) / sectorSize),
    files: filesOf(files, folder),
    ...(after === undefined ? {} : { after: milliseconds(after) }),
    ...(ambivalent ? { ambivalent } : {}),
    ...(probeLasts === undefined ? {} : { probeLasts: milliseconds(probeLasts) }),
    ...(fsck === undefined ? {} : { fsck }),
    ...(mountLasts === undefined ? {} : { mountLasts: milliseconds(mountLasts) }),
  };
}

/** A virtio device for a folder (virtio specification, 5.11), of any vendor. */
const usualFolderDevice = "virtio:d0000001Av00001AF4";

/** Folders of the host. */
export const foldersOf = (folders: readonly FolderPart[], from: string): SimulatedFolder[] =>
  folders.map(({ tag, behind = [usualFolderDevice], after, silent, files }) => ({
    tag,
    behind,
    files: filesOf(files, from),
    ...(after === undefined ? {} : { after: milliseconds(after) }),
    ...(silent ? { silent } : {}),
  }));
