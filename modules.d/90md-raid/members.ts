import type { Boot, Device } from "firstlight/hooks";
import { type ConfigurationLine, ignoresArray, meansArray, namesArray, writeConfiguration } from "./configuration.js";
import { mdadm } from "./mdadm.js";
import { readSelection, type Selection, uuidKey } from "./selection.js";

/** The members of arrays that are there, and which of them are to be assembled. UUIDs are in the form of uuidKey. */
export interface Members {
  selection: Selection;
  /** Is this device a member of an array at all? */
  isMember(device: Device): boolean;
  /** UUID of the array that a member is to be added to; undefined: that is not to be assembled. Rejects with Error: mdadm could not tell. */
  selectedArray(device: Device): Promise<string | undefined>;
  /** UUIDs of all arrays that members were to be added to. */
  selected(): string[];
  /** Is this the UUID of a container that holds what is selected? */
  isContainer(uuid: string): boolean;
  /** The members of an array, or of a container and the volumes in it. */
  of(uuid: string): Device[];
  /** mdadm.conf for the arrays selected so far. */
  configuration(): string;
}

/** Types of members by libblkid. The metadata of the last two is not the kernel's: it describes a container, and the volumes in it. */
const native = "linux_raid_member";
const external: Readonly<Record<string, { parameter: string; others: readonly string[] }>> = {
  ddf_raid_member: { parameter: "rd.md.ddf", others: ["nodmraid"] },
  isw_raid_member: { parameter: "rd.md.imsm", others: ["noiswmd", "nodmraid"] },
};

/** `lines`: of the host's mdadm.conf. */
export function createMembers(boot: Boot, lines: readonly ConfigurationLine[]): Members {
  const { parameters, devices } = boot;
  const selection = readSelection(parameters, lines.some(namesArray));
  /** What each member is of, by its kernel name. */
  const arrays = new Map<string, readonly string[]>();
  const selected = new Set<string>();
  const containers = new Set<string>();

  function isSelected(uuid: string, name?: string): boolean {
    if (selection.kind === "named") return selection.arrays.some((array) => array.uuid === uuid);
    return selection.kind === "configured" ? meansArray(lines, uuid, name) : !ignoresArray(lines, uuid);
  }

  const isRefused = (type: string) =>
    external[type] !== undefined &&
    (!parameters.flag(external[type].parameter, true) || external[type].others.some(parameters.has));

  async function selectedContainer(device: Device): Promise<string | undefined> {
    const uuids = isRefused(device.tags.TYPE ?? "") ? [] : await containedIn(boot, device);
    arrays.set(device.name, uuids);
    const [container] = uuids;
    if (container === undefined) return undefined;
    if (selection.kind !== "configured" && !uuids.some((uuid) => isSelected(uuid))) return undefined;
    containers.add(container);
    return container;
  }

  function selectedNative({ name, tags: { UUID = "", LABEL } }: Device): string | undefined {
    const uuid = uuidKey(UUID);
    arrays.set(name, [uuid]);
    return isSelected(uuid, LABEL) ? uuid : undefined;
  }

  return {
    selection,
    isMember: ({ tags: { TYPE = "" } }) => TYPE === native || external[TYPE] !== undefined,
    async selectedArray(device) {
      const uuid = device.tags.TYPE === native ? selectedNative(device) : await selectedContainer(device);
      if (uuid !== undefined) selected.add(uuid);
      return uuid;
    },
    selected: () => [...selected],
    isContainer: (uuid) => containers.has(uuid),
    of: (uuid) => devices.all().filter(({ name }) => arrays.get(name)?.includes(uuid)),
    configuration: () => writeConfiguration(lines, selection, containers),
  };
}

/** UUIDs of the container that a member is of, and of the volumes in it. */
async function containedIn(boot: Boot, { path }: Device): Promise<string[]> {
  const { succeeded, said, complaint } = await mdadm(boot, ["--examine", "--brief", path]);
  if (!succeeded) throw new Error(complaint);
  return [...said.matchAll(/^ARRAY .*?\bUUID=(\S+)/gm)].map(([, uuid = ""]) => uuidKey(uuid));
}
