import { reportPath } from "../abi/index.js";
import type { ImageToBoot } from "../generator/build-image.js";
import { parameterOf } from "./assumed-machine.js";
import { readHostMachine } from "./host-machine.js";
import { imageOfEntries } from "./image.js";
import { bootImage, exitStatus, type Rehearsed, verdictOf } from "./rehearsal.js";
import { argumentsOf } from "./timeline.js";

/** What came of it. */
export interface HostVerdict {
  /** As tools/rehearse ends with it. */
  status: 0 | 1 | 2;
  /** 0: what was assumed, or empty; 1: the reason, with the report; 2: what is left open. */
  text: string;
}

/** Boots on this host, simulated, what an image is made of. Throws BuildError: it cannot begin. */
export async function rehearseOnHost(
  { path, entries, ownParameters }: Omit<ImageToBoot, "commandLine">,
  commandLine: string,
): Promise<HostVerdict> {
  const init = parameterOf([...ownParameters, commandLine].join("\n"), "init");
  const { machine, unseen, assumed } = readHostMachine("/", init);
  const image = imageOfEntries(path, entries);
  const rehearsed = await bootImage(image, { machine, folder: "/", unknown: unseen }, commandLine);
  const status = exitStatus(rehearsed);
  const isAsked = rehearsed.recording.some(({ name }) => name === "prompt");
  const text = status === 0 ? (isAsked ? assumed.join("; ") : "") : wordsOf(rehearsed, commandLine);
  return { status, text };
}

function wordsOf(rehearsed: Rehearsed, commandLine: string): string {
  const { ending } = rehearsed;
  const report = reportOf(rehearsed);
  if (ending.end === "open") {
    const reason = report && /^What: *(.*)/m.exec(report)?.[1];
    const stopped = reason === undefined ? "" : `: it stops (${reason})`;
    return `leaves open whether it boots${stopped}; not known: ${ending.questions.join("; ")}`;
  }
  return report === undefined
    ? ` ${verdictOf(ending)}, with the command line ${commandLine}`
    : `\n${report.trim().replaceAll(/^/gm, "    ")}`;
}

/** The emergency report that the boot has written, without its heading; undefined: none. */
function reportOf({ recording }: Rehearsed): string | undefined {
  const isReport = (request: Record<string, unknown>) => request.path === reportPath;
  const written = recording
    .filter(({ name }) => name === "write")
    .map((entry) => argumentsOf(entry.arguments))
    .findLast(isReport)?.data;
  return typeof written === "string" ? written.slice(written.indexOf("What:")) : undefined;
}
