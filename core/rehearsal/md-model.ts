import type { SimulatedDevice } from "./description.js";
import { Failure } from "./failure.js";
import { addFiles, dataOf } from "./file-tree.js";
import { bring, changeLayer, deviceNamed, type LayeredDevice, layered } from "./layers.js";
import type { Pause, ProgramEnd, ProgramModel } from "./programs.js";
import type { World } from "./world.js";

/*
 * mdadm 4.2 with native metadata, in those of its ways that the module md-raid uses. Arrays are known by the description; what has become of them by
 * sysfs, and by mdadm's own map, as the real one has it.
 */

type Array = LayeredDevice<"raid">;

const mapPath = "/run/mdadm/map";

/** As mdadm writes a UUID: four groups of eight digits. */
const colons = (uuid: string) => uuid.replaceAll("-", "").match(/.{8}/g)?.join(":") ?? "";
/** However it is written. */
const digits = (uuid: string) => uuid.replaceAll(/[^0-9a-f]/gi, "").toLowerCase();
const failed = (stderr: string, status = 1): ProgramEnd => ({ status, stderr: `mdadm: ${stderr}\n` });
const said = (facts: Readonly<Record<string, string | number | undefined>>): ProgramEnd => ({
  stdout: Object.entries(facts)
    .map(([name, value]) => (value === undefined ? "" : `${name}=${value}\n`))
    .join(""),
});

const described = ({ described: name, name: kernelName }: SimulatedDevice) => name ?? kernelName;

/** The array that a device is a member of by its description. */
const arrayOf = (world: World, device: SimulatedDevice): Array | undefined =>
  layered(world, "raid").find(({ layer }) => layer.members.includes(described(device)));

/** The words that are no options; the value of --config is none of them. */
const operands = (argv: readonly string[]) =>
  argv.slice(1).filter((word, index) => !word.startsWith("-") && argv[index] !== "--config");

function textOf({ files }: World, path: string): string {
  return files.has(path) ? dataOf(files.find(path)) : "";
}

/** What mdadm.conf has for an array: its place, if any; undefined: it does not allow that it is assembled. */
function configured(
  world: World,
  argv: readonly string[],
  { layer }: Array,
): { place?: string } | "ignored" | undefined {
  const text = textOf(world, argv[argv.indexOf("--config") + 1] ?? "");
  const line = text
    .split("\n")
    .map((each) => each.split(/\s+/))
    .find(([keyword, ...words]) => keyword === "ARRAY" && fits(layer, words));
  if (line?.[1] === "<ignore>") return "ignored";
  if (!line) return /^AUTO -all$/m.test(text) ? undefined : {};
  return line[1]?.includes("=") ? {} : { ...(line[1] === undefined ? {} : { place: line[1] }) };
}

const fits = ({ uuid, name }: Array["layer"], words: readonly string[]) =>
  words.every((word) => {
    const [, key = "", value = ""] = /^(uuid|name)=(.*)$/i.exec(word) ?? [];
    return !key || (key.toLowerCase() === "uuid" ? digits(value) === digits(uuid) : value === name);
  });

/** Its names: those of a place in /dev/md, or of the metadata without the host; a number is the kernel's, too. */
function namesOf(world: World, { layer }: Array, place: string | undefined): { kernel: string; path: string } {
  const own = place?.replace(/^\/dev\/(md\/)?/, "") ?? layer.name?.replace(/^.*:/, "");
  const number = /^(?:md)?(\d+)$/.exec(own ?? "")?.[1];
  const kernel = number === undefined ? freeName(world) : `md${number}`;
  return { kernel, path: place ?? (own === undefined ? `/dev/${kernel}` : `/dev/md/${own}`) };
}

/** Without a number in its name an array has the highest that is free, from 127. */
function freeName(world: World): string {
  const taken = new Set(world.devices.all().map(({ name }) => name));
  let number = 127;
  while (taken.has(`md${number}`)) number--;
  return `md${number}`;
}

function rememberName(world: World, kernel: string, { layer }: Array, path: string): void {
  const place = world.files.spot("/run");
  const line = `${kernel} ${layer.metadata} ${colons(layer.uuid)} ${path}\n`;
  const text = textOf(world, mapPath) + line;
  addFiles(place.mount.system, place.inode, { "mdadm/map": text }, world.realtime());
}

/** MD_DEVNAME: the name below /dev/md, or the path of another. */
function nameOf(world: World, kernel: string): string | undefined {
  const line = textOf(world, mapPath)
    .split("\n")
    .find((each) => each.startsWith(`${kernel} `));
  return line?.split(" ")[3]?.replace(/^\/dev\/md\//, "");
}

const isRunning = ({ sectors }: SimulatedDevice) => sectors !== 0;
/** The kernel asks for the driver of the level by this alias. */
const hasDriver = (world: World, { layer }: Array) =>
  world.description.monolithic === true || world.devices.resolve(`md-${layer.level}`).length > 0;

const inactive = { sectors: 0, tags: {}, files: {} };
const active = ({ sectors, tags, files }: Array) => ({
  ...(sectors === undefined ? { sectors: 2048 } : { sectors }),
  tags,
  ...(files === undefined ? {} : { files }),
});
const facts = (state: string) => ({ facts: { "md/array_state": `${state}\n` } });

/** mdadm --incremental: gives a member to its array, and starts it if it is complete, or with --run if it can run. */
function incremental(world: World, argv: readonly string[], path: string): ProgramEnd {
  const member = world.devices.at(path);
  const array = arrayOf(world, member);
  if (!array) return failed(`no recognisable superblock on ${path}.`);
  const entry = configured(world, argv, array);
  if (entry === "ignored") return failed(`array containing ${path} is explicitly ignored by mdadm.conf`);
  if (!entry) return { status: 1 };
  const there = deviceNamed(world, array.name);
  if (there?.slaves?.some(({ name }) => name === member.name))
    return failed(`cannot reopen ${path}: Device or resource busy.`);
  const run = argv.includes("--run");
  if (there && isRunning(there)) {
    if (!run) return failed(`not adding ${path} to active array (without --run) ${there.name}`, 2);
    changeLayer(world, there.name, { slaves: [...(there.slaves ?? []), member] });
    return answer(world, there.name, "already");
  }
  return begin(world, array, { there, member, run, place: entry.place });
}

function begin(
  world: World,
  array: Array,
  {
    there,
    member,
    run,
    place,
  }: { there: SimulatedDevice | undefined; member: SimulatedDevice; run: boolean; place: string | undefined },
): ProgramEnd {
  const slaves = [...(there?.slaves ?? []), member];
  const { members, least } = array.layer;
  const enough = slaves.length >= least;
  const starts = slaves.length === members.length || (run && enough);
  const kernel = there?.name ?? arrives(world, array, member, place);
  if (starts && !hasDriver(world, array)) {
    changeLayer(world, kernel, { slaves });
    return failed(`${member.name} attached to ${kernel}, but failed to start: Invalid argument.`);
  }
  changeLayer(world, kernel, { slaves, ...(starts ? { ...active(array), ...facts("read-auto") } : {}) });
  return answer(world, kernel, starts ? "yes" : enough ? "unsafe" : "no");
}

function arrives(world: World, array: Array, member: SimulatedDevice, place: string | undefined): string {
  const names = namesOf(world, array, place);
  rememberName(world, names.kernel, array, names.path);
  bring(world, array, names.kernel, { ...inactive, ...facts("inactive"), slaves: [member] });
  return names.kernel;
}

const answer = (world: World, kernel: string, started: string) =>
  said({ MD_DEVICE: kernel, MD_DEVNAME: nameOf(world, kernel), MD_FOREIGN: "no", MD_STARTED: started });

/** mdadm --run: starts an array with the members that it has. */
function run(world: World, path: string): ProgramEnd {
  const there = world.devices.at(path);
  const array = layered(world, "raid").find(({ name }) => name === there.described);
  if (!array) return failed(`${path} does not appear to be an md device`);
  if (isRunning(there)) return {};
  const slaves = there.slaves ?? [];
  if (slaves.length < array.layer.least || !hasDriver(world, array))
    return failed(`failed to start array ${path}: Input/output error`);
  changeLayer(world, there.name, { ...active(array), ...facts("read-auto"), slaves });
  return { stderr: `mdadm: started array ${path}\n` };
}

function detail(world: World, path: string): ProgramEnd {
  const { name, layer } = world.devices.at(path);
  if (layer?.kind !== "raid") return failed(`${path} does not appear to be an md device`);
  return said({
    MD_LEVEL: layer.level,
    MD_DEVICES: layer.members.length,
    MD_METADATA: layer.metadata,
    MD_UUID: colons(layer.uuid),
    MD_DEVNAME: nameOf(world, name)?.replace(/^\/.*/, "") || undefined,
    MD_NAME: layer.name,
  });
}

function examine(world: World, path: string): ProgramEnd {
  const array = arrayOf(world, world.devices.at(path));
  if (!array) return failed(`No md superblock detected on ${path}.`);
  const { level, members, name, uuid } = array.layer;
  return said({ MD_LEVEL: level, MD_DEVICES: members.length, MD_NAME: name, MD_UUID: colons(uuid) });
}

/** Milliseconds that mdadm is at work. */
const work = 20;
/** When the map is free again: who changes arrays locks it. */
const locked = new WeakMap<World, number>();

function* underLock(world: World, end: () => ProgramEnd): Generator<Pause, ProgramEnd, undefined> {
  const now = world.schedule.now();
  const until = Math.max(now, locked.get(world) ?? 0) + work;
  locked.set(world, until);
  yield { sleep: until - now };
  return answered(end);
}

/** What is not there, or no block device, is told of. */
function answered(end: () => ProgramEnd): ProgramEnd {
  try {
    return end();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return failed(`cannot open the device: ${error.errno}`);
  }
}

const mdadm: ProgramModel = ({ argv }, { world }) => {
  const [path = ""] = operands(argv);
  // The first word is the mode: with --run there no other follows.
  if (argv[1] === "--incremental") return underLock(world, () => incremental(world, argv, path));
  if (argv[1] === "--run" && argv.length === 3) return underLock(world, () => run(world, path));
  if (argv[1] === "--detail") return answered(() => detail(world, path));
  if (argv[1] === "--examine") return answered(() => examine(world, path));
  world.leaveOpen(`what ${argv.join(" ")} does, and how it ends`);
  return {};
};

/** The programs of arrays. */
export const mdPrograms: Readonly<Record<string, ProgramModel>> = { mdadm };
