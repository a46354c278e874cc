import { type Event, type Outcome, ops } from "../abi/index.js";
import type { TraceEntry } from "./trace.js";

/** What goes wrong at one op of a boot. Exactly one of `answer`, `ending`, `lasts` and `gone` is set. */
export interface Fault {
  /** Number of the op, from 1. */
  op: number;
  /** "EIO", "killed", "never", ...: of one op all are different. */
  name: string;
  /** What the op answers, having done nothing. */
  answer?: Outcome;
  /** How the job ends, having done nothing. */
  ending?: Outcome;
  /** Milliseconds after its start until the job's end is told, having done all; infinity: it never ends, and does nothing. */
  lasts?: number;
  /** Kernel name of the block device that is taken out right after the op. */
  gone?: string;
}

/** An op that the boot code has asked, and from where. */
export interface AskedOp extends TraceEntry {
  /** Functions of the boot code, the innermost first; empty: nobody wanted to know. */
  stack: readonly string[];
}

/** Milliseconds by which a late job is late: longer than rd.timeout, which is exploredTimeout. */
const late = 90_000;
/** Seconds: by default a boot waits for ever for a job that does not end. */
export const exploredTimeout = 60;

const failed = (errno: string, detail?: string): Outcome => ({
  error: { errno, ...(detail === undefined ? {} : { detail }) },
});

/** Every single fault of a boot, in the order of its ops. */
export function listFaults(asked: readonly AskedOp[]): Fault[] {
  const ends = jobEnds(asked);
  return asked.flatMap((entry, index) => {
    const op = index + 1;
    const end = ends.get(index);
    return [...(end ? faultsOfJob(entry, end) : faultsOfInstant(entry)), ...departures(entry)].map((fault) => ({
      op,
      ...fault,
    }));
  });
}

type Unplaced = Omit<Fault, "op">;

const description = (name: string) => (Object.hasOwn(ops, name) ? ops[name as keyof typeof ops] : undefined);

function faultsOfInstant({ name, outcome }: AskedOp): Unplaced[] {
  const errnos = description(name)?.errnos ?? [];
  // What can fail at all may also refuse its arguments: sysfs does, and the kernel's mounts.
  const errors = errnos.length ? [...errnos, "EINVAL"] : [];
  const before = outcome ? (JSON.parse(outcome) as Outcome) : undefined;
  return [
    ...errors
      .filter((errno) => !(before && "error" in before && before.error.errno === errno))
      .map((errno) => ({ name: errno, answer: failed(errno) })),
    ...cuts(name, before).map(([cut, value]) => ({ name: cut, answer: { value } })),
  ];
}

/** Who is asked may take all the time there is. */
function waitsForPerson({ name, arguments: request }: AskedOp): boolean {
  return name === "prompt" || (name === "run" && (JSON.parse(request) as { terminal?: boolean }).terminal === true);
}

function faultsOfJob(entry: AskedOp, end: Outcome): Unplaced[] {
  const { name } = entry;
  const errnos = [...(description(name)?.errnos ?? []), "EINVAL"];
  const programs: Unplaced[] =
    name === "run"
      ? [
          { name: "SIGKILL", ending: { value: { status: null, signal: "SIGKILL", stdout: "", stderr: "" } } },
          { name: "status-1", ending: { value: { status: 1, signal: null, stdout: "", stderr: "" } } },
        ]
      : [];
  return [
    ...["EAGAIN", "ENOMEM"].map((errno) => ({ name: errno, answer: failed(errno) })),
    ...errnos.map((errno) => ({ name: errno, ending: failed(errno) })),
    { name: "killed", ending: failed("ECHILD", "SIGKILL") },
    ...programs,
    ...cuts(name, end).map(([cut, value]) => ({ name: cut, ending: { value } })),
    { name: "late", lasts: late },
    ...(waitsForPerson(entry) ? [] : [{ name: "never", lasts: Number.POSITIVE_INFINITY }]),
  ];
}

/** Does less come than there is, of which nothing tells? */
export const isCut = (fault: string): boolean => /(^|-)(empty|half)$/.test(fault);

/** Results that say less than the whole, by what was cut. */
function cuts(name: string, outcome: Outcome | undefined): [cut: string, value: unknown][] {
  if (!outcome || "error" in outcome) return [];
  const value = outcome.value as Record<string, unknown>;
  /** Without what a list or a text holds, and with half of it. */
  const shorter = (key: string, before = ""): [string, unknown][] => {
    const all = (value[key] ?? "") as string | readonly unknown[];
    const lengths = { empty: 0, half: all.length >> 1 };
    return Object.entries(lengths)
      .slice(0, all.length)
      .map(([cut, length]) => [before + cut, { ...value, [key]: all.slice(0, length) }]);
  };
  switch (name) {
    case "read":
    case "readFile":
      return shorter("data");
    case "list":
      return shorter("entries");
    case "resolveDriver":
      return shorter("matches");
    case "prompt":
      return shorter("line");
    case "run":
      return [...shorter("stdout", "stdout-"), ...shorter("stderr", "stderr-")];
    case "probe":
      return [
        ["empty", { ...value, tags: {} }],
        ["ambivalent", { ...value, tags: {}, ambivalent: true }],
      ];
    case "insert": {
      const results = (value.results as object[]).map((result) => ({ ...result, inserted: false, error: "ENOEXEC" }));
      return [["ENOEXEC", { results }]];
    }
    case "trySwitch":
      return [["objection", { objection: "a fault: init cannot be executed" }]];
    case "wait":
      return (value as Event).type === "uevent" ? [["lost", { type: "uevents-lost" }]] : [];
    default:
      return [];
  }
}

/** A device goes away once the boot has dealt with it: with its node, or with what sysfs tells. */
function departures({ name, arguments: request }: AskedOp): Unplaced[] {
  if (name === "wait") return [];
  const path =
    /"\/(?:sys\/class\/block\/|dev\/(?=(?:x?[hsv]d[a-z]|(?:nvme|mmcblk|pmem|dm-|md|sr|loop)\d)))([^"/]+)/.exec(
      request,
    )?.[1];
  return path === undefined ? [] : [{ name: "gone", gone: path }];
}

/** How each job ended, by the index of the op that has started it; of one that has not, by what a boot does not count on. */
function jobEnds(asked: readonly AskedOp[]): Map<number, Outcome> {
  const ends = new Map<number, Outcome>();
  const started = new Map<number, number>();
  for (const [index, { name, outcome }] of asked.entries()) {
    const answer = outcome ? (JSON.parse(outcome) as Outcome) : undefined;
    if (!answer || !("value" in answer)) continue;
    if (description(name)?.kind === "job") {
      started.set((answer.value as { job: number }).job, index);
      ends.set(index, failed("ECHILD"));
    }
    const event = answer.value as Event;
    if (name === "wait" && event.type === "job") ends.set(started.get(event.job) ?? -1, event.outcome);
  }
  return ends;
}

/** Of disks, partitions and layers, which one it is: letters of disks, numbers, UUIDs. */
const whichOne = /(?<=\b[hsv]d)[a-z]+|[0-9a-f]{8}-[0-9a-f-]{9,}|\d+/g;

/** Errnos between which the boot code makes a difference at most here and there: what cannot be done, and what is not there. */
const alike: readonly (readonly string[])[] = [
  [
    ...["EACCES", "EINVAL", "EIO", "EISDIR", "ELOOP", "ENAMETOOLONG", "EPERM", "EROFS", "EXDEV"],
    ...["EBADMSG", "EFBIG", "ENOBUFS", "ENOSPC", "EPIPE", "EUCLEAN"],
  ],
  ["ENOENT", "ENOTDIR"],
];
const kindOf = ({ name }: Fault): string => alike.find((errnos) => errnos.includes(name))?.[0] ?? name;

/** Of each op one fault of each kind: of errnos that are alike now this one, now that one. */
function oneOfEachKind(faults: readonly Fault[]): Fault[] {
  const kinds = new Map<string, Fault[]>();
  for (const fault of faults) {
    const key = `${fault.op} ${kindOf(fault)}`;
    kinds.set(key, [...(kinds.get(key) ?? []), fault]);
  }
  return [...kinds.values()].flatMap((same) => same[(same[0]?.op ?? 0) % same.length] ?? []);
}

/** What makes a fault like another one: the op, the call site, what it is about, whichever disk that is of, and the kind of what goes wrong. */
export function siteOf(asked: readonly AskedOp[], fault: Fault): string {
  const entry = asked[fault.op - 1];
  return [entry?.name, entry?.arguments.replaceAll(whichOne, "#"), kindOf(fault), ...functionsOf(entry)].join("\n");
}

/** Where in the boot code an op is asked, whatever it is about. */
export const placeOf = (entry: AskedOp): string => [entry.name, ...functionsOf(entry)].join("\n");

/** Their names, without where they are in the bundle: each image has another one. */
const functionsOf = (entry: AskedOp | undefined): string[] =>
  (entry?.stack ?? []).map((frame) => frame.replace(/ \(.*$/, ""));

/** By place, where that is not `known`: a fault of each kind of the op that was asked there first after op number `last`. */
export function faultsAfter(
  asked: readonly AskedOp[],
  last: number,
  known: ReadonlySet<string>,
): ReadonlyMap<string, Fault[]> {
  const firsts = new Map<number, string>();
  const seen = new Set(known);
  for (const [index, entry] of asked.entries()) {
    const place = placeOf(entry);
    if (index < last || seen.has(place)) continue;
    seen.add(place);
    firsts.set(index + 1, place);
  }
  const found = new Map<string, Fault[]>();
  for (const fault of firsts.size ? oneOfEachKind(listFaults(asked)) : []) {
    const place = firsts.get(fault.op);
    if (place !== undefined) found.set(place, [...(found.get(place) ?? []), fault]);
  }
  return found;
}

/** One fault of each kind at each call site, but for those `known`; and that the last job cannot be started, which leads to the report as this boot has it. */
export function distinctFaults(asked: readonly AskedOp[], faults: readonly Fault[], known: readonly string[]): Fault[] {
  const seen = new Set(known);
  const toReport = faults.findLast(({ name }) => name === "EAGAIN");
  return oneOfEachKind(faults).filter((fault) => {
    const site = siteOf(asked, fault);
    return (!seen.has(site) && seen.add(site)) || fault === toReport;
  });
}
