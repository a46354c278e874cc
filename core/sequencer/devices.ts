import type { Device, Devices, Log } from "../../hooks/index.js";
import { errnoOf } from "../../hooks/index.js";
import type { Event, Milliseconds } from "../abi/index.js";
import { linksOf, matchesTag, parseTag } from "./device-links.js";
import { files, readIfThere } from "./files.js";
import type { Loop } from "./loop.js";

export interface DeviceTable extends Devices {
  /** A uevent of the subsystem block. */
  handle(event: Event & { type: "uevent" }): void;
  /** Looks at a device that coldplug found, by its kernel name. */
  discover(name: string): void;
  /** Names of the devices that are being probed. */
  probing(): string[];
  /** Resolves once no device is being probed, but after `longest` milliseconds in any case: a broken disk answers late, or never. */
  settled(longest: Milliseconds): Promise<void>;
}

/** How many devices are probed at the same time: each one is a process. */
const probesAtOnce = 8;
/** Floppies (seconds of retries without a disk), RAM disks, flash without a translation layer: as udev, 60-persistent-storage.rules. */
const neverProbed = /^(fd|ram|zram|mtd)\d/;

/** Where a link leads; undefined if it is none. */
function linkTarget(path: string): string | undefined {
  try {
    return files.readLink(path);
  } catch {
    return undefined;
  }
}

/** The block devices of this machine, probed as they come, with their links in /dev/disk. `changed` is called after each news. */
export function createDevices(loop: Loop, log: Log, changed: () => void): DeviceTable {
  const table = new Map<string, Device>();
  /** Names to be probed. One that is being probed already waits for its turn. */
  const queue = new Set<string>();
  const probing = new Set<string>();
  const whenSettled: (() => void)[] = [];

  function discover(name: string): void {
    if (neverProbed.test(name)) return;
    queue.add(name);
    probeNext();
  }

  function probeNext(): void {
    for (const name of queue) {
      if (probing.size >= probesAtOnce) return;
      if (probing.has(name)) continue;
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

  /** What is known of a device now; undefined if there is nothing to read: a drive without medium, a loop device without file. */
  async function inspect(name: string): Promise<Device | undefined> {
    const path = `/dev/${name.replaceAll("!", "/")}`;
    const number = readIfThere(`/sys/class/block/${name}/dev`)?.trim();
    const sectors = Number(readIfThere(`/sys/class/block/${name}/size`) ?? 0);
    if (number === undefined || !sectors) return undefined;
    try {
      const { tags, ambivalent, size } = await loop.job("probe", { device: path });
      return { name, path, number, tags, ambivalent, size };
    } catch (error) {
      // A device that went away or lost its medium meanwhile sends an event of its own.
      if (!["ENOMEDIUM", "ENXIO", "ENOENT"].includes(errnoOf(error) ?? ""))
        log.warning(`${path} cannot be read: ${error}`);
      return undefined;
    }
  }

  async function probe(name: string): Promise<void> {
    const device = await inspect(name);
    forget(name);
    if (!device) return;
    table.set(name, device);
    makeLinks(device);
  }

  /** The first device with a name keeps it. A label may be too long for a link, or no name at all ("."). */
  function makeLinks(device: Device): void {
    for (const link of linksOf(device)) {
      try {
        if (files.stat(link)) continue;
        files.makeDir(link.slice(0, link.lastIndexOf("/")));
        files.symlink(link, device.path);
      } catch (error) {
        log.warning(`${device.path} gets no link: ${error}`);
      }
    }
  }

  function forget(name: string): void {
    const device = table.get(name);
    if (!device) return;
    table.delete(name);
    const links = linksOf(device).filter((link) => linkTarget(link) === device.path);
    for (const link of links) files.remove(link);
    // Another one may carry the same name.
    for (const other of table.values()) if (linksOf(other).some((link) => links.includes(link))) makeLinks(other);
  }

  function find(spec: string): Device | undefined {
    if (parseTag(spec)) return [...table.values()].find((device) => matchesTag(spec, device));
    const direct = [...table.values()].find((device) => device.path === spec);
    if (direct) return direct;
    const number = files.stat(spec)?.node;
    return number === undefined ? undefined : [...table.values()].find((device) => device.number === number);
  }

  return {
    all: () => [...table.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    find,
    discover,
    handle({ action, devpath }) {
      const name = devpath.slice(devpath.lastIndexOf("/") + 1);
      if (action === "remove") {
        forget(name);
        changed();
        // What a probe that is under way finds out is of a device that is gone.
        if (probing.has(name)) discover(name);
        else queue.delete(name);
      } else if (action === "add" || action === "change") discover(name);
    },
    probing: () => [...probing],
    settled: (longest) =>
      probing.size
        ? Promise.race([new Promise<void>((resolve) => whenSettled.push(resolve)), loop.sleep(longest)])
        : Promise.resolve(),
  };
}
