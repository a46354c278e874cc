import type { Parameters } from "firstlight/hooks";

/** What is to be activated. */
export interface Selection {
  /** Those that are named, "GROUP/VOLUME". */
  volumes: readonly string[];
  /** Whole groups that are named. */
  groups: readonly string[];
  /** Nothing is named: all groups whose physical volumes have come. */
  all: boolean;
}

const nothing: Selection = { volumes: [], groups: [], all: false };

/** By rd.lvm, rd.lvm.lv, rd.lvm.vg and rd.auto; undefined: nothing. */
export function selectionOf(parameters: Parameters): Selection | undefined {
  if (!parameters.flag("rd.lvm", true)) return undefined;
  const volumes = unique(parameters.all("rd.lvm.lv"));
  const groups = unique(parameters.all("rd.lvm.vg"));
  if (volumes.length || groups.length) return { ...nothing, volumes, groups };
  return parameters.flag("rd.auto", true) ? { ...nothing, all: true } : undefined;
}

const unique = (names: readonly string[]) => [...new Set(names)];

export const groupOf = (volume: string): string => volume.slice(0, volume.indexOf("/"));

/** What is activated of a group by itself: volumes that are named, or all of it. Empty: nothing. */
export function partsOf({ volumes, groups, all }: Selection, group: string): string[] {
  if (all || groups.includes(group)) return [group];
  return volumes.filter((volume) => groupOf(volume) === group);
}
