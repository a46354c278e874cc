import { BootError, type Device, OpError } from "../../hooks/index.js";
import { describeDevice } from "./device-links.js";
import type { Place } from "./phases.js";
import type { BootPlan } from "./plan.js";
import type { OpenWant } from "./wants.js";

export interface ReportFacts {
  error: unknown;
  place: Place;
  wants: OpenWant[];
  /** undefined: the boot has not looked for any yet. */
  devices: Device[] | undefined;
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

/** What a person in front of a machine that did not boot has to know. */
export function formatReport({
  error,
  place,
  wants,
  devices,
  firmware,
  commandLine,
  build,
  kernel,
}: ReportFacts): string {
  const where = place.failed ? `${place.phase}, in the module ${place.failed}` : place.phase;
  const lines = ["", "──── The boot has stopped ────", `What:    ${reasonOf(error)}`];
  if (error instanceof BootError) lines.push(`Remedy:  ${error.remedy}`);
  lines.push(`Where:   ${where}`);
  for (const want of wants) {
    lines.push(`Waiting: ${want.description}, wanted for ${want.for}`);
    const nearest = want.nearest();
    if (nearest) lines.push(`         ${nearest}`);
  }
  const found = devices?.map(describeDevice).join("\n         ") || "none";
  lines.push(`Devices: ${devices ? found : "not looked for yet"}`);
  for (const lack of firmware) lines.push(`Drivers: ${lack}`);
  lines.push(`Command: ${commandLine}`, `Image:   ${describeBuild(build)}; kernel ${kernel}`);
  // Neither a mistake of the user's nor of the machine's: whoever mends it needs the place in the code.
  if (error instanceof Error && !(error instanceof BootError) && !(error instanceof OpError) && error.stack)
    lines.push(`Stack:   ${error.stack.trim()}`);
  return `${lines.join("\n")}\n`;
}
