import type { DriverFile, JobName, JobOps, ProgramRequest } from "../abi/index.js";
import type { MachineDescription, SimulatedDevice } from "./description.js";
import { Failure } from "./failure.js";
import { type FileSpace, fileSystemOf, type SimulatedFile } from "./file-tree.js";

/** What a job needs of the machine. */
export interface JobWorld {
  description: MachineDescription;
  files: FileSpace;
  /** Devices that are there, by path. */
  present: Map<string, SimulatedDevice>;
  loaded: Set<string>;
  /** A driver has come: its devices follow. */
  driverInserted(name: string): void;
}

/** A job's result when it ends, and how long it takes in milliseconds. */
export interface JobCourse {
  lasts: number;
  result(): unknown;
}

type Models = { [Name in JobName]?: (world: JobWorld, request: JobOps[Name][0]) => JobCourse };

const at = (lasts: number, result: () => unknown): JobCourse => ({ lasts, result });

/** Where a device is below /sys. */
export const placeOf = ({ name, devpath = `simulated/block/${name}` }: SimulatedDevice): string => `devices/${devpath}`;

/** What sysfs and devtmpfs hold of a device. */
export const inSysfs = (device: SimulatedDevice): Record<string, string | SimulatedFile> => {
  const { name, number, sectors = 2048 } = device;
  const place = placeOf(device);
  return {
    [`${place}/dev`]: `${number}\n`,
    [`${place}/size`]: `${sectors}\n`,
    [`class/block/${name}`]: { type: "symlink", mode: 0o777, target: `../../${place}` },
  };
};
export const deviceNode = ({ number }: SimulatedDevice): SimulatedFile => ({
  type: "block",
  mode: 0o660,
  node: number,
});

const virtualFileSystems: Record<string, (world: JobWorld) => Record<string, string | SimulatedFile>> = {
  proc: ({ description }) => ({
    cmdline: `${description.commandLine}\n`,
    filesystems: "nodev\tsysfs\nnodev\ttmpfs\n\text4\n",
    "self/mounts": "",
  }),
  sysfs: ({ description, present }) => ({
    "class/block/": "",
    ...description.sysfs,
    ...Object.assign({}, ...[...present.values()].map(inSysfs)),
    ...Object.fromEntries(
      description.modaliases.map((alias, index) => [
        `bus/${alias.split(":", 1)[0]}/devices/${index}/modalias`,
        `${alias}\n`,
      ]),
    ),
  }),
  devtmpfs: ({ present }) => ({
    console: "",
    ...Object.fromEntries([...present.values()].map((device) => [device.name, deviceNode(device)])),
  }),
  tmpfs: () => ({}),
  devpts: () => ({}),
};

/** Also what the instant op for virtual file systems does. */
export function mount(world: JobWorld, { source, target, type }: JobOps["mount"][0]): void {
  const point = world.files.locate(target, { job: true }).path;
  if (world.files.find(point, { job: true }).type !== "dir") throw new Failure("ENOTDIR");
  if (world.description.missingTypes?.includes(type)) throw new Failure("ENODEV");
  const made = virtualFileSystems[type];
  if (made) {
    world.files.mounts.set(point, fileSystemOf(made(world)));
    return;
  }
  const device = world.present.get(source);
  if (!device) throw new Failure("ENOENT");
  if (device.tags.TYPE !== type) throw new Failure("EINVAL", "wrong file system type");
  world.files.mounts.set(point, fileSystemOf(device.files ?? {}));
  world.files.disks.add(point);
}

function insert(world: JobWorld, drivers: DriverFile[]): unknown {
  const results = drivers.map(({ name }) => {
    const inserted = !world.loaded.has(name);
    world.loaded.add(name);
    if (inserted) world.driverInserted(name);
    return { name, inserted };
  });
  return { results };
}

function run({ description }: JobWorld, request: ProgramRequest): JobCourse {
  const name = String(request.argv[0]);
  const model = description.programs[name.slice(name.lastIndexOf("/") + 1)];
  if (!model)
    return at(1, () => {
      throw new Failure("ENOENT", name);
    });
  const { lasts = 1, ...ended } = model(request);
  const kept = {
    ...(request.stdout === "keep" ? { stdout: "" } : {}),
    ...(request.stderr === "keep" ? { stderr: "" } : {}),
  };
  return at(lasts, () => ({ status: ended.signal ? null : 0, signal: null, ...kept, ...ended }));
}

/** What PID 1 would say of init where it will be, with the mount points that move along. */
function objectionTo(files: FileSpace, { root, init, moves }: JobOps["trySwitch"][0]): string | null {
  if (!files.mounts.has(root)) return `${root} is no mount point`;
  const moving = [...files.mounts].filter(([point]) => moves.some((path) => `${point}/`.startsWith(`${path}/`)));
  for (const [point, tree] of moving) files.mounts.set(`${root}${point}`, tree);
  try {
    const { type, mode } = files.find(init, { job: true, root });
    if (type !== "file") return `${init} is ${type === "dir" ? "a directory" : "no file"}`;
    return mode & 0o111 ? null : `${init} is not executable`;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return `${init} ${error.errno === "ENOENT" ? "is not there, or a link to nothing" : error.errno}`;
  } finally {
    for (const [point] of moving) files.mounts.delete(`${root}${point}`);
  }
}

/** The jobs that the simulated machine knows. */
export const jobModels: Models = {
  mount: (world, request) =>
    at(world.present.get(request.source)?.mountLasts ?? 1, () => {
      mount(world, request);
      return {};
    }),
  unmount: ({ files }, { target }) =>
    at(1, () => {
      const point = files.locate(target, { job: true }).path;
      if (point === "/" || !files.mounts.delete(point)) throw new Failure("EINVAL", "not a mount point");
      files.disks.delete(point);
      return {};
    }),
  insert: (world, { drivers }) => {
    const lasts = drivers.map(({ name }) => world.description.insertionLasts?.[name] ?? 0);
    return at(Math.max(5, ...lasts), () => insert(world, drivers));
  },
  probe: ({ present }, { device }) =>
    at(present.get(device)?.probeLasts ?? 1, () => {
      const found = present.get(device);
      if (!found) throw new Failure("ENOENT");
      if (found.sectors === 0) throw new Failure("ENOMEDIUM");
      return { tags: found.tags, ambivalent: false, size: 1 << 20, sectorSize: 512 };
    }),
  statFile: ({ files }, { path, root, follow }) =>
    at(1, () => {
      const file = files.find(path, { job: true, last: follow !== false, ...(root === undefined ? {} : { root }) });
      return { ...files.status(file), executable: file.type === "file" && (file.mode & 0o111) !== 0 };
    }),
  readFile: ({ files }, { path, root, offset = 0, length }) =>
    at(1, () => {
      const file = files.find(path, { job: true, ...(root === undefined ? {} : { root }) });
      if (file.type !== "file") throw new Failure("EISDIR");
      const data = file.data ?? "";
      return { data: data.slice(offset, length === undefined ? undefined : offset + length), size: data.length };
    }),
  run: (world, request) => run(world, request),
  trySwitch: ({ files }, word) => at(1, () => ({ objection: objectionTo(files, word) })),
};
