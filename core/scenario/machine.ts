import type { MachineDescription } from "../rehearsal/description.js";
import { Failure } from "../rehearsal/failure.js";
import { join } from "../rehearsal/file-space.js";
import { addFiles, isFolder, type SimulatedFile } from "../rehearsal/file-tree.js";
import { mount } from "../rehearsal/mounts.js";
import { knownPrograms, type ScriptedResult, scriptedPrograms } from "../rehearsal/program-models.js";
import type { World } from "../rehearsal/world.js";
import type { MachineFile, ProgramPart } from "../schema/machine.js";
import type { RehearsedImage } from "./image.js";
import { initArguments } from "./init-arguments.js";
import { bytesOf, devicesOf, filesOf, foldersOf, milliseconds } from "./machine-parts.js";

/** The machine that a file describes, with an image in its memory. `folder`: where the file is. Throws BuildError. */
export function machineOf(
  machine: MachineFile,
  image: Pick<RehearsedImage, "files" | "kernel" | "staticInit" | "snapshotProblem">,
  folder: string,
  commandLine: string,
): MachineDescription {
  const {
    kernel = {},
    memory,
    nodes,
    disks,
    virtiofs,
    modaliases = [],
    drivers = {},
    programs = [],
    console,
    sysfs,
  } = machine;
  const table = Object.entries(drivers);
  const scripted = scriptedPrograms(
    programs.map((program, index) =>
      scriptedResult(program, folder, (disks?.length ?? 0) + index * mostDisksOfProgram),
    ),
  );
  return {
    commandLine,
    init: {
      arguments: initArguments(commandLine),
      ...(image.snapshotProblem === undefined ? {} : { snapshot: image.snapshotProblem }),
    },
    kernel: { release: kernel.release ?? image.kernel.release, machine: kernel.machine ?? image.kernel.machine },
    initramfs: image.files,
    devices: devicesOf(disks, folder),
    ...(virtiofs ? { folders: foldersOf(virtiofs, folder) } : {}),
    modaliases,
    insertionLasts: Object.fromEntries(
      table.flatMap(([name, { lasts }]) => (lasts === undefined ? [] : [[driverName(name), milliseconds(lasts)]])),
    ),
    insertionFails: Object.fromEntries(
      table.flatMap(([name, { fails }]) => (fails === undefined ? [] : [[driverName(name), fails]])),
    ),
    missingTypes: kernel.lacks ?? [],
    mountOptions: kernel.mountOptions ?? [],
    monolithic: image.kernel.monolithic,
    ...(image.staticInit ? { drivers: {} } : {}),
    programs: {},
    modelled: { ...knownPrograms, ...scripted },
    ...(memory === undefined ? {} : { memory: bytesOf(memory) }),
    ...(nodes === undefined ? {} : { nodes }),
    ...(sysfs ? { sysfs: filesOf(sysfs, folder) } : {}),
    ...(console
      ? {
          console: console.map(({ line, cancel, after }) => ({
            ...(cancel ? { cancel } : { line: line ?? "" }),
            ...(after === undefined ? {} : { after: milliseconds(after) }),
          })),
        }
      : {}),
  };
}

/** - and _ are alike in it, as for modprobe(8). */
const driverName = (name: string) => name.replaceAll("-", "_");

/** Device numbers of what programs make do not meet those of disks. */
const mostDisksOfProgram = 16;

function scriptedResult(program: ProgramPart, folder: string, firstDisk: number): ScriptedResult {
  const { argv, lasts = 0.1, files, disks, mounts = [], status, signal, stdout, stderr } = program;
  const [made, devices] = [filesOf(files, folder), devicesOf(disks, folder, firstDisk)];
  return {
    argv,
    lasts: milliseconds(lasts),
    ...(status === undefined ? {} : { status }),
    ...(signal === undefined ? {} : { signal }),
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
    effect(world) {
      const program = argv.join(" ");
      for (const [path, file] of Object.entries(made))
        makeAsDescribed(world, `${program} makes ${path}`, () => makeFile(world, path, file));
      for (const device of devices)
        if (device.after) world.schedule.after(device.after, () => world.devices.arrive(device));
        else world.devices.arrive(device);
      for (const { device, on, type, readOnly } of mounts)
        makeAsDescribed(world, `${program} mounts ${device} on ${on} (${type})`, () =>
          mount(world, { source: device, target: on, type, flags: readOnly ? ["ro"] : [], data: "" }),
        );
    },
  };
}

/** What a program makes, as described. The description contradicts itself where that does not go. */
function makeAsDescribed(world: World, what: string, make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    world.leaveOpen(`how ${what}: ${error.errno}`);
  }
}

/** With the folders on the way. Throws Failure: ENOTDIR, ENOSPC. */
function makeFile(world: World, path: string, file: string | SimulatedFile): void {
  let below = path.replace(/^\/+/, "");
  let above = "/";
  for (;;) {
    const [, first = "", rest = ""] = /^([^/]+)\/+([^/].*)$/.exec(below) ?? [];
    if (!first || !world.files.has(join(above, first))) break;
    [above, below] = [join(above, first), rest];
  }
  const { mount, inode } = world.files.spot(above);
  if (!isFolder(inode)) throw new Failure("ENOTDIR", above);
  addFiles(mount.system, inode, { [below]: file }, world.realtime());
}
