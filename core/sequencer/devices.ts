import type { Device, Devices, Log } from "../../hooks/index.js";
import { errnoOf } from "../../hooks/index.js";
import type { Event } from "../abi/index.js";
import { linksOf, matchesTag, parseTag } from "./device-links.js";
import { instantIfThere } from "./door.js";
import { files, readIfThere } from "./files.js";
import type { Loop } from "./loop.js";

export interface DeviceTable extends Devices {
  /** A uevent of the subsystem block. */
  handle(event: Event & { type: "uevent" }): void;
  /** Looks at a device that coldplug found, by its kernel name. */
  discover(name: string): void;
  /** Resolves once no device is being probed; undefined: none is. */
  settled(): Promise<void> | undefined;
}

/** How many devices are probed at the same time: each one is a process. */
const probesAtOnce = 8;
/** Floppies (seconds of retries without a disk), RAM disks, flash without a translation layer: as udev, 60-persistent-storage.rules. */
const neverProbed = /^(fd|ram|zram|mtd)\d/;

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
      void probe(name).then(() => {
        probing.delete(name);
        probeNext();
        changed();
        if (!probing.size && !queue.size) for (const resolve of whenSettled.splice(0)) resolve();
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
    for (const link of linksOf(device)) makeLink(link, device.path);
  }

  function makeLink(link: string, path: string): void {
    if (files.stat(link)) return;
    files.makeDir(link.slice(0, link.lastIndexOf("/")));
    files.symlink(link, path);
  }

  function forget(name: string): void {
    const device = table.get(name);
    if (!device) return;
    table.delete(name);
    for (const link of linksOf(device)) {
      if (instantIfThere("readLink", { path: link })?.target === device.path) files.remove(link);
    }
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
        queue.delete(name);
        forget(name);
        changed();
      } else if (action === "add" || action === "change") discover(name);
    },
    settled: () => (probing.size || queue.size ? new Promise((resolve) => whenSettled.push(resolve)) : undefined),
  };
}
