import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serveFolders } from "../../core/emulator/virtiofsd.js";
import { compileShared, compileStatic } from "../support/compile.js";
import { makeDisk } from "../support/disks.js";
import type { Kernel } from "../support/kernels.js";
import { outFolder, projectFolder } from "../support/paths.js";
import { type GuestSettings, startGuest } from "../support/qemu.js";
import { run } from "../support/run.js";
import { emptyFolder, packImage } from "./floors.js";
import { median } from "./median.js";

const sources = join(projectFolder, "test/bench");
const folder = join(outFolder, "bench");
const rootUuid = "8f3c6a0e-52c1-4a3d-9d7e-0a1b2c3d4e5f";

/** What measured boots arrive at: what the guest has for it, and what the kernel is told. */
export interface MeasuredRoot {
  parameters: string;
  /** For one guest. */
  offer(): Promise<{ settings: RootSettings; end(): Promise<void> }>;
}

type RootSettings = Pick<GuestSettings, "disks" | "folders" | "memory" | "qemuArguments">;

/** What is there without a process that serves it. */
export const onDisks = (parameters: string, settings: RootSettings): MeasuredRoot => ({
  parameters,
  offer: async () => ({ settings, end: async () => {} }),
});

/** An ext4 file system on a disk. */
export const diskRoot = onDisks(`root=UUID=${rootUuid} ro`, { disks: [{ file: join(folder, "disk.img") }] });

/** A folder, as osbuild has it, with another one mounted. */
export const folderRoot: MeasuredRoot = {
  parameters: "rootfs=rootfs mount=mnt0 init=/sbin/init",
  async offer() {
    const { servers, stop } = await serveFolders([
      { tag: "rootfs", folder: join(folder, "root") },
      { tag: "mnt0", folder: join(folder, "start") },
    ]);
    return { settings: { folders: servers }, end: stop };
  },
};

const files = {
  plugin: join(folder, "count.so"),
  /** A cpio archive that goes behind an image. */
  start: join(folder, "start.cpio"),
};

/** Compiles what counts, and makes what all measured boots arrive at. */
export async function prepareBoots(): Promise<void> {
  await mkdir(folder, { recursive: true });
  await compileShared(join(sources, "count.c"), files.plugin, [`-DPLUGIN_INTERFACE=${await pluginInterface()}`]);

  const start = await emptyFolder("start");
  await compileStatic(join(sources, "start.c"), join(start, "start"));
  await packImage(start, "cat", files.start);

  const root = await emptyFolder("root");
  // As much of a root file system as the peers look for.
  for (const name of ["dev", "etc", "proc", "run", "sbin", "sys", "tmp", "usr"]) {
    await mkdir(join(root, name));
  }
  await writeFile(join(root, "etc/os-release"), "ID=end\n");
  await compileStatic(join(sources, "end.c"), join(root, "sbin/init"), ["-nostdlib", "-fno-stack-protector"]);
  const fileSystem = { uuid: rootUuid, label: "end", content: root, size: 32 };
  await makeDisk(join(folder, "disk.img"), [{ uuid: "8f3c6a0e-0001-4a3d-9d7e-0a1b2c3d4e5f", name: "end", fileSystem }]);
}

/** The version of the plugin interface that this machine's QEMU takes: 7.2 only 1, since 9.0 no longer 1. */
async function pluginInterface(): Promise<1 | 3> {
  const major = /version (\d+)/.exec(await run(["qemu-system-x86_64", "--version"]))?.[1];
  return Number(major) < 9 ? 1 : 3;
}

/** The kernel unpacks archive after archive; an uncompressed one begins at a multiple of four bytes. */
export async function appendArchives(image: string, archives: readonly string[], initrd: string): Promise<void> {
  let content = await readFile(image);
  for (const archive of archives) {
    const padding = Buffer.alloc((4 - (content.length % 4)) % 4);
    content = Buffer.concat([content, padding, await readFile(archive)]);
  }
  await writeFile(initrd, content);
}

/** One boot that was counted. */
export interface CountedBoot {
  /** What was passed, in this order: a marker's number, and how many instructions were executed up to it, in all and by the kernel. */
  marks: Mark[];
  /** What the new root's init has handed out (end.c): the recording of a boot of ours, /proc/meminfo and /proc/zoneinfo. */
  told: Buffer;
}

export interface Mark {
  id: number;
  instructions: number;
  kernel: number;
  /** Microseconds on this machine's clock. */
  time: number;
}

/** Of start.c and end.c. */
export const [startMarker, endMarker] = [1, 2];

/** What is booted, and on what. */
export interface BootSettings {
  kernel: Kernel;
  image: string;
  machine: string;
  root: MeasuredRoot;
  /** Addresses in /init that are markers, too, by their numbers. */
  watches?: ReadonlyMap<number, string>;
  /** Does the new root's init hand out what it can tell? */
  tells?: true;
}

let boots = 0;

/** Boots once, and counts. Rejects where the boot does not arrive. */
export async function countBoot({ kernel, image, machine, root, watches, tells }: BootSettings): Promise<CountedBoot> {
  const file = (ending: string) => join(folder, `boot-${number}.${ending}`);
  const number = boots++;
  await appendArchives(image, [files.start], file("img"));
  const plugin = [
    files.plugin,
    `counts=${file("counts")}`,
    ...[...(watches ?? [])].map((watch) => `watch=${watch.join(":")}`),
  ];
  const { settings, end: stop } = await root.offer();
  const guest = startGuest({
    kernel: kernel.image,
    initrd: file("img"),
    // Since 6.12 the kernel still tests its ciphers while /init runs: 0 to 300 million instructions that are not the boot's.
    cmdline: `quiet cryptomgr.notests rdinit=/start ${root.parameters}`,
    memory: 1024,
    // A boot of a peer's image takes half a minute on a quiet machine.
    timeLimit: 300,
    ...settings,
    machine,
    logFile: file("log"),
    ...(tells ? { recordingFile: file("told") } : {}),
    qemuArguments: [...(settings.qemuArguments ?? []), "-plugin", plugin.join(",")],
  });
  await guest.ended().finally(stop);
  const marks = readMarks(await readFile(file("counts"), "utf8"));
  for (const marker of [startMarker, endMarker])
    if (!marks.some(({ id }) => id === marker))
      throw new Error(`${image} did not boot past both markers on ${machine}; its console is in ${file("log")}`);
  const told = tells ? await readFile(file("told")) : Buffer.alloc(0);
  for (const ending of ["img", "counts", "log", "told"]) await rm(file(ending), { force: true });
  return { marks, told };
}

/** Boots so many times, one after the other. */
export async function countBoots(settings: BootSettings, times: number): Promise<CountedBoot[]> {
  const counted: CountedBoot[] = [];
  for (let boot = 0; boot < times; boot++) counted.push(await countBoot(settings));
  return counted;
}

function readMarks(counts: string): Mark[] {
  return counts
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [id = 0, instructions = 0, kernel = 0, time = 0] = line.split(" ").map(Number);
      return { id, instructions, kernel, time };
    });
}

const between = ({ marks }: CountedBoot, figure: "instructions" | "time"): number => {
  const at = (marker: number) => marks.find(({ id }) => id === marker)?.[figure] ?? Number.NaN;
  return at(endMarker) - at(startMarker);
};

/** Millions, from /init's first to the first one of the new root's init. */
export const instructionsOf = (boot: CountedBoot): number => between(boot, "instructions") / 1e6;

/** Millions, of several boots of one image. */
export const medianInstructions = (boots: readonly CountedBoot[]): number => median(boots.map(instructionsOf));

/** Seconds on this machine's clock for them. */
export const secondsOf = (boot: CountedBoot): number => between(boot, "time") / 1e6;
