import { truncate, writeFile } from "node:fs/promises";
import type { DiskPart, PartitionPart } from "../../core/schema/machine.js";
import { type ArchivePart, filesIn } from "./described-files.js";
import { run, runAsRoot } from "./run.js";

const mebibyte = 1024 * 1024;
/** Partitions start and end at multiples of this, in MiB. */
const alignment = 1;

export interface Ext4 {
  uuid: string;
  label: string;
  /** What the file system holds: a folder, with its owners and modes. */
  content: string;
  /** What has to be said of those files of it that are archives, by their path. */
  archives?: Readonly<Record<string, ArchivePart>>;
  /** MiB */
  size: number;
}

export interface Partition {
  /** What the kernel command line calls PARTUUID. */
  uuid: string;
  /** What the kernel command line calls PARTLABEL. */
  name: string;
  fileSystem: Ext4;
}

/** Where the description of a raw image is, for a rehearsal of what boots from it: JSON of a DiskPart without its name. */
export const descriptionOf = (image: string): string => `${image}.json`;

/** Makes a raw image that is one ext4 file system, without loop devices, and its description. */
export async function makeExt4(image: string, fileSystem: Ext4): Promise<void> {
  await makeSparseFile(image, fileSystem.size);
  await writeDescription(image, describe(fileSystem));
  await formatExt4(image, fileSystem, 0);
}

/** Makes a raw image with a GPT and an ext4 file system in each partition, without loop devices, and its description. */
export async function makeDisk(image: string, partitions: readonly Partition[]): Promise<void> {
  const used = partitions.reduce((sum, { fileSystem }) => sum + fileSystem.size, alignment);
  await makeSparseFile(image, used + alignment);
  const table = partitions.map(
    ({ uuid, name, fileSystem }) => `size=${fileSystem.size}MiB, type=linux, uuid=${uuid}, name="${name}"\n`,
  );
  await writeFile(`${image}.table`, `label: gpt\nfirst-lba: 2048\n${table.join("")}`);
  await run(["sh", "-c", 'sfdisk -q "$1" <"$1.table" && rm "$1.table"', "sh", image]);
  await writeDescription(image, {
    tags: { PTTYPE: "gpt" },
    size: `${used + alignment}M`,
    partitions: partitions.map(({ uuid, name, fileSystem }) => {
      const { tags, ...described } = describe(fileSystem);
      return { ...described, tags: { ...tags, PART_ENTRY_UUID: uuid, PART_ENTRY_NAME: name } };
    }),
  });
  let start = alignment;
  for (const { fileSystem } of partitions) {
    await formatExt4(image, fileSystem, start);
    start += fileSystem.size;
  }
}

function describe({ uuid, label, content, archives, size }: Ext4): PartitionPart {
  return { tags: { TYPE: "ext4", UUID: uuid, LABEL: label }, size: `${size}M`, files: filesIn(content, archives) };
}

function writeDescription(image: string, disk: Omit<DiskPart, "name">): Promise<void> {
  return writeFile(descriptionOf(image), JSON.stringify(disk));
}

async function makeSparseFile(image: string, size: number): Promise<void> {
  await writeFile(image, "");
  await truncate(image, size * mebibyte);
}

/** @param start In MiB. */
async function formatExt4(image: string, { uuid, label, content, size }: Ext4, start: number): Promise<void> {
  const place = `offset=${start * mebibyte},lazy_itable_init=0`;
  // As root, because files of the content may be readable for their owner only.
  await runAsRoot([
    "mke2fs",
    "-q",
    "-F",
    "-t",
    "ext4",
    "-m",
    "0",
    "-U",
    uuid,
    "-L",
    label,
    "-d",
    content,
    "-E",
    place,
    image,
    `${size}M`,
  ]);
}
