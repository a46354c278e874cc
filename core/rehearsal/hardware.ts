import type { SimulatedDevice, SimulatedFolder } from "./description.js";
import { Failure } from "./failure.js";
import { addFiles, type FileTable } from "./file-tree.js";
import type { World } from "./world.js";

/** What is on the machine's buses: each device waits for a driver that answers its modalias, which brings what is behind it. */
export interface Hardware {
  /** What sysfs holds of it. */
  files(): FileTable;
  /** All that is on the outermost buses is there. */
  start(): void;
  driverInserted(name: string): void;
}

interface Node {
  modalias: string;
  /** Place in the list of all: sysfs has it under this name. */
  number: number;
  present: boolean;
  bound: boolean;
  behind: Node[];
  disks: SimulatedDevice[];
  folders: SimulatedFolder[];
}

/** Of these modules.builtin.modinfo does not tell which devices they answer: Debian 13's kernel has them built in. */
const silentDrivers: readonly [name: string, devices: RegExp][] = [
  ["virtio_pci", /^pci:v00001AF4d/],
  ["virtiofs", /^virtio:d0000001Av/],
];

const busOf = (modalias: string) => modalias.split(":", 1)[0] ?? "";

export function createHardware(world: World): Hardware {
  const { description, devices, folders, schedule } = world;
  const nodes = new Map<string, Node>();
  const outermost: Node[] = [];

  /** The device at the end of this way, made where it is the first of its kind. */
  function nodeAt(way: readonly string[]): Node | undefined {
    let above: Node | undefined;
    for (let depth = 1; depth <= way.length; depth++) {
      const key = way.slice(0, depth).join("\0");
      let node = nodes.get(key);
      if (!node) {
        const modalias = way[depth - 1] ?? "";
        node = { modalias, number: nodes.size, present: false, bound: false, behind: [], disks: [], folders: [] };
        nodes.set(key, node);
        (above?.behind ?? outermost).push(node);
      }
      above = node;
    }
    return above;
  }

  const fileOf = ({ modalias, number }: Node): FileTable => ({
    [`bus/${busOf(modalias)}/devices/behind${number}/modalias`]: `${modalias}\n`,
  });

  function appear(node: Node): void {
    node.present = true;
    const systems = new Set(world.files.mounts.map(({ system }) => system).filter(({ type }) => type === "sysfs"));
    for (const system of systems) addFiles(system, system.root, fileOf(node), world.realtime());
    const properties = { SUBSYSTEM: busOf(node.modalias), MODALIAS: node.modalias };
    schedule.uevent({ action: "add", devpath: `/devices/simulated/behind${node.number}`, properties });
    if (
      description.monolithic ||
      driversOf(node).some(({ name, chain }) => chain.length === 0 || world.loaded.has(name))
    )
      bind(node);
  }

  function driversOf({ modalias }: Node) {
    try {
      const silent = silentDrivers.filter(([, answers]) => answers.test(modalias));
      const builtIn = silent.flatMap(([name]) => devices.resolve(name)).filter(({ chain }) => chain.length === 0);
      return [...devices.resolve(modalias), ...builtIn];
    } catch (error) {
      // An image without drivers.
      if (error instanceof Failure) return [];
      throw error;
    }
  }

  function bind(node: Node): void {
    if (node.bound) return;
    node.bound = true;
    for (const one of node.behind) appear(one);
    for (const disk of node.disks) schedule.after(disk.after ?? 0, () => devices.arrive(disk));
    for (const folder of node.folders) {
      if (folder.after) schedule.after(folder.after, () => folders.arrive(folder));
      else folders.arrive(folder);
    }
  }

  for (const device of description.devices) if (device.behind) nodeAt(device.behind)?.disks.push(device);
  for (const folder of description.folders ?? []) nodeAt(folder.behind)?.folders.push(folder);
  return {
    files: () => Object.assign({}, ...[...nodes.values()].filter(({ present }) => present).map(fileOf)),
    start: () => outermost.forEach(appear),
    driverInserted(name) {
      for (const node of nodes.values())
        if (node.present && !node.bound && driversOf(node).some((driver) => driver.name === name)) bind(node);
    },
  };
}
