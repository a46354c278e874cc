import type { Device, Log } from "../../hooks/index.js";
import { instantIfThere } from "./door.js";
import { files } from "./files.js";

/** A device that links lead to. */
export interface Claimant {
  device: Device;
  /** Devices are numbered as they are found; of two that claim one name the lower number has it. */
  rank: number;
}

/** The links in /dev to block devices. */
export interface Links {
  /** These are the links that a device is to have from now on; none: it has gone. */
  assign(claimant: Claimant, wanted: readonly string[]): void;
  /** Every name there is, and the path of the device that it leads to. */
  all(): Map<string, string>;
}

/** Parts of one file system that lies on several devices carry its names, all of them: btrfs, ZFS. */
function partsOfOne(a: Device, b: Device): boolean {
  return a.tags.TYPE === b.tags.TYPE && a.tags.UUID_SUB !== undefined && a.tags.UUID_SUB !== b.tags.UUID_SUB;
}

export function createLinks(log: Log): Links {
  /** By link: who claims it, the one who has it first. */
  const claims = new Map<string, Claimant[]>();
  /** By device path. */
  const held = new Map<string, readonly string[]>();
  const folders = new Set<string>();

  function claim(link: string, claimant: Claimant): void {
    const others = claims.get(link) ?? [];
    claims.set(
      link,
      [...others, claimant].sort((a, b) => a.rank - b.rank),
    );
    const [owner, second] = claims.get(link) ?? [];
    if (owner && second && !partsOfOne(owner.device, second.device))
      log.warning(
        `${owner.device.path} and ${second.device.path} both are ${link}: it leads to ${owner.device.path}, which was found first`,
      );
    if (owner === claimant) lead(link, claimant.device);
  }

  function release(link: string, path: string): void {
    const claimants = claims.get(link) ?? [];
    const left = claimants.filter(({ device }) => device.path !== path);
    const heir = left[0];
    if (heir) claims.set(link, left);
    else claims.delete(link);
    if (claimants[0]?.device.path !== path) return;
    if (heir) lead(link, heir.device);
    else attempt(`${link} cannot be removed`, () => isLink(link) && files.remove(link));
  }

  function lead(link: string, { path }: Device): void {
    attempt(`${path} gets no link`, () => {
      const folder = link.slice(0, link.lastIndexOf("/"));
      if (!folders.has(folder)) files.makeDir(folder);
      folders.add(folder);
      // Some tools of the device mapper make a node in /dev/mapper themselves, and remove it themselves.
      if (folder !== "/dev/mapper" || isLink(link) !== false) files.symlink(link, path);
    });
  }

  /** undefined: there is nothing. */
  function isLink(path: string): boolean | undefined {
    const status = instantIfThere("stat", { path, follow: false });
    return status && status.type === "symlink";
  }

  /** A label may be too long for a link, or no name at all ("."): that is no reason not to boot. */
  function attempt(failed: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      log.warning(`${failed}: ${error}`);
    }
  }

  return {
    assign(claimant, wanted) {
      const { path } = claimant.device;
      const before = held.get(path) ?? [];
      for (const link of before) if (!wanted.includes(link)) release(link, path);
      for (const link of wanted) if (!before.includes(link)) claim(link, claimant);
      if (wanted.length) held.set(path, wanted);
      else held.delete(path);
    },
    all: () => new Map([...claims].map(([link, [owner]]) => [link, owner?.device.path ?? ""])),
  };
}
