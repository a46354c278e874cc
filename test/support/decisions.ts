import {
  type DeviceTags,
  type DriverMatch,
  type Event,
  type InstantName,
  type JobName,
  type Outcome,
  type ProbeResult,
  shellPath,
} from "../../core/abi/index.js";
import type { TraceEntry } from "../../core/rehearsal/trace.js";

/**
 * What a boot has decided, out of its recording. Each decision is a line: what was asked, word by word, and what came of it.
 *
 * The order of the lines counts within the path, within one device, and among the drivers. Between these nothing decides it: devices are probed and
 * drivers inserted while hooks run, and who is first is a matter of the machine's speed.
 */
export interface Decisions {
  /** Hooks by phase, what the boot said, every change of files, mounts and processes, and the last word. */
  path: string[];
  /** By the path of a device: what its probe has told, and the links that were made of it. */
  devices: Map<string, string[]>;
  /** Drivers with their parameters. Not in how many jobs: what comes while one is inserted goes into the next. Without those that only `beside` asks for. */
  drivers: string[];
}

/**
 * Questions to the machine, which decide nothing by themselves: what follows from an answer does. (The sequencer reads sysfs in the kernel's order of
 * devices, and asks for the time when it pleases.) Debug records tell of those, but for the phases.
 */
const questions: readonly (InstantName | JobName)[] = [
  ...(["now", "randomSeed", "wait", "inputPosition", "kernel", "resolveDriver"] as const),
  ...(["read", "list", "stat", "readLink", "listenUevents", "setLimits", "trace", "pipe"] as const),
];
const isQuestion = new Set<string>(questions);

/** Of all tags of libblkid those by which the sequencer decides. */
const decidingTags = ["TYPE", "USAGE", "UUID", "LABEL", "PTTYPE", "PART_ENTRY_UUID", "PART_ENTRY_NAME"];

/**
 * Not compared: what is written where a wait turns out to be long, which is the machine's speed, and before a shell; links by hardware, made before a shell
 * out of what no machine file describes (devices.test.ts compares them with udev's); which engine's recording makes way for this one's.
 */
const incidental =
  /^(\/sys\/module\/block\/parameters\/events_dfl_poll_msecs$|\/dev\/disk\/by-(id|path)(\/|$)|\/run\/initramfs\/trace)/;

interface Asked {
  name: string;
  request: Record<string, unknown>;
  json: string;
}

/**
 * @param entries One engine's. Up to where the boot code shows the recording on the console (rd.trace=console), if it does: there a recording that is
 * taken from the console ends.
 * @param beside Modaliases whose drivers are loaded or not, as the time is that other devices take to come.
 */
export function decisionsOf(entries: readonly TraceEntry[], beside: ReadonlySet<string> = new Set()): Decisions {
  const shown = entries.findIndex(({ name, arguments: json }) => name === "trace" && json === '{"path":null}');
  const counted = shown < 0 ? entries : entries.slice(0, shown);
  const ends = jobEnds(counted);
  const decisions: Decisions = { path: [], devices: new Map(), drivers: [] };
  let quoted: string[] = [];
  for (const { name, arguments: json, outcome } of counted) {
    if (name === "wait") quoted = [...new Set([...complaintsOf(outcome), ...quoted])].sort(longestFirst);
    if (isQuestion.has(name)) continue;
    const asked: Asked = { name, json, request: JSON.parse(json) };
    take(decisions, asked, outcomeOf(outcome, ends), quoted);
  }
  decisions.devices.get(folders)?.sort();
  if (beside.size) decisions.drivers = decisions.drivers.filter(among(driversFor(counted, beside)));
  return decisions;
}

const among = (names: ReadonlySet<string>) => (driver: string) => names.has(driver.split(" ", 1)[0] ?? "");

/** Names of the drivers, with those that they need, that others than `beside` ask for. */
function driversFor(entries: readonly TraceEntry[], beside: ReadonlySet<string>): Set<string> {
  const asked = entries.filter(
    ({ name, arguments: json }) =>
      name === "resolveDriver" && !beside.has((JSON.parse(json) as { alias: string }).alias),
  );
  const matches = asked.flatMap(
    ({ outcome }) => (JSON.parse(outcome) as { value?: { matches: DriverMatch[] } }).value?.matches ?? [],
  );
  return new Set(matches.flatMap(({ chain }) => chain.map(({ name }) => name)));
}

/** Was a person given a shell? */
export const ranShell = (entries: readonly TraceEntry[]): boolean =>
  entries.some(({ name, arguments: json }) => name === "run" && json.includes(JSON.stringify(shellPath)));

/** What tells a disk from all others, as far as its tags do: members of an array or of a btrfs have one UUID in common. */
export const signatureOf = ({ UUID, UUID_SUB }: DeviceTags = {}): string =>
  UUID === undefined ? "" : [UUID, UUID_SUB].join(" ");

/** Names of the disks, as the kernel gave them, by the signature of what is on them or on their first partition. */
export function probedNames(entries: readonly TraceEntry[]): Map<string, string> {
  const ends = jobEnds(entries);
  const names = new Map<string, string>();
  for (const { name, arguments: json, outcome: answer } of entries) {
    if (name !== "probe") continue;
    const outcome = outcomeOf(answer, ends);
    const signature = signatureOf("value" in outcome ? (outcome.value as Partial<ProbeResult>).tags : undefined);
    const device = (JSON.parse(json) as { device: string }).device.slice("/dev/".length);
    const [, disk = device] = /^(.*\d(?=p1$)|\D+(?=1$))/.exec(device) ?? [];
    if (signature) names.set(signature, disk);
  }
  return names;
}

const longestFirst = (one: string, other: string) => other.length - one.length;

/** The lines of what a program has said on standard error, where a job has ended. */
function complaintsOf(outcome: string): string[] {
  const { value } = JSON.parse(outcome || "{}") as { value?: Event };
  if (value?.type !== "job" || "error" in value.outcome) return [];
  const { stderr = "" } = value.outcome.value as { stderr?: string };
  return stderr.split("\n").filter(Boolean);
}

/** By job. */
function jobEnds(entries: readonly TraceEntry[]): Map<number, Outcome> {
  const ends = new Map<number, Outcome>();
  for (const { name, outcome } of entries) {
    if (name !== "wait" || !outcome) continue;
    const { value } = JSON.parse(outcome) as { value?: Event };
    if (value?.type === "job") ends.set(value.job, value.outcome);
  }
  return ends;
}

const notEnded = "has not ended";
const unfinished: Outcome = { error: { errno: notEnded } };

/** Of a job: how it ended. */
function outcomeOf(json: string, ends: ReadonlyMap<number, Outcome>): Outcome {
  // The last word.
  if (!json) return { value: {} };
  const outcome = JSON.parse(json) as Outcome;
  const { job } = ("value" in outcome ? outcome.value : {}) as { job?: number };
  return job === undefined ? outcome : (ends.get(job) ?? unfinished);
}

function take({ path, devices, drivers }: Decisions, asked: Asked, outcome: Outcome, quoted: readonly string[]): void {
  const { name, request } = asked;
  const device = deviceOf(asked);
  if (incidental.test(String(request.path))) return;
  if (name === "log") {
    const text = String(request.text);
    if (Number(request.level) <= 6 || text.startsWith("phase ")) path.push(...said(text, quoted));
  } else if (name === "print") path.push(...said(String(request.text), quoted));
  else if (name === "insert") drivers.push(...insertions(request, outcome));
  else if (device === undefined) {
    const line = `${name} ${passedOn(asked.json, quoted.map(inJson))}${resultOf(outcome)}`;
    // A want is tried whenever something happens: how often in vain is a matter of the machine's speed.
    if (!("error" in outcome) || line !== path.at(-1)) path.push(line);
  } else takeOfDevice(devices, device, lineOfDevice(asked, outcome));
}

const layer = /^\/dev\/(dm-|md)\d/;

/**
 * A mapping is told of twice, as it is made and as it is resumed, an array more often: whether one probe, and what is done about it, comes in time for
 * several, and whether the last one ends before the boot does, is a matter of the machine's speed.
 */
function takeOfDevice(devices: Decisions["devices"], device: string, line: string): void {
  const lines = devices.get(device) ?? [];
  const last = layer.test(device) ? lines.findLast((each) => each.startsWith("probe ")) : undefined;
  const isAgain = line.startsWith("run ")
    ? lines.includes(line)
    : last !== undefined && [last, `probe ${device} → ${notEnded}`].includes(line);
  if (!isAgain) devices.set(device, [...lines, line]);
}

/** In the place of a device's path: the folders of links, which are made for whichever device is first. */
const folders = "folders of links";

/**
 * Of a program that sets devices up as they come, of which several may be at work at the same time. mdadm and LVM are run for the device, array or group that
 * is their last word: of those that come at the same time any may be first. The order of containers counts: their mappings are numbered by it.
 */
function setUpBy(argv: readonly string[]): string | undefined {
  const [program] = argv;
  if (program === "mdadm" || program === "lvm") return `${program} ${argv.at(-1)}`;
  return program === "cryptsetup" ? program : undefined;
}

/** What an op concerns that may be asked at any time: a device, or what a program is run for. */
function deviceOf({ name, request }: Asked): string | undefined {
  const place = String(request.path ?? "");
  if (name === "probe") return String(request.device);
  if (name === "run") return setUpBy(request.argv as string[]);
  const isOfLayer = name === "makeDir" ? /^\/dev\/(?!pts$|shm$)[^/]+$/.test(place) : layer.test(String(request.target));
  if (!isOfLayer && !/^\/dev\/(disk|mapper|md)\//.test(place)) return undefined;
  if (name === "symlink") return String(request.target);
  // Whose it was is not asked.
  if (name === "remove") return place;
  return name === "makeDir" ? folders : undefined;
}

function lineOfDevice({ name, request, json }: Asked, outcome: Outcome): string {
  if (name !== "probe") return `${name} ${json}${resultOf(outcome)}`;
  if ("error" in outcome) return `probe ${request.device}${resultOf(outcome)}`;
  const { tags, ambivalent, size } = outcome.value as {
    tags: Record<string, string>;
    ambivalent: boolean;
    size: number;
  };
  const told = decidingTags.flatMap((tag) => (tags[tag] === undefined ? [] : `${tag}=${tags[tag]}`));
  return [`probe ${request.device}:`, ...told, `${size} bytes`, ...(ambivalent ? ["ambivalent"] : [])].join(" ");
}

function insertions(request: Record<string, unknown>, outcome: Outcome): string[] {
  const results = "value" in outcome ? (outcome.value as { results: { name: string; error?: string }[] }).results : [];
  const failures = new Map(results.map(({ name, error }) => [name, error]));
  return (request.drivers as { name: string; parameters: string }[]).map(({ name, parameters }) =>
    [name, parameters, failures.get(name)].filter(Boolean).join(" "),
  );
}

/** How far a program has come when it is looked at, how long it has taken, and whether a wait is long, is the machine's speed. */
function said(text: string, quoted: readonly string[]): string[] {
  if (/: \d+ % of .* unpacked$|^waiting for .* \(\d+ s\)$|^waiting until these drivers are loaded: /.test(text))
    return [];
  return [`said: ${passedOn(text, quoted).replace(/ in \d+\.\d s$/, " in some time")}`];
}

/**
 * The words of programs that the boot passes on, and how many lines of them there are, are those of the programs' versions. The device mapper has whatever
 * major number is free when its driver comes.
 */
function passedOn(text: string, quoted: readonly string[]): string {
  return quoted
    .reduce((rest, line) => rest.replaceAll(line, "…"), text)
    .replace(/…(; …)+/, "…")
    .replace(/(?<=\/run\/udev\/data\/b)25\d(?=:)/g, "mapper");
}

const inJson = (text: string) => JSON.stringify(text).slice(1, -1);

/** Nothing, where it has gone well; what a program has said is not compared, but what the boot makes of it. */
function resultOf(outcome: Outcome): string {
  if ("error" in outcome) return ` → ${outcome.error.errno}`;
  const { status, signal, objection } = outcome.value as { status?: number; signal?: string; objection?: string };
  if (signal) return ` → ${signal}`;
  if (status) return ` → status ${status}`;
  return objection ? ` → ${objection}` : "";
}

/** Lines before a difference that are shown. */
const context = 3;

/**
 * Where the second differs from the first, for a person to read; undefined: nowhere. Without `whole` the first may end before the second; devices and
 * drivers, which are seen to beside the path, may so, too, where a person has left the shell for another try. Without `ordered` the order of drivers
 * does not count: disks that come in several ways come in any order.
 */
export function differenceOf(
  booted: Decisions,
  rehearsed: Decisions,
  { whole, ordered }: { whole: boolean; ordered: boolean } = { whole: true, ordered: true },
): string | undefined {
  const settled = whole && !/^finish .*"retry":true}$/.test(booted.path.at(-1) ?? "");
  const names = [...new Set([...booted.devices.keys(), ...(settled ? rehearsed.devices.keys() : [])])].sort();
  const found = [
    differenceOfLines("the path", booted.path, rehearsed.path, whole),
    ordered
      ? differenceOfLines("drivers", booted.drivers, rehearsed.drivers, settled)
      : differenceOfLines("drivers", ...sorted(booted.drivers, rehearsed.drivers, settled), true),
    ...names.map((name) =>
      differenceOfLines(name, booted.devices.get(name) ?? [], rehearsed.devices.get(name) ?? [], settled),
    ),
  ].filter((each) => each !== undefined);
  return found.length ? found.join("\n") : undefined;
}

function sorted(booted: readonly string[], rehearsed: readonly string[], whole: boolean): [string[], string[]] {
  return [[...booted].sort(), rehearsed.filter((driver) => whole || booted.includes(driver)).sort()];
}

function differenceOfLines(
  what: string,
  booted: readonly string[],
  rehearsed: readonly string[],
  whole: boolean,
): string | undefined {
  const length = whole ? Math.max(booted.length, rehearsed.length) : booted.length;
  const agree = (index: number) =>
    booted[index] === rehearsed[index] || (!whole && isUnfinished(booted[index], rehearsed[index]));
  const first = Array.from({ length }, (_, index) => index).find((index) => !agree(index));
  if (first === undefined) return undefined;
  const before = booted.slice(Math.max(0, first - context), first).map((line) => `               ${line}`);
  return [
    `${what}, decision ${first + 1}:`,
    ...before,
    `    booted:    ${booted[first] ?? "(nothing more)"}`,
    `    rehearsed: ${rehearsed[first] ?? "(nothing more)"}`,
  ].join("\n");
}

/** The job was running when the recording ended. */
const isUnfinished = (booted = "", rehearsed = "") =>
  booted.endsWith(` → ${notEnded}`) && rehearsed.startsWith(booted.slice(0, -` → ${notEnded}`.length));
