import type { DeviceTags, DriverMatch, DriverResult, JobOps } from "../abi/index.js";
import { driverIndexPath } from "../abi/index.js";
import type { SimulatedDevice } from "./description.js";
import { normalizeAlias, openDriverIndex } from "./driver-index.js";
import { Failure } from "./failure.js";
import { addFiles, dataOf, type FileSystem, type FileTable, type Inode, type SimulatedFile } from "./file-tree.js";
import { hasDriver } from "./kernel-files.js";
import { type JobModels, soon, type World } from "./world.js";

/** The block devices that are there, and the drivers that bring them. */
export interface BlockDevices {
  all(): SimulatedDevice[];
  byNumber(number: string): SimulatedDevice | undefined;
  /** The device that a path leads to. Throws Failure: ENOENT, ENOTBLK, ENXIO. */
  at(path: string): SimulatedDevice;
  node(device: SimulatedDevice): SimulatedFile;
  /** It comes now; sysfs, devtmpfs and a uevent tell of it. */
  arrive(device: SimulatedDevice): void;
  /** It changes now. What sysfs holds of it stays as it is: see `show`. */
  replace(device: SimulatedDevice, change: Partial<SimulatedDevice>, properties?: Record<string, string>): void;
  /** Sysfs and devtmpfs hold what they are to hold of a device that is there. */
  show(device: SimulatedDevice): void;
  vanish(device: SimulatedDevice): void;
  /** A driver is in the kernel: its devices follow. */
  driverInserted(name: string): void;
  /** Throws Failure: ENOENT, EBADMSG. */
  resolve(alias: string): DriverMatch[];
  /** The file system on a device, once mounted: what is mounted twice is the same. */
  readonly systems: Map<string, FileSystem>;
}

/** Where a device is below /sys. */
const placeOf = ({ name, devpath = `simulated/block/${name}` }: Pick<SimulatedDevice, "name" | "devpath">): string =>
  `devices/${devpath}`;

const virtiofs = "virtiofs";

const sectorSize = 512;
export const sizeOfDevice = ({ sectors = 2048 }: SimulatedDevice): number => sectors * sectorSize;

const link = (target: string): SimulatedFile => ({ type: "symlink", mode: 0o777, target });
/** A link in sysfs leads up to its top, and down again. */
const linkBetween = (from: string, to: string) => link(`${"../".repeat(from.split("/").length - 1)}${to}`);
const holderOf = (member: Pick<SimulatedDevice, "name" | "devpath">, name: string) =>
  `${placeOf(member)}/holders/${name}`;

/** What sysfs holds of a device. */
export function deviceFiles(device: SimulatedDevice): FileTable {
  const { name, number, sectors = 2048, slaves = [], facts = {} } = device;
  const place = placeOf(device);
  const below = slaves.flatMap((slave) => {
    const [up, down] = [`${place}/slaves/${slave.name}`, holderOf(slave, name)];
    return [[up, linkBetween(up, placeOf(slave))] as const, [down, linkBetween(down, place)] as const];
  });
  return {
    [`${place}/dev`]: `${number}\n`,
    [`${place}/size`]: `${sectors}\n`,
    [`${place}/holders/`]: "",
    [`${place}/slaves/`]: "",
    ...Object.fromEntries(below),
    ...Object.fromEntries(Object.entries(facts).map(([path, content]) => [`${place}/${path}`, content])),
    [`class/block/${name}`]: link(`../../${place}`),
  };
}

export function createBlockDevices(world: World): BlockDevices {
  const { schedule, description } = world;
  const present = new Map<string, SimulatedDevice>();
  const systems = new Map<string, FileSystem>();
  let index: ((alias: string) => DriverMatch[]) | undefined;

  /** Mounted file systems of a type, which the kernel keeps up to date. */
  const mounted = (type: string) => [
    ...new Set(world.files.mounts.filter(({ system }) => system.type === type).map(({ system }) => system)),
  ];
  const node = ({ number }: SimulatedDevice): SimulatedFile => ({ type: "block", mode: 0o660, node: number });

  function announce(action: string, device: SimulatedDevice, properties: Record<string, string> = {}): void {
    const [MAJOR = "", MINOR = ""] = device.number.split(":");
    const DEVTYPE = /\d$/.test(device.name) && device.tags.PART_ENTRY_NUMBER !== undefined ? "partition" : "disk";
    schedule.uevent({
      action,
      devpath: placeOf(device).slice("devices".length),
      properties: { SUBSYSTEM: "block", MAJOR, MINOR, DEVNAME: device.name, DEVTYPE, ...properties },
    });
  }

  function show(device: SimulatedDevice): void {
    for (const system of mounted("sysfs")) addFiles(system, system.root, deviceFiles(device), world.realtime());
    for (const system of mounted("devtmpfs"))
      addFiles(system, system.root, { [device.name]: node(device) }, world.realtime());
  }

  function arrive(device: SimulatedDevice): void {
    present.set(device.name, device);
    show(device);
    for (const change of device.changes ?? []) schedule.after(change.after, () => alter(device, change));
    if (device.gone !== undefined) schedule.after(device.gone, () => vanish(device));
    announce("add", device);
  }

  function alter(device: SimulatedDevice, change: NonNullable<SimulatedDevice["changes"]>[number]): void {
    const { after: _, medium, ...rest } = change;
    // The size in sysfs stays that of the old medium until somebody opens the drive.
    replace(device, { ...rest, ...(medium ? { sectors: 2048 } : {}) }, medium ? { DISK_MEDIA_CHANGE: "1" } : {});
  }

  function replace(device: SimulatedDevice, change: Partial<SimulatedDevice>, properties = {}): void {
    const now = present.get(device.name);
    if (!now) return;
    present.set(device.name, { ...now, ...change });
    if (change.files || change.tags) systems.delete(device.number);
    announce("change", device, properties);
  }

  function vanish(device: SimulatedDevice): void {
    if (!present.delete(device.name)) return;
    const system = systems.get(device.number);
    if (system) system.dead = true;
    systems.delete(device.number);
    const holders = (device.slaves ?? []).map((slave) => holderOf(slave, device.name));
    for (const { root } of mounted("sysfs"))
      for (const path of [`class/block/${device.name}`, placeOf(device), ...holders]) drop(root, path);
    for (const { root } of mounted("devtmpfs")) root.children?.delete(device.name);
    announce("remove", device);
  }

  function resolve(alias: string): DriverMatch[] {
    const { drivers } = description;
    if (drivers) {
      const chain = drivers[alias] ?? drivers[normalizeAlias(alias)];
      return chain ? [{ name: chain.at(-1)?.name ?? "", chain: [...chain], blacklisted: false }] : [];
    }
    if (!index) {
      const { data = "" } = world.files.find(driverIndexPath);
      try {
        index = openDriverIndex(typeof data === "string" ? Buffer.from(data, "latin1") : data);
      } catch {
        throw new Failure("EBADMSG", driverIndexPath);
      }
    }
    return index(alias);
  }

  return {
    all: () => [...present.values()],
    byNumber: (number) => [...present.values()].find((device) => device.number === number),
    at(path) {
      const { type, node: number } = world.files.find(path);
      if (type !== "block") throw new Failure("ENOTBLK");
      const device = [...present.values()].find((one) => one.number === number);
      if (!device) throw new Failure("ENXIO");
      return device;
    },
    node,
    arrive,
    replace,
    show,
    vanish,
    driverInserted: (name) => {
      for (const device of description.devices)
        if (device.driver === name) schedule.after(device.after ?? 0, () => arrive(device));
      if (name === virtiofs) world.folders.driverInserted();
      world.hardware.driverInserted(name);
    },
    resolve,
    systems,
  };
}

/** Takes a path out of a file system, if it is there. */
function drop(top: Inode, path: string): void {
  const names = path.split("/");
  const folder = names.slice(0, -1).reduce<Inode | undefined>((at, name) => at?.children?.get(name), top);
  folder?.children?.delete(names.at(-1) ?? "");
}

/** The devices that need no driver of the image, at the start. */
export function startDevices(world: World): void {
  const { description, devices, folders, hardware, schedule } = world;
  if (hasDriver(world, virtiofs)) folders.driverInserted();
  hardware.start();
  for (const device of description.devices)
    if (device.driver === undefined && !device.behind && !device.layer) {
      if (device.after) schedule.after(device.after, () => devices.arrive(device));
      else devices.arrive(device);
    }
}

function probe(
  world: World,
  path: string,
): { tags: DeviceTags; ambivalent: boolean; size: number; sectorSize: number } {
  const device = world.devices.at(path);
  if (device.sectors === 0) throw new Failure("ENOMEDIUM");
  const { tags, ambivalent = false } = device;
  return { tags, ambivalent, size: sizeOfDevice(device), sectorSize };
}

/** A device's own times; what is no device answers at once. */
export function deviceAt(world: World, path: string): SimulatedDevice | undefined {
  try {
    return world.devices.at(path);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

function insertOne(world: World, { name, path }: JobOps["insert"][0]["drivers"][number]): DriverResult {
  const error = world.description.insertionFails?.[name];
  if (error) return { name, inserted: false, error };
  if (world.description.drivers === undefined) {
    const objection = objectionTo(world, path);
    if (objection) return { name, inserted: false, error: objection };
  }
  const inserted = !world.loaded.has(name);
  world.loaded.add(name);
  if (inserted) world.devices.driverInserted(name);
  return { name, inserted };
}

/** Compressed (gzip, xz, zstd) or not, a driver is an ELF file. */
const driverMagics = ["\x7fELF", "\x1f\x8b", "\xfd7zXZ", "(\xb5/\xfd"];

function objectionTo({ files }: World, path: string): string | undefined {
  try {
    const file = files.find(path);
    if (file.type === "file" && !dataOf(file)) return "EINVAL";
    const isDriver = file.type === "file" && driverMagics.some((magic) => dataOf(file).startsWith(magic));
    return isDriver ? undefined : "ENOEXEC";
  } catch (error) {
    if (error instanceof Failure) return error.errno;
    throw error;
  }
}

const insertion = 5;

/** Jobs on devices and drivers. */
export const deviceJobs: JobModels<"probe" | "insert"> = {
  probe: (world, { device }) => ({
    lasts: deviceAt(world, device)?.probeLasts ?? soon(() => 0).lasts,
    result: () => probe(world, device),
  }),
  insert: (world, { drivers }) => {
    const lasts = drivers.map(({ name }) => world.description.insertionLasts?.[name] ?? 0);
    return {
      lasts: Math.max(insertion, ...lasts),
      result: () => ({ results: drivers.map((driver) => insertOne(world, driver)) }),
    };
  },
};
