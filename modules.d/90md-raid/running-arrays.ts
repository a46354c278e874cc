import type { Boot, Device } from "firstlight/hooks";
import { mdadm } from "./mdadm.js";
import { arrayLinks, arrayOfPartition, type Facts, readFacts } from "./names.js";
import { uuidKey } from "./selection.js";

/** The arrays that run, by whoever they were started, and their names. */
export interface RunningArrays {
  /**
   * A device has come, or has changed: an array and its partitions get their names. `known`: what is known of the array, where mdadm does not tell; without
   * that it rejects with Error.
   */
  take(device: Device, known: Facts | undefined): Promise<void>;
  /** Is this array there? `uuid`: in the form of uuidKey. */
  has(uuid: string): boolean;
}

export function createRunningArrays(boot: Boot): RunningArrays {
  const { devices, log } = boot;
  /** By kernel name. */
  const arrays = new Map<string, Facts>();

  async function nameArray(device: Device, known: Facts | undefined): Promise<void> {
    const { succeeded, said, complaint } = await mdadm(boot, ["--detail", "--no-devices", "--export", device.path]);
    const facts = succeeded ? readFacts(said) : known;
    if (!facts) throw new Error(complaint);
    if (!succeeded) log.warning(`${device.path} may lack some of its names: ${complaint}`);
    arrays.set(device.name, facts);
    devices.addNames(device, arrayLinks(facts));
    for (const one of devices.all()) if (arrayOf(one) === device.name) namePartition(one);
  }

  /** Before its array has its names it gets none: they come with those. */
  function namePartition(partition: Device): void {
    const facts = arrays.get(arrayOf(partition) ?? "");
    if (facts) devices.addNames(partition, arrayLinks(facts, partition.tags.PART_ENTRY_NUMBER));
  }

  return {
    async take(device, known) {
      if (!device.name.startsWith("md")) return;
      if (arrayOf(device) === undefined) await nameArray(device, known);
      else namePartition(device);
    },
    has: (uuid) =>
      [...arrays].some(
        ([name, { MD_UUID = "" }]) => uuidKey(MD_UUID) === uuid && devices.find(`/dev/${name}`) !== undefined,
      ),
  };
}

/** The array that a partition is of; undefined: it is no partition of an array. */
function arrayOf({ name, tags: { PART_ENTRY_NUMBER: number } }: Device): string | undefined {
  return number === undefined || !name.startsWith("md") ? undefined : arrayOfPartition(name, number);
}
