import type { Event, InstantName, JobName, Outcome } from "../../core/abi/index.js";
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
  /** Drivers with their parameters. Not in how many jobs: what comes while one is inserted goes into the next. */
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

interface Asked {
  name: string;
  request: Record<string, unknown>;
  json: string;
}

/**
 * @param entries One engine's. Up to where the boot code shows the recording on the console (rd.trace=console), if it does: there a recording that is
 * taken from the console ends.
 */
export function decisionsOf(entries: readonly TraceEntry[]): Decisions {
  const shown = entries.findIndex(({ name, arguments: json }) => name === "trace" && json === '{"path":null}');
  const counted = shown < 0 ? entries : entries.slice(0, shown);
  const ends = jobEnds(counted);
  const decisions: Decisions = { path: [], devices: new Map(), drivers: [] };
  for (const { name, arguments: json, outcome } of counted) {
    if (isQuestion.has(name)) continue;
    const asked: Asked = { name, json, request: JSON.parse(json) };
    take(decisions, asked, outcomeOf(outcome, ends));
  }
  decisions.devices.get(folders)?.sort();
  return decisions;
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

const unfinished: Outcome = { error: { errno: "has not ended" } };

/** Of a job: how it ended. */
function outcomeOf(json: string, ends: ReadonlyMap<number, Outcome>): Outcome {
  // The last word.
  if (!json) return { value: {} };
  const outcome = JSON.parse(json) as Outcome;
  const { job } = ("value" in outcome ? outcome.value : {}) as { job?: number };
  return job === undefined ? outcome : (ends.get(job) ?? unfinished);
}

function take({ path, devices, drivers }: Decisions, asked: Asked, outcome: Outcome): void {
  const { name, request } = asked;
  const device = deviceOf(asked);
  if (name === "log") {
    const text = String(request.text);
    if (Number(request.level) <= 6 || text.startsWith("phase ")) path.push(...said(text));
  } else if (name === "print") path.push(...said(String(request.text)));
  else if (name === "insert") drivers.push(...insertions(request, outcome));
  else if (device === undefined) path.push(`${name} ${asked.json}${resultOf(outcome)}`);
  else devices.set(device, [...(devices.get(device) ?? []), lineOfDevice(asked, outcome)]);
}

/** In the place of a device's path: the folders of links, which are made for whichever device is first. */
const folders = "folders of links";

/** The device that an op concerns that may be asked at any time. */
function deviceOf({ name, request }: Asked): string | undefined {
  const place = String(request.path ?? "");
  if (name === "probe") return String(request.device);
  if (/^\/dev\/(disk|mapper)\//.test(place))
    return name === "symlink" ? String(request.target) : name === "makeDir" ? folders : undefined;
  return undefined;
}

function lineOfDevice({ name, request, json }: Asked, outcome: Outcome): string {
  if (name !== "probe" || "error" in outcome) return `${name} ${json}${resultOf(outcome)}`;
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

/** How far a program has come when it is looked at, and how long it has taken, is the machine's speed. */
function said(text: string): string[] {
  if (/: \d+ % of .* unpacked$/.test(text)) return [];
  return [`said: ${text.replace(/ in \d+\.\d s$/, " in some time")}`];
}

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

/** Where the second differs from the first, for a person to read; undefined: nowhere. */
export function differenceOf(booted: Decisions, rehearsed: Decisions): string | undefined {
  const names = [...new Set([...booted.devices.keys(), ...rehearsed.devices.keys()])].sort();
  const found = [
    differenceOfLines("the path", booted.path, rehearsed.path),
    differenceOfLines("drivers", booted.drivers, rehearsed.drivers),
    ...names.map((name) => differenceOfLines(name, booted.devices.get(name) ?? [], rehearsed.devices.get(name) ?? [])),
  ].filter((each) => each !== undefined);
  return found.length ? found.join("\n") : undefined;
}

function differenceOfLines(what: string, booted: readonly string[], rehearsed: readonly string[]): string | undefined {
  const length = Math.max(booted.length, rehearsed.length);
  const first = Array.from({ length }, (_, index) => index).find((index) => booted[index] !== rehearsed[index]);
  if (first === undefined) return undefined;
  const before = booted.slice(Math.max(0, first - context), first).map((line) => `               ${line}`);
  return [
    `${what}, decision ${first + 1}:`,
    ...before,
    `    booted:    ${booted[first] ?? "(nothing more)"}`,
    `    rehearsed: ${rehearsed[first] ?? "(nothing more)"}`,
  ].join("\n");
}
