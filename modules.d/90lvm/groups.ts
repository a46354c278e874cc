import type { Boot, Device } from "firstlight/hooks";
import { lvm, said } from "./lvm.js";
import { partsOf, type Selection } from "./selection.js";

/** A volume group of which a physical volume has come. */
export interface Group {
  /** Paths of its physical volumes. */
  devices: Set<string>;
  /** All of them are there. */
  complete: boolean;
  /** One has come since the group was last activated as far as it goes. */
  hasNews: boolean;
  /** What has been activated: "GROUP", of which some volumes may be refused, or "GROUP/VOLUME". */
  started: Set<string>;
  /** Why what is selected is not active, or not all of it, in LVM's words. */
  reasons: Map<string, string>;
}

const newGroup = (): Group => ({
  ...{ devices: new Set(), complete: false, hasNews: false },
  ...{ started: new Set(), reasons: new Map() },
});

/** Is all of it active? */
export const isActive = ({ started, reasons }: Group, part: string): boolean => started.has(part) && !reasons.has(part);

/** All groups by name, whoever needs them. */
export const groups = new Map<string, Group>();

/** Physical volumes that LVM wants nothing of, and why: filtered, exported. */
export const leftOut = new Map<string, string>();

/** Physical volumes of which pvscan could not tell. */
export const unread = new Set<Device>();

/** What is being activated: of one group after the other, since two of its physical volumes may come at the same time. */
let activating: Promise<void> = Promise.resolve();

/**
 * A physical volume has come, as for udev's rules (lvm2, 69-dm-lvm.rules): if it completes its group, that is activated. Throws Error: what has been
 * refused, in LVM's words; OpError: lvm cannot be run.
 */
export async function addPhysicalVolume(boot: Boot, selection: Selection, device: Device): Promise<void> {
  if (device.tags.TYPE !== "LVM2_member") return;
  await boot.drivers.load("dm_mod");
  const scan = await lvm(boot, ["pvscan", "--cache", "--listvg", "--checkcomplete", device.path]);
  unread.delete(device);
  if (scan.status !== 0) {
    unread.add(device);
    throw new Error(`pvscan has failed: ${said(scan)}`);
  }
  const [, name, state] = /^\s*VG (\S+) (complete|incomplete)$/m.exec(scan.stdout) ?? [];
  if (name === undefined) {
    leftOut.set(device.path, said(scan));
    boot.log.info(`there is no volume group on ${device.path} to be activated: ${said(scan)}`);
    return;
  }
  const group = groups.get(name) ?? newGroup();
  groups.set(name, group);
  group.devices.add(device.path);
  group.hasNews = true;
  leftOut.delete(device.path);
  const wasComplete = group.complete;
  group.complete = state === "complete";
  if (!group.complete) return;
  if (!wasComplete) forgetRefusals(group);
  await selection.plan?.turn(name);
  await activate(boot, selection, name);
}

/** What was refused for what was missing is tried anew, and is no answer for who waits for it. */
function forgetRefusals({ started, reasons }: Group): void {
  for (const part of reasons.keys()) started.delete(part);
  reasons.clear();
}

/** What of a group is selected, as far as LVM's rules allow. Throws Error: what it has refused, and why. */
export function activate(boot: Boot, selection: Selection, name: string): Promise<void> {
  const work = activating.then(() => activateParts(boot, selection, name));
  activating = work.catch(() => {});
  return work;
}

async function activateParts(boot: Boot, selection: Selection, name: string): Promise<void> {
  const group = groups.get(name);
  const refused: string[] = [];
  for (const part of partsOf(selection, name).filter((each) => !group || !isActive(group, each))) {
    const result = await lvm(boot, activation(selection, part));
    const reason = said(result);
    if (result.status === 0 || /^\s*[1-9]\d* logical volume/m.test(result.stdout)) group?.started.add(part);
    if (result.status === 0) group?.reasons.delete(part);
    else {
      group?.reasons.set(part, reason);
      refused.push(`${part} is not activated, or not all of it: ${reason}`);
    }
  }
  if (refused.length) throw new Error(refused.join("; "));
}

/**
 * Without locks that need a writable file system, monitoring and polling (--sysinit), and without a change to the metadata. Named volumes also where they are
 * marked to be skipped (-K), as snapshots are; those of groups that nobody names where they may be activated by themselves (-aay). See lvchange(8), vgchange(8).
 */
function activation({ all }: Selection, part: string): string[] {
  const common = ["--sysinit", "--config", "global/metadata_read_only=1"];
  return part.includes("/")
    ? ["lvchange", ...common, "-ay", "-K", part]
    : ["vgchange", ...common, all ? "-aay" : "-ay", part];
}
