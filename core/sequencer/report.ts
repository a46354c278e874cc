import { BootError, type Device, OpError } from "../../hooks/index.js";
import { describeDevice } from "./device-links.js";
import type { IdleMembers } from "./idle-members.js";
import type { Place } from "./phases.js";
import type { BootPlan } from "./plan.js";
import type { OpenWant } from "./wants.js";

export interface ReportFacts {
  error: unknown;
  place: Place;
  wants: OpenWant[];
  /** Jobs that have not ended. */
  running: string[];
  /** undefined: the boot has not looked for any yet. */
  devices: Device[] | undefined;
  /** What those may lie on that do not come. */
  idle: IdleMembers[];
  /** What drivers of this boot may lack, a line each. */
  firmware: string[];
  commandLine: string;
  build: BootPlan["build"];
  /** The running kernel's release. */
  kernel: string;
}

/** The reason in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text || "an error without a text";
}

function describeBuild({ version, kernel, hostOnly }: BootPlan["build"]): string {
  return `firstlight ${version}, ${hostOnly ? "host-only" : "generic"}, ${kernel === null ? "without drivers" : `for kernel ${kernel}`}`;
}

const remedies: readonly [errnos: string, remedy: string][] = [
  ["ENOSPC", "A file system in memory is full: give the machine more memory, or put less into it."],
  ["ENOMEM EAGAIN EMFILE ENFILE", "Give the machine more memory."],
  [
    "ECHILD",
    "Its process was killed. Look above for what the kernel says of it; if memory ran out, give the machine more.",
  ],
  [
    "EIO ENXIO ENOMEDIUM ESTALE EUCLEAN",
    "Look above for what the kernel says of it, and check the device and its cabling.",
  ],
  ["ENODEV ENOSYS EPROTONOSUPPORT", "This kernel lacks it: boot another one, or one that has it built in."],
  ["EBADMSG ENOEXEC", "The image is damaged: build it again."],
];

function remedyOf(error: unknown): string {
  if (error instanceof BootError) return error.remedy;
  if (!(error instanceof OpError))
    return "This is a mistake in the boot code, at the place below: tell the module's author.";
  const known = remedies.find(([errnos]) => errnos.split(" ").includes(error.errno))?.[1];
  return (
    known ??
    "Look above for what the kernel says of it. If that does not explain it, build the image again, or report it (tools/bug-report)."
  );
}

/** Where something is waited for that may lie on what nobody has set up. */
function below(wants: readonly OpenWant[], idle: readonly IdleMembers[]): string {
  const headings = new Set(idle.map(({ heading }) => heading));
  if (!wants.length || !headings.size) return "";
  return `It may lie on what is there and not set up: see ${[...headings].join(", ")} below. Otherwise: `;
}

/** What a person in front of a machine that did not boot has to know. */
export function formatReport({
  error,
  place,
  wants,
  running,
  devices,
  idle,
  firmware,
  commandLine,
  build,
  kernel,
}: ReportFacts): string {
  const where = place.failed ? `${place.phase}, in the module ${place.failed}` : place.phase;
  const lines = ["", "──── The boot has stopped ────", `What:    ${reasonOf(error)}`];
  lines.push(`Remedy:  ${below(wants, idle)}${remedyOf(error)}`, `Where:   ${where}`);
  for (const want of wants) {
    lines.push(`Waiting: ${want.description}, wanted for ${want.for}`);
    const nearest = want.nearest();
    if (nearest) lines.push(`         ${nearest}`);
  }
  for (const job of running) lines.push(`Running: ${job}`);
  const found = devices?.map(describeDevice).join("\n         ") || "none";
  lines.push(`Devices: ${devices ? found : "not looked for yet"}`);
  for (const { heading, text } of idle) lines.push(`${`${heading}:`.padEnd(8)} ${text}`);
  for (const lack of firmware) lines.push(`Drivers: ${lack}`);
  lines.push(`Command: ${commandLine}`, `Image:   ${describeBuild(build)}; kernel ${kernel}`);
  // Neither a mistake of the user's nor of the machine's: whoever mends it needs the place in the code.
  if (error instanceof Error && !(error instanceof BootError) && !(error instanceof OpError) && error.stack)
    lines.push(`Stack:   ${error.stack.trim()}`);
  return `${lines.join("\n")}\n`;
}
