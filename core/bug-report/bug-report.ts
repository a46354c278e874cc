import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { machine, release } from "node:os";
import { basename, dirname, join } from "node:path";
import { isTraceName, reportPath, traceEnd, traceMagic, tracePath } from "../abi/index.js";
import { configurationPlaces } from "../generator/configuration.js";
import { writeText } from "../generator/output.js";
import { BuildError, reasonOf } from "../generator/problems.js";
import { project } from "../generator/project.js";
import { readContents } from "../image/contents.js";
import { aboutLines } from "../image/modules.js";
import { type FoundImage, findBootedImage, judge } from "./booted-image.js";
import { maskSecrets } from "./mask.js";

export interface BugReportRequest {
  /** What the boot has left in /run/initramfs, or a copy of that. */
  folder: string;
  /** The image that was booted; undefined: the one that is found. */
  image: string | undefined;
  output: string;
}

interface Part {
  title: string;
  text: string;
}

/** Larger files are none of a boot's. */
const largestFile = 64 << 20;

const notIncluded = `Not in it: the image itself, which a replay needs (tools/rehearse --replay THIS-FILE IMAGE), the kernel's messages (dmesg), and what is
on the disks. Passwords and keys are masked where their names tell what they are: look through it before you send it.`;

/** What came of it. */
export interface BugReport {
  /** How many secrets were masked. */
  masked: number;
  /** Of the image. */
  remark: string;
}

/** Gathers what a boot has left in one file, mode 0600, that tools/rehearse --replay reads. Throws BuildError. */
export async function writeBugReport({ folder, image, output }: BugReportRequest): Promise<BugReport> {
  if (existsSync(output)) throw new BuildError(`${output} is there already: remove it, or name another with --output`);
  const recorded = recordings(folder);
  const bundle = recorded.map(({ text }) => bundleIn(text)).find((id) => id !== undefined);
  const found = image === undefined ? await findBootedImage(bundle, release()) : await judge(image, bundle);
  const remark = remarkOf(found, bundle);
  const parts = [versions(), await imagePart(found?.path, remark), commandLine(), ...configuration(), ...recorded];
  const { texts, count } = maskSecrets(parts.map(({ text }) => text));
  const sections = parts.map(({ title }, index) => `──── ${title} ────\n${withEnd(texts[index] ?? "")}`);
  await writeText(output, `firstlight bug report\n${notIncluded}\n\n${sections.join("\n")}`);
  return { masked: count, remark };
}

const withEnd = (text: string) => (text.endsWith("\n") || !text ? text : `${text}\n`);

/** undefined: there is no such file. */
function read(path: string): string | undefined {
  try {
    if (statSync(path).size > largestFile) return `(left out: larger than ${largestFile >> 20} MiB)`;
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "EACCES") throw new BuildError(`${path} cannot be read: run bug-report as root`);
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}

function versions(): Part {
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(read("/etc/os-release") ?? "")?.[1];
  const lines = [`firstlight ${project.version}`, `kernel ${release()}, ${machine()}`, `system ${system ?? "unknown"}`];
  return { title: "versions of this system", text: lines.join("\n") };
}

/** The id of the boot code that a recording is of; undefined: it is no recording. */
function bundleIn(text: string): string | undefined {
  const [magic, bundle] = text.split("\n", 1)[0]?.split("\t") ?? [];
  return magic === traceMagic ? bundle : undefined;
}

function remarkOf(found: FoundImage | undefined, bundle: string | undefined): string {
  if (!found) return "The image that was booted is not found: name it as IMAGE.";
  if (bundle === undefined)
    return `${found.path} may be the image that was booted: there is no recording to compare it with.`;
  if (found.booted) return `${found.path} is the image that was booted: it has the recorded boot code.`;
  return found.booted === undefined
    ? `Whether ${found.path} is the image that was booted cannot be told.`
    : `${found.path} is NOT the image that was booted, which has the boot code ${bundle}: it was replaced since, or another one was booted. If you have that one, name it as IMAGE.`;
}

async function imagePart(image: string | undefined, remark: string): Promise<Part> {
  if (image === undefined) return { title: "image", text: remark };
  const title = `image ${image}`;
  try {
    const lines = aboutLines(await readContents(image));
    return { title, text: [remark, ...(lines.length ? lines : ["(it does not tell how it was made)"])].join("\n") };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return { title, text: `${remark}\n(not known: ${error.message})` };
  }
}

const commandLine = (): Part => ({ title: "/proc/cmdline of this system", text: read("/proc/cmdline") ?? "" });

function configuration(): Part[] {
  const { file, folders } = configurationPlaces;
  const inFolders = folders.flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  return [file, ...inFolders.filter((path) => path.endsWith(".conf"))].flatMap((path) => {
    const text = read(path);
    return text === undefined ? [] : [{ title: path, text }];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** The report and the recordings. Throws BuildError: there are neither. */
function recordings(folder: string): Part[] {
  const parts = [basename(reportPath), ...namesIn(folder).filter(isTraceName)].flatMap((each) => {
    const text = read(join(folder, each));
    const isTrace = text?.startsWith(traceMagic);
    return text === undefined ? [] : [{ title: each, text: isTrace ? `${withEnd(text)}${traceEnd}\n` : text }];
  });
  if (parts.length) return parts;
  throw new BuildError(
    `${folder} holds neither a recording nor a report of a boot: firstlight has not booted this system, or with rd.trace=0; a copy from elsewhere is named with --run-initramfs`,
  );
}

/** Where a boot leaves them. */
export const usualFolder = dirname(tracePath);
