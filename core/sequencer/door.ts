import { OpError } from "../../hooks/index.js";
import type { InstantName, InstantOps, JobId, JobName, JobOps, OpFunction, Outcome } from "../abi/index.js";

/** The one door: the host function that PID 1 or the rehearsal provides. */
declare const op: OpFunction;

type Request = Record<string, unknown>;

/** What an op is about, for messages to a person. */
export function subject(request: Request): string {
  const { path, target, type, source = type, device, alias, argv, from, to, file, drivers, root, init } = request;
  if (Array.isArray(argv)) return String(argv[0]);
  if (Array.isArray(drivers)) return drivers.map(({ name }) => name).join(" ");
  if (init !== undefined) return `${init} in ${root}`;
  if (from !== undefined) return `${from} to ${to}`;
  if (source !== undefined && target !== undefined) return `${source} on ${target}`;
  return String(path ?? target ?? device ?? alias ?? file ?? "");
}

/** The value of an outcome, or its failure as an OpError. */
export function unwrap(name: string, request: Request, outcome: Outcome): unknown {
  if ("error" in outcome) throw new OpError(name, subject(request), outcome.error.errno, outcome.error.detail);
  return outcome.value;
}

function ask(name: string, request: Request): Outcome {
  return JSON.parse(op(name, JSON.stringify(request)));
}

/** An instant op. Throws OpError. */
export function instant<Name extends InstantName>(name: Name, request: InstantOps[Name][0]): InstantOps[Name][1] {
  return unwrap(name, request as Request, ask(name, request as Request)) as InstantOps[Name][1];
}

/** The file or device, or a directory on the way to it, is not there. */
const notThere = new Set(["ENOENT", "ENOTDIR", "ENODEV", "ENXIO"]);

/** An instant op about something that may be missing: then undefined. An exception would cost more than the op. Throws OpError for other failures. */
export function instantIfThere<Name extends InstantName>(
  name: Name,
  request: InstantOps[Name][0],
): InstantOps[Name][1] | undefined {
  const outcome = ask(name, request as Request);
  if ("error" in outcome && notThere.has(outcome.error.errno)) return undefined;
  return unwrap(name, request as Request, outcome) as InstantOps[Name][1];
}

/** Starts a job. Throws OpError if it cannot start. */
export function startJob<Name extends JobName>(name: Name, request: JobOps[Name][0]): JobId {
  return (unwrap(name, request as Request, ask(name, request as Request)) as { job: JobId }).job;
}
