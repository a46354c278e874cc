import type { DiskPart, FilesPart, FolderPart, MachineFile } from "../schema/machine.js";

/** A machine that nobody has described, and what was assumed of it. */
export interface AssumedMachine {
  machine: MachineFile;
  /** In one sentence. */
  assumption: string;
}

const tagNames = ["UUID", "LABEL", "PARTUUID", "PARTLABEL"];

const program = { mode: "0755" };

/** What a root file system has that a boot looks for. */
const rootFiles: FilesPart = {
  "sbin/init": program,
  "dev/": "",
  "proc/": "",
  "run/": "",
  "sys/": "",
};
const archiveName = "rootfs.tar.zst";

/** Words of a kernel command line, with their quotes. */
export const wordsOf = (commandLine: string): string[] => commandLine.match(/(?:"[^"]*"|[^\s"])+/g) ?? [];

/** The last value of a parameter of a kernel command line; undefined: it is not there, or has none. */
export function parameterOf(commandLine: string, name: string): string | undefined {
  return wordsOf(commandLine)
    .map((word) => word.replaceAll('"', ""))
    .findLast((word) => word.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

/**
 * The machine that a kernel command line is meant for, as far as that tells: a disk, which needs no driver, with the root that is named, or folders
 * of the host. undefined: it names no root that is on a disk, or by what hardware it is.
 */
export function assumedMachine(commandLine: string, machine: MachineFile = {}): AssumedMachine | undefined {
  const folders = assumedFolders(commandLine);
  if (folders.length)
    return {
      machine: { ...machine, virtiofs: folders },
      assumption: `no machine is described: ${folders.length === 1 ? "a folder of the host is" : "folders of the host are"} assumed, by virtiofs: ${folders.map(({ tag }) => tag).join(", ")}; a root with /sbin/init and /bin/sh in the first`,
    };
  const root = parameterOf(commandLine, "root")?.replace(/^block:/, "");
  if (root === undefined) return undefined;
  const isArchive = root.startsWith("tmpfs:");
  const source = root.replace(/^tmpfs:/, "");
  const [, tag = "", value = ""] = /^(\w+)=(.+)$/.exec(source) ?? [];
  const name = /^\/dev\/([a-z][a-z0-9]*)$/.exec(source)?.[1];
  if (!tagNames.includes(tag) && name === undefined) return undefined;
  const type = parameterOf(commandLine, "rootfstype")?.split(",")[0] ?? "ext4";
  const archive = parameterOf(commandLine, "rd.tmpfs.imgfile") ?? archiveName;
  const disk: DiskPart = {
    name: name ?? "vda",
    tags: {
      TYPE: type,
      ...(name === undefined
        ? { [tag.startsWith("PART") ? `PART_ENTRY_${tag === "PARTUUID" ? "UUID" : "NAME"}` : tag]: value }
        : {}),
    },
    files: isArchive ? { [archive]: { size: "300M", archive: rootFiles } } : rootFiles,
  };
  const holds = isArchive ? `an archive ${archive} of a root` : "a root with /sbin/init";
  return {
    machine: { ...machine, disks: [disk] },
    assumption: `no machine is described: a disk is assumed, there from the start, that is ${source}, with ${type} and ${holds}`,
  };
}

/** Folders that are named by the words of the module virtiofs, the root first. None: the root is something else. */
function assumedFolders(commandLine: string): FolderPart[] {
  const root = parameterOf(commandLine, "root");
  const byType = parameterOf(commandLine, "rootfstype") === "virtiofs" ? root : undefined;
  const tag = parameterOf(commandLine, "rootfs") ?? /^virtiofs:(.+)$/.exec(root ?? "")?.[1] ?? byType;
  if (tag === undefined) return [];
  const others = wordsOf(commandLine).flatMap((word) => /^mount(?:-ro)?=([^/]+)$/.exec(word)?.[1] ?? []);
  const [, holder, path = ""] = /^\/run\/mnt\/([^/]+)\/(.+)$/.exec(parameterOf(commandLine, "init") ?? "") ?? [];
  return [
    { tag: tag || "rootfs", files: { ...rootFiles, "bin/sh": program, "tmp/": "" } },
    ...[...new Set(others)].map((other) => ({ tag: other, files: other === holder ? { [path]: program } : {} })),
  ];
}
