import type { Parameters } from "firstlight/hooks";

/** What is to be activated. */
export interface Selection {
  /** Those that are named, "GROUP/VOLUME". */
  volumes: readonly string[];
  /** Whole groups that are named. */
  groups: readonly string[];
  /** Of those, the ones that the boot goes on without. */
  optional: readonly string[];
  /** Nothing is named: all groups whose physical volumes have come. */
  all: boolean;
}

const nothing: Selection = { volumes: [], groups: [], optional: [], all: false };

let planned: Pick<Selection, "groups" | "optional"> | undefined;

/** From a cmdline hook before this module's: these groups, where the command line names none. */
export function plan(groups: Pick<Selection, "groups" | "optional">): void {
  planned = groups;
}

/** By rd.lvm, rd.lvm.lv, rd.lvm.vg and rd.auto; undefined: nothing. */
export function selectionOf(parameters: Parameters): Selection | undefined {
  if (!parameters.flag("rd.lvm", true)) return undefined;
  const volumes = unique(parameters.all("rd.lvm.lv"));
  const groups = unique(parameters.all("rd.lvm.vg"));
  if (volumes.length || groups.length) return { ...nothing, volumes, groups };
  if (planned) return { ...nothing, ...planned };
  return parameters.flag("rd.auto", true) ? { ...nothing, all: true } : undefined;
}

const unique = (names: readonly string[]) => [...new Set(names)];

export const groupOf = (volume: string): string => volume.slice(0, volume.indexOf("/"));

/** What is activated of a group by itself: volumes that are named, or all of it. Empty: nothing. */
export function partsOf({ volumes, groups, all }: Selection, group: string): string[] {
  if (all || groups.includes(group)) return [group];
  return volumes.filter((volume) => groupOf(volume) === group);
}
