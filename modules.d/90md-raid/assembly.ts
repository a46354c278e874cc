import type { Boot, Device } from "firstlight/hooks";
import {
  type ConfigurationLine,
  ignoresArray,
  meansArray,
  namesArray,
  readConfiguration,
  writeConfiguration,
} from "./configuration.js";
import { mdadm } from "./mdadm.js";
import { type Facts, readFacts } from "./names.js";
import { createRunningArrays } from "./running-arrays.js";
import { mdadmUuid, type NamedArray, readSelection, type Selection, uuidKey } from "./selection.js";

/** The arrays of a boot, as they are assembled of their members. */
export interface Assembly {
  selection: Selection;
  /** A device has come, or has changed: a member is given to its array, an array gets its names. Rejects with Error: mdadm could not. */
  take(device: Device): Promise<void>;
  /** Has this array, or container, been started? */
  has(uuid: string): boolean;
  /** What is there of it, in words, and what mdadm complains of. */
  seen(uuid: string): string;
  /** UUIDs of arrays that are to be assembled, have members here, and do not run. */
  unfinished(): string[];
  /** What can run with the members that are there is started, and so is what becomes able to from now on. */
  startDegraded(): Promise<void>;
}

/** An array that mdadm has given members to. */
interface Begun {
  /** In the form of uuidKey. */
  uuid: string;
  /** By mdadm's MD_STARTED: unsafe: it could run without those that have not come; no: it could not. */
  started: "yes" | "unsafe" | "no";
  /** It runs with all members that its metadata has. */
  whole: boolean;
  /** Path of the member that came last. */
  member: string;
  /** What is known of it without a look at it. */
  facts: Facts;
}

/** Types of members by libblkid. The metadata of the last two is not the kernel's: it describes a container, and the volumes in it. */
const native = "linux_raid_member";
const external: Readonly<Record<string, { parameter: string; others: readonly string[] }>> = {
  ddf_raid_member: { parameter: "rd.md.ddf", others: ["nodmraid"] },
  isw_raid_member: { parameter: "rd.md.imsm", others: ["noiswmd", "nodmraid"] },
};

/** Of the host, in a host-only image. */
const hostConfiguration = "/etc/mdadm.conf";
/** What mdadm reads. */
const ownConfiguration = "/run/initramfs/mdadm.conf";

const assemblies = new WeakMap<Boot, Assembly>();

/** The arrays of this boot, for the hooks of all phases. */
export function assemblyOf(boot: Boot): Assembly {
  const known = assemblies.get(boot) ?? createAssembly(boot);
  assemblies.set(boot, known);
  return known;
}

function createAssembly(boot: Boot): Assembly {
  const { parameters, files, devices, drivers, log } = boot;
  const lines = readHostConfiguration(boot);
  const selection = readSelection(parameters, lines.some(namesArray));
  /** By kernel name. */
  const begun = new Map<string, Begun>();
  const running = createRunningArrays(boot);
  /** UUIDs of the array, or of the container and the volumes in it, that a member is of, by its kernel name. */
  const members = new Map<string, readonly string[]>();
  /** Why mdadm has not done what it was to do, by the UUID of the array. */
  const complaints = new Map<string, string>();
  const selected = new Set<string>();
  /** Of those that have been looked at, by the UUID of the array. */
  const examined = new Map<string, Facts>();
  /** UUIDs of containers that hold what is selected. */
  const containers = new Set<string>();
  let written = "";
  /** Members that mdadm is at work on. */
  const adding = new Set<Promise<void>>();
  /** Nobody waits for the missing members any more. */
  let late = false;

  /** The array that a member is of; undefined: it is not to be assembled. */
  async function selectedArray(device: Device): Promise<string | undefined> {
    const { TYPE = "", UUID = "", LABEL } = device.tags;
    const foreign = external[TYPE];
    const refused = foreign && (!parameters.flag(foreign.parameter, true) || foreign.others.some(parameters.has));
    const uuids = refused ? [] : foreign ? await containedIn(device) : [uuidKey(UUID)];
    members.set(device.name, uuids);
    const [container] = uuids;
    if (!foreign) return isSelected(uuidKey(UUID), LABEL) ? uuidKey(UUID) : undefined;
    if (container === undefined || (selection.kind !== "configured" && !uuids.some((uuid) => isSelected(uuid))))
      return undefined;
    containers.add(container);
    return container;
  }

  function isSelected(uuid: string, name?: string): boolean {
    if (selection.kind === "named") return selection.arrays.some((array) => array.uuid === uuid);
    return selection.kind === "configured" ? meansArray(lines, uuid, name) : !ignoresArray(lines, uuid);
  }

  /** UUIDs of the container that a member is of, and of the volumes in it. */
  async function containedIn({ path }: Device): Promise<string[]> {
    const { succeeded, said, complaint } = await mdadm(boot, ["--examine", "--brief", path]);
    if (!succeeded) throw new Error(complaint);
    return [...said.matchAll(/^ARRAY .*?\bUUID=(\S+)/gm)].map(([, uuid = ""]) => uuidKey(uuid));
  }

  function configure(): void {
    const wanted = writeConfiguration(lines, selection, containers);
    if (wanted === written) return;
    files.makeDir(ownConfiguration.slice(0, ownConfiguration.lastIndexOf("/")));
    files.write(ownConfiguration, wanted, { mode: 0o644 });
    written = wanted;
  }

  async function addMember(device: Device): Promise<void> {
    const uuid = await selectedArray(device);
    if (uuid === undefined) return log.debug(`${device.path} is left alone: its array is not to be assembled`);
    selected.add(uuid);
    const holder = arrayOn(device);
    if (holder !== undefined) return adopt(holder, uuid, device);
    configure();
    await drivers.load("md_mod");
    const run = mayRunDegraded(uuid) ? ["--run"] : [];
    const options = ["--export", "--offroot", "--config", ownConfiguration];
    const { succeeded, said, complaint } = await mdadm(boot, ["--incremental", ...run, ...options, device.path]);
    const { MD_DEVICE: name, MD_STARTED: started, MD_DEVNAME } = readFacts(said);
    if (name !== undefined) {
      const state = succeeded ? stateOf(started) : "unsafe";
      const whole = begun.get(name)?.whole || (state === "yes" && !run.length);
      // A name elsewhere than in /dev/md is a path.
      const facts = { MD_UUID: mdadmUuid(uuid), ...(MD_DEVNAME && !MD_DEVNAME.startsWith("/") ? { MD_DEVNAME } : {}) };
      begun.set(name, { uuid, started: state, whole, member: device.path, facts });
    }
    if (!succeeded) {
      complaints.set(uuid, complaint);
      throw new Error(complaint);
    }
    if (complaint) log.warning(`${device.path}: ${complaint}`);
  }

  async function noted(work: Promise<void>): Promise<void> {
    adding.add(work);
    try {
      await work;
    } finally {
      adding.delete(work);
    }
  }

  /** A member that was missing may join again what runs without it; not so one that an array has done without before. */
  const mayRunDegraded = (uuid: string) =>
    late && ![...begun.values()].some((array) => array.uuid === uuid && array.whole);

  /** The array that a device is a member of already. */
  function arrayOn({ name }: Device): string | undefined {
    const holders = `/sys/class/block/${name}/holders`;
    if (!files.stat(holders)) return undefined;
    return files.list(holders).find((holder) => holder.name.startsWith("md"))?.name;
  }

  /** Somebody else has begun it: a person, or an earlier try of the boot. Whether it could run is not known. */
  function adopt(name: string, uuid: string, { path: member }: Device): void {
    const whole = isActive(name);
    const facts = { MD_UUID: mdadmUuid(uuid) };
    if (!begun.has(name)) begun.set(name, { uuid, started: whole ? "yes" : "unsafe", whole, member, facts });
  }

  function isActive(name: string): boolean {
    const state = `/sys/class/block/${name}/md/array_state`;
    return files.stat(state) !== undefined && !/^(clear|inactive)/.test(files.read(state));
  }

  async function startOne(name: string, array: Begun): Promise<void> {
    const { said } = await mdadm(boot, ["--examine", "--export", array.member]);
    const facts = readFacts(said);
    examined.set(array.uuid, facts);
    const what = `array ${facts.MD_NAME ?? name} (${mdadmUuid(array.uuid)})`;
    if (array.started === "no") return log.warning(`${what} cannot be started: ${seen(array.uuid)}`);
    const { succeeded, complaint } = await mdadm(boot, ["--run", `/dev/${name}`]);
    if (succeeded) {
      begun.set(name, { ...array, started: "yes" });
      const all = Number(facts.MD_DEVICES ?? Number.POSITIVE_INFINITY);
      const how =
        membersThere(array.uuid).length < all ? "without all of its members" : "with the members that are there";
      log.warning(`${what} is started ${how}: ${seen(array.uuid)}`);
      return;
    }
    complaints.set(array.uuid, complaint);
    log.error(`${what} cannot be started without its missing members: ${seen(array.uuid)}`);
  }

  const seen = (uuid: string) => [membersSeen(uuid), complaints.get(uuid)].filter(Boolean).join("; ");

  const membersThere = (uuid: string) => devices.all().filter(({ name }) => members.get(name)?.includes(uuid));

  function membersSeen(uuid: string): string {
    const there = membersThere(uuid);
    const names = there.map(({ name }) => name).join(", ");
    const { MD_DEVICES: all, MD_LEVEL: level } = examined.get(uuid) ?? {};
    const verb = there.length === 1 ? "is" : "are";
    if (!there.length) return "none of its members is there";
    if (all === undefined) return `of its members ${names} ${verb} there`;
    return `${there.length} of its ${all} members (${level}) ${verb} there: ${names}`;
  }

  /** A container has no content, and is no device that is looked at. */
  const has = (uuid: string) =>
    running.has(uuid) ||
    [...begun.values()].some((array) => array.uuid === uuid && containers.has(uuid) && array.started === "yes");

  return {
    selection,
    seen,
    has,
    unfinished: () => [...selected].filter((uuid) => !has(uuid)),
    async take(device) {
      if (device.tags.TYPE === native || external[device.tags.TYPE ?? ""]) await noted(addMember(device));
      await running.take(device, begun.get(device.name)?.facts);
    },
    async startDegraded() {
      late = true;
      // One of these may be the last.
      await Promise.allSettled(adding);
      const incomplete = [...begun].filter(([, { started }]) => started !== "yes");
      await Promise.all(incomplete.map(([name, array]) => startOne(name, array)));
    },
  };
}

/** MD_STARTED of a late member is "already". */
const stateOf = (started = ""): Begun["started"] => (started === "no" || started === "unsafe" ? started : "yes");

function readHostConfiguration({ parameters, files }: Boot): ConfigurationLine[] {
  if (!parameters.flag("rd.md.conf", true) || !files.stat(hostConfiguration)) return [];
  return readConfiguration(files.read(hostConfiguration));
}

/** How an array is told of. */
export const describeArray = ({ uuid, name }: Pick<NamedArray, "uuid" | "name">): string =>
  `array ${mdadmUuid(uuid)}${name === undefined ? "" : ` (${name})`}`;
