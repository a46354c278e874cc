import type { Boot, Device } from "firstlight/hooks";
import { type ConfigurationLine, readConfiguration } from "./configuration.js";
import { mdadm } from "./mdadm.js";
import { createMembers } from "./members.js";
import { type Facts, readFacts } from "./names.js";
import { createRunningArrays } from "./running-arrays.js";
import { mdadmUuid, type NamedArray, type Selection } from "./selection.js";

/** The arrays of a boot, as they are assembled of their members. */
export interface Assembly {
  selection: Selection;
  /** A device has come, or has changed: a member is given to its array, an array gets its names. Rejects with Error: mdadm could not. */
  take(device: Device): Promise<void>;
  /** Has this array, or container, been started? */
  has(uuid: string): boolean;
  /** What is there of it, in words, and what mdadm complains of. */
  seen(uuid: string): string;
  /** UUIDs of arrays that are to be assembled, have members here, and do not run: each is given once. */
  newlyUnfinished(): string[];
  /** What can run with the members that are there is started, unless that has been tried and none has come since. */
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
  /** A member has come since it was last tried to do without the others. */
  hasNews: boolean;
}

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
  const { drivers, log } = boot;
  const members = createMembers(boot, readHostConfiguration(boot));
  const running = createRunningArrays(boot);
  const configure = createWriter(boot, ownConfiguration);
  /** By kernel name. */
  const begun = new Map<string, Begun>();
  /** Why mdadm has not done what it was to do, by the UUID of the array. */
  const complaints = new Map<string, string>();
  /** Of those that have been looked at, by the UUID of the array. */
  const examined = new Map<string, Facts>();
  /** UUIDs of arrays that did not run when that was asked. */
  const unfinished = new Set<string>();
  /** Members that mdadm is at work on. */
  const adding = new Set<Promise<void>>();

  async function addMember(device: Device): Promise<void> {
    const uuid = await members.selectedArray(device);
    if (uuid === undefined) return log.debug(`${device.path} is left alone: its array is not to be assembled`);
    const holder = arrayOn(boot, device);
    if (holder !== undefined) return adopt(holder, uuid, device);
    configure(members.configuration());
    await drivers.load("md_mod");
    const run = mayJoin(uuid) ? ["--run"] : [];
    const options = ["--export", "--offroot", "--config", ownConfiguration];
    const { succeeded, said, complaint } = await mdadm(boot, ["--incremental", ...run, ...options, device.path]);
    const { MD_DEVICE: name, MD_STARTED: started, MD_DEVNAME } = readFacts(said);
    if (name !== undefined) {
      const state = succeeded ? stateOf(started) : "unsafe";
      const whole = begun.get(name)?.whole || (state === "yes" && !run.length);
      // A name elsewhere than in /dev/md is a path.
      const facts = { MD_UUID: mdadmUuid(uuid), ...(MD_DEVNAME && !MD_DEVNAME.startsWith("/") ? { MD_DEVNAME } : {}) };
      begun.set(name, { uuid, started: state, whole, member: device.path, facts, hasNews: true });
    }
    if (!succeeded) {
      complaints.set(uuid, complaint);
      throw new Error(complaint);
    }
    if (complaint) log.warning(`${device.path}: ${complaint}`);
  }

  /** A member that was missing may join again what runs without it; not so one that an array has done without before. */
  const mayJoin = (uuid: string) =>
    [...begun.values()].some((array) => array.uuid === uuid && array.started === "yes" && !array.whole);

  /** Somebody else has begun it: a person, or an earlier try of the boot. Whether it could run is not known. */
  function adopt(name: string, uuid: string, { path: member }: Device): void {
    const whole = isActive(boot, name);
    const facts = { MD_UUID: mdadmUuid(uuid) };
    const started = whole ? "yes" : "unsafe";
    if (!begun.has(name)) begun.set(name, { uuid, started, whole, member, facts, hasNews: true });
  }

  async function startOne(name: string, array: Begun): Promise<void> {
    array.hasNews = false;
    const { said } = await mdadm(boot, ["--examine", "--export", array.member]);
    const facts = readFacts(said);
    examined.set(array.uuid, facts);
    const what = `array ${facts.MD_NAME ?? name} (${mdadmUuid(array.uuid)})`;
    if (array.started === "no") return log.warning(`${what} cannot be started: ${seen(array.uuid)}`);
    const { succeeded, complaint } = await mdadm(boot, ["--run", `/dev/${name}`]);
    if (succeeded) {
      begun.set(name, { ...array, started: "yes" });
      const all = Number(facts.MD_DEVICES ?? Number.POSITIVE_INFINITY);
      const isPart = members.of(array.uuid).length < all;
      const how = isPart ? "without all of its members" : "with the members that are there";
      log.warning(`${what} is started ${how}: ${seen(array.uuid)}`);
      return;
    }
    complaints.set(array.uuid, complaint);
    log.error(`${what} cannot be started without its missing members: ${seen(array.uuid)}`);
  }

  const seen = (uuid: string) =>
    [membersSeen(members.of(uuid), examined.get(uuid)), complaints.get(uuid)].filter(Boolean).join("; ");

  /** A container has no content, and is no device that is looked at. */
  const has = (uuid: string) =>
    running.has(uuid) ||
    [...begun.values()].some((array) => array.uuid === uuid && members.isContainer(uuid) && array.started === "yes");

  return {
    selection: members.selection,
    seen,
    has,
    newlyUnfinished() {
      const found = members.selected().filter((uuid) => !has(uuid) && !unfinished.has(uuid));
      for (const uuid of found) unfinished.add(uuid);
      return found;
    },
    async take(device) {
      if (members.isMember(device)) await inside(adding, addMember(device));
      await running.take(device, begun.get(device.name)?.facts);
    },
    async startDegraded() {
      // One of these may be the last.
      await Promise.allSettled(adding);
      const incomplete = [...begun].filter(([, { started, hasNews }]) => started !== "yes" && hasNews);
      await Promise.all(incomplete.map(([name, array]) => startOne(name, array)));
    },
  };
}

/** What is waited for is in the set until it ends. */
async function inside(set: Set<Promise<void>>, work: Promise<void>): Promise<void> {
  set.add(work);
  try {
    await work;
  } finally {
    set.delete(work);
  }
}

/** Writes a file, with its folder, wherever it is to have another text than it has. */
function createWriter({ files }: Boot, path: string): (text: string) => void {
  let written = "";
  return (text) => {
    if (text === written) return;
    files.makeDir(path.slice(0, path.lastIndexOf("/")));
    files.write(path, text, { mode: 0o644 });
    written = text;
  };
}

/** The array that a device is a member of already. */
function arrayOn({ files }: Boot, { name }: Device): string | undefined {
  const holders = `/sys/class/block/${name}/holders`;
  if (!files.stat(holders)) return undefined;
  return files.list(holders).find((holder) => holder.name.startsWith("md"))?.name;
}

function isActive({ files }: Boot, name: string): boolean {
  const state = `/sys/class/block/${name}/md/array_state`;
  return files.stat(state) !== undefined && !/^(clear|inactive)/.test(files.read(state));
}

/** MD_STARTED of a late member is "already". */
const stateOf = (started = ""): Begun["started"] => (started === "no" || started === "unsafe" ? started : "yes");

/** `facts`: of one that has been looked at. */
function membersSeen(there: readonly Device[], facts: Facts | undefined): string {
  const names = there.map(({ name }) => name).join(", ");
  const verb = there.length === 1 ? "is" : "are";
  const { MD_DEVICES: all, MD_LEVEL: level } = facts ?? {};
  if (!there.length) return "none of its members is there";
  if (all === undefined) return `of its members ${names} ${verb} there`;
  return `${there.length} of its ${all} members (${level}) ${verb} there: ${names}`;
}

function readHostConfiguration({ parameters, files }: Boot): ConfigurationLine[] {
  if (!parameters.flag("rd.md.conf", true) || !files.stat(hostConfiguration)) return [];
  return readConfiguration(files.read(hostConfiguration));
}

/** How an array is told of. */
export const describeArray = ({ uuid, name }: Pick<NamedArray, "uuid" | "name">): string =>
  `array ${mdadmUuid(uuid)}${name === undefined ? "" : ` (${name})`}`;
