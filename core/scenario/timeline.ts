import type { Event, Outcome } from "../abi/index.js";
import type { TraceEntry } from "../rehearsal/trace.js";

/** A step of a boot, as it is shown. */
export interface Step {
  /** The op's name. */
  name: string;
  /** Milliseconds since the kernel started. */
  time: number;
  /** Milliseconds, for a job that has ended. */
  lasts?: number;
  text: string;
  /** "said": the boot code's own words; "op": shown on demand only. */
  kind: "said" | "job" | "op";
  /** Of a job: it was of no use. */
  failed?: true;
}

/** Records of the kernel's ring up to this level are shown: more is for who looks for a mistake. */
const shownLevel = 6;

const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** What an op is about, in one line. */
function subject(name: string, request: Record<string, unknown>): string {
  if (name === "run") return (request.argv as string[]).join(" ");
  if (name === "insert") return (request.drivers as { name: string }[]).map((driver) => driver.name).join(" ");
  if (name === "mount" || name === "mountVirtual") {
    const { source, target, type, flags, data } = request as Record<string, string> & { flags: string[] };
    const options = [...flags, ...(data ? [data] : [])].join(",");
    return `${source ?? type} on ${target}${type || options ? ` (${[type, options].filter(Boolean).join(", ")})` : ""}`;
  }
  if (name === "move" || name === "rename") return `${request.from} to ${request.to}`;
  if (name === "trySwitch") return `${request.root}, ${request.init}`;
  if (name === "prompt") return text(request.text);
  const main = request.path ?? request.target ?? request.device ?? request.file ?? request.alias;
  return main === undefined ? "" : text(main);
}

/** An op in one line, without what came of it. */
export function describeOp({ name, arguments: request }: TraceEntry): string {
  return `${name} ${subject(name, argumentsOf(request))}`.trim();
}

/** What came of it, where that is worth a word. */
function result(name: string, outcome: Outcome): string {
  if ("error" in outcome) return `: ${[outcome.error.errno, outcome.error.detail].filter(Boolean).join(", ")}`;
  const value = outcome.value as Record<string, unknown>;
  if (name === "probe") {
    const { TYPE, UUID, LABEL, PTTYPE } = value.tags as Record<string, string>;
    const found = [TYPE ?? PTTYPE, UUID && `UUID=${UUID}`, LABEL && `LABEL=${LABEL}`].filter(Boolean).join(" ");
    return `: ${found || "nothing known"}`;
  }
  if (name === "run" && (value.signal || value.status)) return `: ${value.signal ?? `status ${value.status}`}`;
  if (name === "insert") {
    const failed = (value.results as { name: string; error?: string }[]).filter(({ error }) => error);
    return failed.length ? `: ${failed.map((driver) => `${driver.name} ${driver.error}`).join(", ")}` : "";
  }
  if (name === "trySwitch" && value.objection) return `: ${value.objection}`;
  return "";
}

/** What the boot code came up with may be anything. */
export function argumentsOf(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Where the engine has ended within the op, nobody was told of an outcome. */
const outcomeOf = (json: string): Outcome => (json ? (JSON.parse(json) as Outcome) : { value: {} });

/** The steps of a recorded boot, in order. */
export function stepsOf(recording: readonly TraceEntry[]): Step[] {
  const running = new Map<number, Step>();
  return recording.flatMap((entry) => {
    try {
      return stepsOfEntry(entry, running);
    } catch {
      // Anybody can write a recording: what is shaped as no such op is, is shown by its name.
      return [{ name: entry.name, time: entry.time / 1000, text: entry.name, kind: "op" }];
    }
  });
}

/** What one op shows; a job that it starts is running from then on. Throws where arguments or outcome are not the op's. */
function stepsOfEntry(
  { time: microseconds, name, arguments: request, outcome: json }: TraceEntry,
  running: Map<number, Step>,
): Step[] {
  const time = microseconds / 1000;
  const asked = argumentsOf(request);
  const outcome = outcomeOf(json);
  if (name === "wait") return endOf(running, time, outcome);
  if (name === "log" || name === "print") {
    const said = name === "print" || Number(asked.level) <= shownLevel;
    return [{ name, time, text: text(asked.text).replace(/^\n+|\n+$/g, ""), kind: said ? "said" : "op" }];
  }
  const words = `${name} ${subject(name, asked)}`.trim();
  const job = "value" in outcome ? (outcome.value as { job?: number } | null)?.job : undefined;
  if (job === undefined || !("value" in outcome) || Object.keys(outcome.value as object).join() !== "job")
    return [{ name, time, text: words + result("", outcome), kind: "op" }];
  const step: Step = { name, time, text: words, kind: "job" };
  running.set(job, step);
  return [step];
}

/** What an event of `wait` says: of a job that was started, or by itself. */
function endOf(running: Map<number, Step>, time: number, outcome: Outcome): Step[] {
  const event = "value" in outcome ? (outcome.value as Event) : undefined;
  if (event?.type === "job") {
    const found = running.get(event.job);
    if (!found) return [];
    const came = result(found.name, event.outcome);
    found.lasts = time - found.time;
    found.text += came;
    if ("error" in event.outcome || (came && found.name !== "probe")) found.failed = true;
    return [];
  }
  if (event?.type === "uevent")
    return [{ name: "wait", time, text: `uevent ${event.action} ${event.devpath}`, kind: "op" }];
  return event?.type === "uevents-lost" ? [{ name: "wait", time, text: "uevents were lost", kind: "op" }] : [];
}

const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(3).padStart(9);

/** Lines of a timeline: what the boot said and its jobs; with `all`, every op. */
export function formatTimeline(recording: readonly TraceEntry[], { all }: { all: boolean }): string[] {
  const shown = stepsOf(recording).filter(({ kind }) => all || kind !== "op");
  const margin = " ".repeat(10);
  return shown.flatMap(({ time, lasts, text: words, kind }) => {
    const [first = "", ...rest] = words.split("\n");
    const duration = kind === "job" ? ` [${lasts === undefined ? "has not ended" : `${Math.round(lasts)} ms`}]` : "";
    return [`${seconds(time)} ${kind === "said" ? "" : "· "}${first}${duration}`, ...rest.map((line) => margin + line)];
  });
}
