import { toBytes } from "./bytes.js";
import type { Layer, SimulatedDevice } from "./description.js";
import { Failure } from "./failure.js";
import { addFiles, type FileTable } from "./file-tree.js";
import type { World } from "./world.js";

/** A device that is made of others: an array, a volume, an opened container. */
export type LayeredDevice<Kind extends Layer["kind"] = Layer["kind"]> = SimulatedDevice & {
  layer: Extract<Layer, { kind: Kind }>;
};

/** Of one kind, or all, those of the description, there or not, in its order. */
export function layered<Kind extends Layer["kind"] = Layer["kind"]>(world: World, kind?: Kind): LayeredDevice<Kind>[] {
  return world.description.devices.filter(
    (device): device is LayeredDevice<Kind> =>
      device.layer !== undefined && (kind === undefined || device.layer.kind === kind),
  );
}

/** The device that the description has under this name, if it is there; a layered one then has another name. */
export const deviceNamed = (world: World, name: string): SimulatedDevice | undefined =>
  world.devices.all().find((device) => (device.described ?? device.name) === name);

export const isThere = (world: World, name: string): boolean => deviceNamed(world, name) !== undefined;

/** The members of a layered device that are there. */
export const membersThere = (world: World, { layer }: Pick<LayeredDevice, "layer">): SimulatedDevice[] =>
  layer.members.flatMap((name) => deviceNamed(world, name) ?? []);

/** Does a secret, bytes that were typed or read of a file, open a container? Where nothing is said of its secrets, each does. */
export const opens = ({ layer: { passphrases, keys } }: LayeredDevice<"luks">, secret: string): boolean =>
  passphrases.length + keys.length === 0 || [...passphrases, ...keys].some((right) => toBytes(right) === secret);

/** What of a device that is there may differ from its description, or change. `slaves`: not all of its members that are there have been given to it. */
export type LayerChange = Partial<Pick<SimulatedDevice, "sectors" | "tags" | "files" | "facts" | "slaves">>;

/**
 * A layered device comes, under this name of the kernel ("md127"), on those of its members that are there: sysfs, devtmpfs and a uevent tell of it.
 * `change`: what is not yet, or no more, as described (an array that does not run: sectors 0, no tags).
 */
export function bring(
  world: World,
  device: LayeredDevice,
  kernelName: string,
  change: LayerChange = {},
): SimulatedDevice {
  const brought: SimulatedDevice = {
    ...device,
    slaves: membersThere(world, device),
    ...change,
    facts: { ...factsOf(device), ...change.facts },
    described: device.name,
    name: kernelName,
    number: numberOf(kernelName),
    devpath: `virtual/block/${kernelName}`,
  };
  world.devices.arrive(brought);
  return brought;
}

/** What is there changes (an array runs, a mapping is suspended), and lies on those of its members that are there now. A uevent "change" tells of it. */
export function changeLayer(world: World, kernelName: string, change: LayerChange): void {
  const device = world.devices.all().find(({ name }) => name === kernelName);
  if (!device?.layer) return;
  const slaves = membersThere(world, { layer: device.layer });
  const after = { slaves, ...change, facts: { ...device.facts, ...change.facts } };
  world.devices.show({ ...device, ...after });
  world.devices.replace(device, after);
}

/**
 * A mapping of the device mapper comes on those of its members that are there, as the next free dm-N, with a node in /dev/mapper, which libdevmapper
 * makes where no udevd runs. Throws Failure EBUSY: a mapping has this name or UUID.
 */
export function bringMapping(
  world: World,
  device: LayeredDevice,
  { name, uuid }: { name: string; uuid: string },
): SimulatedDevice {
  const taken = [`${name}\n`, `${uuid}\n`];
  const others = world.devices.all().flatMap(({ facts = {} }) => [facts["dm/name"], facts["dm/uuid"]]);
  if (others.some((one) => typeof one === "string" && taken.includes(one))) throw new Failure("EBUSY");
  const names = new Set(world.devices.all().map((one) => one.name));
  let minor = 0;
  while (names.has(`dm-${minor}`)) minor++;
  const facts = { "dm/name": `${name}\n`, "dm/uuid": `${uuid}\n`, "dm/suspended": "0\n" };
  const brought = bring(world, device, `dm-${minor}`, { facts });
  for (const system of nodeSystems(world))
    addFiles(system, system.root, { [`mapper/${name}`]: world.devices.node(brought) }, world.realtime());
  return brought;
}

/** An array is stopped, a mapping removed. */
export function takeAway(world: World, device: SimulatedDevice): void {
  const name = device.facts?.["dm/name"];
  if (typeof name === "string")
    for (const { root } of nodeSystems(world)) root.children?.get("mapper")?.children?.delete(name.trim());
  world.devices.vanish(device);
}

const nodeSystems = (world: World) => [
  ...new Set(world.files.mounts.map(({ system }) => system).filter(({ type }) => type === "devtmpfs")),
];

/** What sysfs says of an array that runs (Documentation/admin-guide/md.rst). */
function factsOf({ layer }: LayeredDevice): FileTable {
  if (layer.kind !== "raid") return {};
  const { level, metadata, members } = layer;
  return {
    "md/array_state": "clean\n",
    "md/level": `${level}\n`,
    "md/raid_disks": `${members.length}\n`,
    "md/metadata_version": `${metadata}\n`,
  };
}

/** Of arrays with a name (CREATE names=yes) the kernel counts the minor numbers down from 511 (drivers/md/md.c); one is enough here. */
const minorOfNamed = 511;

/** md is 9 in all kernels; the device mapper has what is free, mostly 253 or 254. */
function numberOf(kernelName: string): string {
  const [, family, minor = minorOfNamed] = /^(md|dm-)(\d+)$/.exec(kernelName) ?? [];
  return `${family === "dm-" ? 253 : 9}:${minor}`;
}
