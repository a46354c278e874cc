import type { SimulatedDevice } from "./description.js";
import { Failure } from "./failure.js";
import { takeAway } from "./layers.js";
import { type JobModels, soon, type World } from "./world.js";

/** Where the device mapper is asked. */
const control = "/dev/mapper/control";
/** Longest name, with the NUL at its end (DM_NAME_LEN). */
const nameSize = 128;

/** Throws Failure EBUSY: it is mounted, or another device is made of it. */
function stop(world: World, device: SimulatedDevice): void {
  const { files, devices } = world;
  const mounted = files.mounts.some(({ system }) => system.device === device.number);
  if (mounted || devices.all().some(({ slaves = [] }) => slaves.some(({ name }) => name === device.name)))
    throw new Failure("EBUSY");
  takeAway(world, device);
}

/** As the ioctl DM_DEV_REMOVE. */
function removeMapping(world: World, name: string): void {
  if (name.length >= nameSize) throw new Failure("ENAMETOOLONG");
  const device = world.devices.all().find(({ facts }) => facts?.["dm/name"] === `${name}\n`);
  // Where there is a mapping there is the driver, and its node.
  if (!device) throw new Failure(world.files.has(control) ? "ENXIO" : "ENOENT", control);
  stop(world, device);
}

/** As the ioctl STOP_ARRAY. */
function stopArray(world: World, path: string): void {
  if (world.files.find(path).type !== "block") throw new Failure("ENXIO");
  const device = world.devices.at(path);
  if (device.layer?.kind !== "raid") throw new Failure("ENXIO");
  stop(world, device);
}

const nothing = (action: () => void) =>
  soon(() => {
    action();
    return {};
  });

/** Jobs that end what a system's devices are made of. */
export const stopJobs: JobModels<"removeMapping" | "stopArray" | "swapOff"> = {
  removeMapping: (world, { name }) => nothing(() => removeMapping(world, name)),
  stopArray: (world, { device }) => nothing(() => stopArray(world, device)),
  // Nobody swaps.
  swapOff: (world, { device }) =>
    nothing(() => {
      world.files.find(device);
      throw new Failure("EINVAL");
    }),
};
