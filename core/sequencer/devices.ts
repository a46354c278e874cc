import type { Device, Devices, Log } from "../../hooks/index.js";
import { errnoOf } from "../../hooks/index.js";
import type { DeviceTags, Event, Milliseconds } from "../abi/index.js";
import { linksOf, tagMatcher } from "./device-links.js";
import { forgetInUdev, mappingLinks, readMapping, tellUdev } from "./device-mapper.js";
import { files, readIfThere } from "./files.js";
import { hardwareLinks } from "./hardware-names.js";
import { type Claimant, createLinks } from "./links.js";
import type { Loop } from "./loop.js";
import { reasonOf } from "./report.js";
import { createWatchers, type Watchers } from "./watchers.js";

export interface DeviceTable extends Omit<Devices, "watch"> {
  /** Who sets devices up of these. */
  readonly watchers: Watchers;
  /** A uevent of the subsystem block. */
  handle(event: Event & { type: "uevent" }): void;
  /** Kernel names of all block devices that there are: each is looked at, and the others are forgotten. */
  rescan(names: readonly string[]): void;
  /** Names of the devices that are being probed. */
  probing(): string[];
  /** Resolves once no device is being probed, but after `longest` milliseconds in any case: a broken disk answers late, or never. */
  settled(longest: Milliseconds): Promise<void>;
  /** From now on there are links in /dev/disk/by-id and by-path, too. */
  nameByHardware(): void;
  /** Names in /dev/disk and /dev/mapper, and the path of the device that each leads to. */
  names(): Map<string, string>;
}

/** How many devices are probed at the same time: each one is a process. */
const probesAtOnce = 8;
/** Floppies (seconds of retries without a disk), RAM disks, flash without a translation layer: as udev, 60-persistent-storage.rules. */
const neverProbed = /^(fd|ram|zram|mtd)\d/;
const namedByHardware = /^\/dev\/disk\/by-(id|path)\//;

/**
 * The block devices of this machine, probed as they come, with their links in /dev. `changed` is called after each news.
 *
 * Links by tag are made at once: what is probed for is known then. Those by hardware take a dozen files of sysfs a device, and few boots need one:
 * they are made when somebody asks for such a name, and before a shell. The new root's udev makes its own.
 */
export function createDevices(loop: Loop, log: Log, changed: () => void): DeviceTable {
  const table = new Map<string, Claimant>();
  const links = createLinks(log);
  const watchers = createWatchers(log, changed);
  /** Names that modules have given, by the device's. */
  const added = new Map<string, readonly string[]>();
  /** By name, of all that have been found, whatever is in them. */
  const ranks = new Map<string, number>();
  let found = 0;
  /** Names to be probed. One that is being probed already waits for its turn. */
  const queue = new Set<string>();
  const probing = new Set<string>();
  const whenSettled: (() => void)[] = [];
  /** Names of drives whose medium was changed: their size is that of the old one until somebody opens them. */
  const newMedia = new Set<string>();
  let byHardware = false;

  function discover(name: string): void {
    if (neverProbed.test(name)) return;
    if (!ranks.has(name)) ranks.set(name, found++);
    queue.add(name);
    probeNext();
  }

  function probeNext(): void {
    for (const name of queue) {
      if (probing.size >= probesAtOnce) return;
      if (probing.has(name) || isBusy(diskOf(name))) continue;
      queue.delete(name);
      probing.add(name);
      void probe(name)
        .catch((error) => log.warning(`/dev/${name}: ${error}`))
        .then(() => {
          probing.delete(name);
          probeNext();
          changed();
          if (!probing.size) for (const resolve of whenSettled.splice(0)) resolve();
        });
    }
  }

  /** The disk that a partition is on, by their kernel names; undefined: it is no partition. */
  function diskOf(name: string): string | undefined {
    const disk = /^(.*\d)p\d+$|^(\D+)\d+$/.exec(name)?.slice(1).find(Boolean);
    return disk !== undefined && ranks.has(disk) ? disk : undefined;
  }

  const isBusy = (name: string | undefined) => name !== undefined && (queue.has(name) || probing.has(name));

  /**
   * The metadata of some arrays lies at the end of their members, so that the kernel takes the array's partitions for those of the disk. They belong to
   * the array: nobody is to find, or mount, what is on them here.
   */
  function tagsWithin(name: string, tags: Readonly<DeviceTags>): Readonly<DeviceTags> {
    if (!isArrayMember(table.get(diskOf(name) ?? "")?.device)) return tags;
    const { PART_ENTRY_NUMBER } = tags;
    return { ...(PART_ENTRY_NUMBER === undefined ? {} : { PART_ENTRY_NUMBER }), USAGE: "raid" };
  }

  /** What is known of a device now; undefined if there is nothing to read: a drive without medium, a loop device without file. */
  async function inspect(name: string): Promise<Device | undefined> {
    const path = `/dev/${name.replaceAll("!", "/")}`;
    const number = readIfThere(`/sys/class/block/${name}/dev`)?.trim();
    const sectors = Number(readIfThere(`/sys/class/block/${name}/size`) ?? 0);
    if (number === undefined || !(newMedia.delete(name) || sectors)) return undefined;
    if (isMapping(name) && !readMapping(name)) return undefined;
    try {
      const { tags, ambivalent, size } = await loop.job("probe", { device: path });
      return { name, path, number, tags: tagsWithin(name, tags), ambivalent, size };
    } catch (error) {
      // A device that went away or lost its medium meanwhile sends an event of its own.
      if (!["ENOMEDIUM", "ENXIO", "ENOENT"].includes(errnoOf(error) ?? ""))
        log.warning(`${path} cannot be read: ${error}`);
      return undefined;
    }
  }

  async function probe(name: string): Promise<void> {
    const device = await inspect(name);
    const rank = ranks.get(name);
    if (!device || rank === undefined) return forget(name);
    table.set(name, { device, rank });
    makeLinks({ device, rank });
    watchers.tell(device);
    // Last: a full /run has it fail, and the new root's udev is not there yet.
    if (isMapping(name)) tellUdev(device.number);
  }

  function makeLinks(claimant: Claimant): void {
    const { device } = claimant;
    const mapping = isMapping(device.name) ? readMapping(device.name) : undefined;
    links.assign(claimant, [
      ...linksOf(device),
      ...(mapping ? mappingLinks(mapping) : []),
      ...(added.get(device.name) ?? []),
      ...(byHardware ? hardwareLinks(device.name, log) : []),
    ]);
  }

  /** Nothing in it any more, or nothing at all. */
  function forget(name: string): void {
    const claimant = table.get(name);
    if (!claimant) return;
    table.delete(name);
    added.delete(name);
    links.assign(claimant, []);
    if (isMapping(name)) forgetInUdev(claimant.device.number);
  }

  function remove(name: string): void {
    forget(name);
    ranks.delete(name);
    queue.delete(name);
    changed();
    // What a probe that is under way finds out is of a device that is gone, maybe of one that has taken its name.
    if (probing.has(name)) discover(name);
  }

  function nameByHardware(): void {
    if (byHardware) return;
    byHardware = true;
    for (const claimant of table.values())
      try {
        makeLinks(claimant);
      } catch (error) {
        // A shell opens, and other names are found, whatever is wrong with one device.
        log.warning(`${claimant.device.path}: ${reasonOf(error)}`);
      }
  }

  /** The one that was found first. It is asked for after each news: machines with hundreds of disks must not sort them all each time. */
  function first(isWanted: (device: Device) => boolean): Device | undefined {
    let best: Claimant | undefined;
    for (const claimant of table.values())
      if ((best === undefined || claimant.rank < best.rank) && isWanted(claimant.device)) best = claimant;
    return best?.device;
  }

  function find(spec: string): Device | undefined {
    const hasTag = tagMatcher(spec);
    if (hasTag) return first(hasTag);
    if (namedByHardware.test(spec)) nameByHardware();
    const direct = first((device) => device.path === spec);
    if (direct) return direct;
    const number = files.stat(spec)?.node;
    return number === undefined ? undefined : first((device) => device.number === number);
  }

  return {
    all: () => [...table.values()].map(({ device }) => device).sort((a, b) => (a.name < b.name ? -1 : 1)),
    find,
    watchers,
    addNames({ name }, names) {
      const claimant = table.get(name);
      if (!claimant) return;
      added.set(name, [...new Set([...(added.get(name) ?? []), ...names])]);
      makeLinks(claimant);
      changed();
    },
    rescan(names) {
      // A copy: one that is being probed is put back at the end.
      for (const name of [...ranks.keys()]) if (!names.includes(name)) remove(name);
      for (const name of names) discover(name);
    },
    handle({ action, devpath, properties }) {
      const name = devpath.slice(devpath.lastIndexOf("/") + 1);
      if (action === "remove") remove(name);
      else if (action === "add" || action === "change") {
        if (properties.DISK_MEDIA_CHANGE === "1") newMedia.add(name);
        discover(name);
      }
    },
    probing: () => [...probing],
    settled: (longest) =>
      probing.size
        ? Promise.race([new Promise<void>((resolve) => whenSettled.push(resolve)), loop.sleep(longest)])
        : Promise.resolve(),
    nameByHardware,
    names: links.all,
  };
}

const isArrayMember = (device: Device | undefined) => /_raid_member$/.test(device?.tags.TYPE ?? "");

const isMapping = (name: string) => name.startsWith("dm-");
