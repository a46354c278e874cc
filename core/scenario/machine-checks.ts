import { statSync } from "node:fs";
import { constants } from "node:os";
import { resolve } from "node:path";
import { toBytes } from "../rehearsal/bytes.js";
import { Failure } from "../rehearsal/failure.js";
import type { DiskPart, FilePart, FilesPart, MachineFile } from "../schema/machine.js";
import { inLayers } from "./layer-checks.js";
import { bytesOf, partitionName } from "./machine-parts.js";

/** A part of a machine file that cannot be meant, which its schema does not see. */
export interface Contradiction {
  /** Keys and indices that lead to the part. */
  path: readonly string[];
  /** What is wrong, and what to do. */
  message: string;
}

type Where = readonly string[];

/** All that no schema can say. `folder`: where the machine file is. */
export function contradictionsOf(machine: MachineFile, folder: string): Contradiction[] {
  const broken = brokenTexts(machine, []);
  if (broken.length) return broken;
  const { disks = [], virtiofs = [], programs = [], console = [], drivers = {}, sysfs } = machine;
  const tags = virtiofs.map(({ tag }) => tag);
  return [
    ...namesTwice(machine),
    ...disks.flatMap((disk, index) => inDisk(disk, ["disks", `${index}`], folder)),
    ...inLayers(machine),
    ...tags.flatMap((tag, index) =>
      tags.indexOf(tag) < index
        ? [{ path: ["virtiofs", `${index}`, "tag"], message: `two folders have the tag ${tag}: give each its own` }]
        : [],
    ),
    ...virtiofs.flatMap(({ files }, index) => inFiles(files, ["virtiofs", `${index}`, "files"], folder)),
    ...programs.flatMap((program, index) => inProgram(program, ["programs", `${index}`], folder)),
    ...console.flatMap(({ line, cancel }, index) =>
      (line === undefined) === (cancel === undefined)
        ? [{ path: ["console", `${index}`], message: "has to have either line or cancel" }]
        : [],
    ),
    ...Object.entries(drivers).flatMap(([name, { fails }]) =>
      fails === undefined || fails in constants.errno
        ? []
        : [{ path: ["drivers", name, "fails"], message: `there is no errno ${fails}: name one as ENODEV` }],
    ),
    ...inFiles(sysfs, ["sysfs"], folder),
  ];
}

/** Half a character, which JSON can hold, stands for nothing, here or there. */
function brokenTexts(value: unknown, path: Where): Contradiction[] {
  if (typeof value === "string") return isWhole(value) ? [] : [{ path, message: "holds half a character (\\ud8…)" }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => [
    ...(isWhole(key) ? [] : [{ path, message: `the key ${JSON.stringify(key)} holds half a character` }]),
    ...brokenTexts(part, [...path, key]),
  ]);
}

function isWhole(text: string): boolean {
  try {
    return toBytes(text) !== undefined && !text.includes("\0");
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

/** Disks and their partitions, whoever brings them. */
function namesTwice({ disks = [], programs = [] }: MachineFile): Contradiction[] {
  const named: [name: string, path: Where][] = [];
  const add = (disk: DiskPart, path: Where) => {
    named.push([disk.name, path]);
    for (const number of (disk.partitions ?? []).keys())
      named.push([partitionName(disk.name, number + 1), [...path, "partitions", `${number}`]]);
  };
  for (const [index, disk] of disks.entries()) add(disk, ["disks", `${index}`]);
  for (const [index, program] of programs.entries())
    for (const [at, disk] of (program.disks ?? []).entries()) add(disk, ["programs", `${index}`, "disks", `${at}`]);
  const names = named.map(([name]) => name);
  return named.flatMap(([name, path], index) =>
    names.indexOf(name) < index
      ? [{ path, message: `two block devices are named ${name}: give each a name of its own` }]
      : [],
  );
}

function inDisk({ files, partitions = [] }: DiskPart, path: Where, folder: string): Contradiction[] {
  return [
    ...inFiles(files, [...path, "files"], folder),
    ...partitions.flatMap((part, index) => inFiles(part.files, [...path, "partitions", `${index}`, "files"], folder)),
  ];
}

function inProgram(
  program: NonNullable<MachineFile["programs"]>[number],
  path: Where,
  folder: string,
): Contradiction[] {
  const { files = {}, disks = [], argv, status, signal } = program;
  const relative = Object.keys(files).filter((name) => !name.startsWith("/"));
  return [
    ...(argv[0] === "" ? [{ path: [...path, "argv"], message: "has to begin with a program's name" }] : []),
    ...(status !== undefined && signal !== undefined
      ? [{ path, message: "has a status and a signal: a program ends with one of them" }]
      : []),
    ...(signal === undefined || signal in constants.signals
      ? []
      : [{ path: [...path, "signal"], message: `there is no ${signal}: name one as SIGKILL` }]),
    ...relative.map((name) => ({
      path: [...path, "files", name],
      message: 'has to be an absolute path, which begins with "/"',
    })),
    ...inFiles(files, [...path, "files"], folder),
    ...disks.flatMap((disk, index) => inDisk(disk, [...path, "disks", `${index}`], folder)),
  ];
}

/** What of an object only a file has. */
const ofFiles = ["content", "size", "link", "archive", "damage", "volume"] as const;

function inFiles(files: FilesPart = {}, path: Where, folder: string): Contradiction[] {
  /** Which key each path belongs to, without slashes around it, and whether something can lie below it. */
  const seen = new Map<string, { key: string; isFolder: boolean }>();
  const found: Contradiction[] = [];
  const tell = (key: string, message: string) => void found.push({ path: [...path, key], message });
  for (const [key, file] of Object.entries(files)) {
    const names = key.split("/").filter(Boolean);
    if (names.some((name) => name === "." || name === "..")) tell(key, 'has to be a path without "." and ".."');
    else if (!names.length && !key.endsWith("/")) tell(key, "has to be the path of a file");
    const place = names.join("/");
    const before = seen.get(place);
    if (before) tell(key, `is the same place as ${before.key}: name it once`);
    seen.set(place, before ?? { key, isFolder: isFolder(key, file, folder) });
    for (const message of inFile(key, file)) tell(key, message);
    if (typeof file === "string") continue;
    found.push(...inFiles(file.archive, [...path, key, "archive"], folder));
    found.push(...inFiles(file.volume?.files, [...path, key, "volume", "files"], folder));
  }
  for (const [place, { key }] of seen) {
    const above = filesAbove(place).find((each) => seen.get(each)?.isFolder === false);
    if (above !== undefined) tell(key, `cannot be there: ${seen.get(above)?.key} is no folder`);
  }
  return found;
}

/** "a/b/c": "a", "a/b". */
const filesAbove = (place: string) =>
  place.split("/").flatMap((_, index, names) => (index ? [names.slice(0, index).join("/")] : []));

/** What is copied from a place that cannot be read is another error's matter. */
function isFolder(key: string, file: string | FilePart, folder: string): boolean {
  if (key.endsWith("/") || typeof file === "string" || file.from === undefined) return key.endsWith("/");
  return statSync(resolve(folder, file.from), { throwIfNoEntry: false })?.isDirectory() ?? true;
}

function inFile(key: string, file: string | FilePart): string[] {
  if (typeof file === "string")
    return key.endsWith("/") && file ? ['is a folder, because it ends in "/": it has no content'] : [];
  const has = (name: keyof FilePart) => file[name] !== undefined;
  const { content, size } = file;
  const together = (names: readonly (keyof FilePart)[]) => names.filter(has).join(", ");
  const problems: string[] = [];
  if (key.endsWith("/") && ofFiles.some(has))
    problems.push(`is a folder, because it ends in "/": it has no ${together(ofFiles)}`);
  if (has("from") && Object.keys(file).length > 1) problems.push("is copied whole by from: leave out everything else");
  else if (has("link") && Object.keys(file).length > 1)
    problems.push("is a symbolic link: leave out everything but link");
  if (has("content") && has("archive")) problems.push("has content and archive: give one");
  else if (has("content") && has("damage")) problems.push("has content and damage, which is an archive's: give one");
  if (content !== undefined && size !== undefined && bytesOf(size) < Buffer.byteLength(content))
    problems.push("has a size that is smaller than its content");
  return problems;
}
