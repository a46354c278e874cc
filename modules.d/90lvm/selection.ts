import type { Parameters } from "firstlight/hooks";

/** What is to be activated. */
export interface Selection {
  /** Those that are named, "GROUP/VOLUME". */
  volumes: readonly string[];
  /** Whole groups that are named. */
  groups: readonly string[];
  /** Of those, volumes and groups, the ones that the boot goes on without. */
  optional: readonly string[];
  /** Nothing is named: all groups whose physical volumes have come. */
  all: boolean;
  /** Where the groups are listed, if not on the command line. */
  plan?: GroupPlan;
}

/** Groups that another module lists. */
export interface GroupPlan {
  groups: readonly string[];
  /** Of those, the ones that the boot goes on without. */
  optional: readonly string[];
  /** Where they are listed, for the report. */
  source: string;
  /** Resolves once a group may be activated. */
  turn(group: string): Promise<void>;
  /** Called for a required group once it has been activated. */
  came(group: string): void;
}

/** Behind a name on the command line. */
export const optionalMark = ":optional";

const nothing: Selection = { volumes: [], groups: [], optional: [], all: false };

let planned: GroupPlan | undefined;

/** From a cmdline hook before this module's: what is activated where the command line names nothing. */
export function planGroups(plan: GroupPlan): void {
  planned = plan;
}

/** By rd.lvm, rd.lvm.lv, rd.lvm.vg and rd.auto; undefined: nothing. */
export function selectionOf(parameters: Parameters): Selection | undefined {
  if (!parameters.flag("rd.lvm", true)) return undefined;
  const [volumes, groups] = [parameters.all("rd.lvm.lv"), parameters.all("rd.lvm.vg")];
  if (volumes.length || groups.length)
    return {
      ...nothing,
      volumes: namesIn(volumes),
      groups: namesIn(groups),
      optional: optionalIn([...volumes, ...groups]),
    };
  if (planned) return { ...nothing, groups: planned.groups, optional: planned.optional, plan: planned };
  return parameters.flag("rd.auto", true) ? { ...nothing, all: true } : undefined;
}

const nameIn = (value: string) => value.replace(new RegExp(`${optionalMark}$`), "");
const namesIn = (values: readonly string[]) => [...new Set(values.map(nameIn))];

/** Named without the mark, too, it has to come. */
const optionalIn = (values: readonly string[]) =>
  values.filter((value) => value.endsWith(optionalMark) && !values.includes(nameIn(value))).map(nameIn);

export const groupOf = (volume: string): string => volume.slice(0, volume.indexOf("/"));

/** What is activated of a group by itself: volumes that are named, or all of it. Empty: nothing. */
export function partsOf({ volumes, groups, all }: Selection, group: string): string[] {
  if (all || groups.includes(group)) return [group];
  return volumes.filter((volume) => groupOf(volume) === group);
}
