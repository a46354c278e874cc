import { fromBytes } from "./bytes.js";
import type { SimulatedDevice } from "./description.js";
import { deviceAt } from "./devices.js";
import { Failure } from "./failure.js";
import type { ProgramEnd, ProgramModel } from "./programs.js";
import type { World } from "./world.js";

/** Numbers of the devices that the kernel has been told of. */
const registered = new WeakMap<World, Set<string>>();

function register(world: World, { number }: SimulatedDevice): void {
  const numbers = registered.get(world) ?? new Set();
  registered.set(world, numbers.add(number));
}

const sameFileSystem = ({ tags: { TYPE, UUID } }: SimulatedDevice) => {
  return ({ tags }: Pick<SimulatedDevice, "tags">) => TYPE === "btrfs" && tags.TYPE === TYPE && tags.UUID === UUID;
};

/** The devices of a file system, there or not: their devids are their places. */
const devicesOf = (world: World, device: SimulatedDevice) => world.description.devices.filter(sameFileSystem(device));

/** Does the kernel know all devices of the file system on this one? */
function isComplete(world: World, device: SimulatedDevice): boolean {
  const known = world.devices
    .all()
    .filter(sameFileSystem(device))
    .filter(({ number }) => registered.get(world)?.has(number));
  return known.length >= devicesOf(world, device).length;
}

/** What mount(2) asks of a btrfs, as Debian's kernel 6.1 does: whatever is missing, it is EINVAL. Throws Failure. */
export function checkBtrfs(world: World, device: SimulatedDevice, data: string): void {
  register(world, device);
  if (!isComplete(world, device) && !data.split(",").includes("degraded")) throw new Failure("EINVAL");
}

const failed = (words: string): ProgramEnd => ({ status: 1, stderr: `ERROR: ${words}\n` });

function ready(world: World, path: string): ProgramEnd {
  const device = deviceAt(world, path);
  if (!device) return failed(`not a block device: ${path}`);
  if (!world.description.monolithic && !world.loaded.has("btrfs"))
    return failed("failed to open /dev/btrfs-control: No such file or directory");
  if (device.tags.TYPE !== "btrfs")
    return failed(`unable to determine if device '${path}' is ready for mount: Invalid argument`);
  register(world, device);
  return { status: isComplete(world, device) ? 0 : 1 };
}

function dumpSuper(world: World, path: string): ProgramEnd {
  const device = deviceAt(world, path);
  if (device?.tags.TYPE !== "btrfs") return failed(`bad magic on superblock on ${path} at 65536`);
  const all = devicesOf(world, device);
  const place = all.findIndex(({ tags }) => tags.UUID_SUB === device.tags.UUID_SUB);
  return { stdout: `num_devices\t\t${all.length}\ndev_item.devid\t\t${place + 1}\n` };
}

/** btrfs-progs 6.2, in what the module btrfs asks of it. */
const btrfs: ProgramModel = ({ argv }, { world }) => {
  const [, group = "", command = "", path = ""] = argv;
  const words = `${group} ${command}`;
  if (words === "device ready") return { ...ready(world, path), lasts: 20 };
  if (words === "inspect-internal dump-super") return { ...dumpSuper(world, path), lasts: 20 };
  world.leaveOpen(`what ${fromBytes(argv.join(" "))} does`);
  return {};
};

export const btrfsPrograms: Readonly<Record<string, ProgramModel>> = { btrfs };
