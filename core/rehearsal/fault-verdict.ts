import type { LastWord, MountFlag } from "../abi/index.js";
import { type AskedOp, type Fault, isCut } from "./fault-list.js";
import type { FaultyMachine } from "./faulty-machine.js";
import { type FileSystem, type Inode, isFolder, sizeOf } from "./file-tree.js";
import type { Machine } from "./machine.js";
import type { Ending } from "./rehearse.js";

/** A last word that a boot is meant to come to. */
export type GoodWord = Exclude<LastWord, { word: "failed" }>;

/** What must be as in the good run. */
export interface GoodEnd {
  word: GoodWord;
  /** What is mounted where it matters. */
  mounts: readonly string[];
  /** What was written to devices. */
  writes: ReadonlySet<string>;
}

/** What a run with faults led to. */
export interface FaultVerdict {
  /** "switch": the same root as without the fault, or the same other end; "stopped": the emergency, and a report; the others are violations. */
  end: "switch" | "stopped" | "half a root" | "hung" | "died" | "left open";
  /** One line: the reason of the report, or what happened. */
  reason: string;
  /** What must not be; empty: all is well. */
  violations: readonly string[];
}

/** Virtual milliseconds after which a boot that has not ended never will: no limit of the boot code is longer. */
const longestBoot = 3_600_000;

/** Words of a program that are devices to write to: all but those that keep nothing. */
const devicesIn = (words: readonly string[]): string[] =>
  words.flatMap(
    (word) => word.match(/\/dev\/(?!null|zero|console|fd\b|std|tty|pts|shm|kmsg|u?random)[^\s"',]+/g) ?? [],
  );

/** What a boot has written to devices, or may: file systems and loop devices that are writable, programs that were given a device. */
export function writesOf(asked: readonly AskedOp[]): Set<string> {
  /** By mount point. */
  const sources = new Map<string, string>();
  const writes = asked.flatMap(({ name, arguments: json }) => {
    const request = JSON.parse(json) as Record<string, unknown>;
    const text = (key: string) => String(request[key] ?? "");
    if (name === "mount") {
      const flags = request.flags as MountFlag[];
      const source = flags.includes("remount") ? (sources.get(text("target")) ?? "") : text("source");
      sources.set(text("target"), source);
      return source.startsWith("/dev/") && !flags.includes("ro") ? [`${source} mounted to be written to`] : [];
    }
    if (name === "loopAttach") return request.readOnly ? [] : [`${text("file")} attached to be written to`];
    if (name === "write") return devicesIn([text("path")]).map((device) => `${device} written`);
    if (name !== "run") return [];
    const [program, ...words] = request.argv as string[];
    const streams = JSON.stringify([request.stdin, request.stdout, request.stderr]);
    return devicesIn([...words, streams]).map((device) => `${program} given ${device}`);
  });
  return new Set(writes);
}

/** What is mounted at the new root and on what moves into it, with the files of what lies in memory. */
export function mountsOf({ files }: Machine, word: GoodWord): string[] {
  const root = word.word === "switch" ? word.root : word.word === "run" ? word.program.root : undefined;
  const moves = word.word === "switch" ? word.moves : [];
  return [...(root === undefined ? [] : [root]), ...moves].map((point) => {
    const mount = files.mounts.findLast((one) => one.point === point);
    if (!mount) return `nothing on ${point}`;
    const { system, source, flags } = mount;
    const tree = point === root ? describeTree(system, mount.root) : "";
    return `${source} (${system.type}) on ${point} (${[...flags].sort().join()}${system.shown})${tree}`;
  });
}

/** Nobody has filled a file system that lies on a disk. */
function describeTree({ disk }: FileSystem, top: Inode): string {
  if (disk) return "";
  const lines: string[] = [];
  const walk = (folder: Inode, path: string) => {
    for (const [name, inode] of folder.children ?? []) {
      const { type, mode, uid, gid, data, target, node } = inode;
      const content = isFolder(inode) ? [] : [sizeOf(inode), data, target, node];
      lines.push(JSON.stringify([`${path}/${name}`, type, mode, uid, gid, ...content]));
      walk(inode, `${path}/${name}`);
    }
  };
  walk(top, "");
  return ` with ${lines.sort().join()}`;
}

/** Judges how a run with faults has ended. */
export function judge(good: GoodEnd, ending: Ending, run: FaultyMachine, faults: readonly Fault[]): FaultVerdict {
  const { end, reason, violations } = judgeEnd(good, ending, run, faults);
  const written = [...writesOf(run.asked)].filter((write) => !good.writes.has(write));
  return {
    end,
    reason,
    violations: [...violations, ...written.map((write) => `${write}, which a good boot does not`)],
  };
}

function judgeEnd(good: GoodEnd, ending: Ending, run: FaultyMachine, faults: readonly Fault[]): FaultVerdict {
  const { machine } = run;
  const is = (end: FaultVerdict["end"], reason: string, ...violations: string[]) => ({ end, reason, violations });
  if (ending.end === "died" && faults.some(({ op }) => run.asked[op - 1]?.name === "finish"))
    return is("stopped", ending.reason);
  if (ending.end === "died") return is("died", ending.reason, "the boot code has thrown past the sequencer");
  if (ending.end === "hung") return is("hung", ending.reason, "the boot does not end");
  if (machine.now() > longestBoot) return is("hung", "it waits for a job that never ends", "the boot does not end");
  if (ending.end === "open") return is("left open", ending.questions[0] ?? "");
  const { word } = ending;
  const reported = (reason: string) => is("stopped", reason, ...lacksOfReport(machine.console(), run.asked, faults));
  if (word.word === "failed") return reported(word.reason);
  const difference = differenceOf(good, word, machine);
  if (difference === undefined) return is("switch", "the same root");
  // By continue-boot, which leaves out what has failed.
  if (machine.console().includes(reportHead)) return reported(`a person went on behind the report: ${difference}`);
  return is("half a root", difference, `the boot ends otherwise than without the fault: ${difference}`);
}

/** undefined: it is the same root, and all that moves into it. */
function differenceOf(good: GoodEnd, word: GoodWord, machine: Machine): string | undefined {
  if (JSON.stringify(word) !== JSON.stringify(good.word)) return wordsOf(word);
  return mountsOf(machine, word).find((mount, index) => mount !== good.mounts[index]);
}

const wordsOf = (word: GoodWord): string =>
  word.word === "switch"
    ? `${word.init} in ${word.root}`
    : word.word === "run"
      ? word.program.argv.join(" ")
      : word.action;

const reportHead = "\n──── The boot has stopped ────";

/** What the report, or the messages before it, do not say. Where the console itself has failed there is none. */
function lacksOfReport(shown: string, asked: readonly AskedOp[], faults: readonly Fault[]): string[] {
  if (faults.some(({ op }) => ["print", "log"].includes(asked[op - 1]?.name ?? ""))) return [];
  const report = shown.slice(Math.max(0, shown.lastIndexOf(reportHead)));
  if (!/^What: /m.test(report)) return ["there is no report"];
  return [
    ...(/^Remedy: {2}\S/m.test(report) ? [] : ["the report has no remedy"]),
    // Of two, the second one may come after the report.
    ...(faults.some((fault) => isNamed(shown, report, fault, asked[fault.op - 1]))
      ? []
      : ["neither the report nor a message before it names the fault"]),
  ];
}

/** Answers as of a machine that has less: nothing tells them from the truth, and the report says what is missing. */
const notThere = new Set(["ENOENT", "ENOTDIR", "ENODEV", "ENXIO", "ENOMEDIUM"]);

function isSilent({ name, answer, ending, gone }: Fault, entry: AskedOp | undefined): boolean {
  const outcome = answer ?? ending;
  if (!outcome) return gone !== undefined;
  if ("error" in outcome) return notThere.has(outcome.error.errno);
  return entry?.name !== "run" || isCut(name);
}

/** By its errno or signal anywhere; or, in the report, by what the op was about. */
function isNamed(shown: string, report: string, fault: Fault, entry: AskedOp | undefined): boolean {
  if (isSilent(fault, entry)) return true;
  const { name, ending } = fault;
  const said = ending && "error" in ending ? [name, ending.error.errno] : [name];
  if (said.some((word) => /^(E[A-Z0-9]+|SIG[A-Z]+)$/.test(word) && shown.includes(word))) return true;
  const lines = [...report.matchAll(/^(What|Waiting|Running): .*$/gm)].join("\n");
  return subjectsOf(entry).some((subject) => lines.includes(subject));
}

/** Words for what an op was about, as a report may have them. */
function subjectsOf(entry: AskedOp | undefined): string[] {
  if (!entry) return [];
  const { path, target, source, from, device, alias, argv, stdin, file, drivers, init } = JSON.parse(entry.arguments);
  const given = [
    path,
    target,
    source,
    from,
    device,
    alias,
    file,
    init,
    argv?.[0],
    stdin?.file,
    ...(drivers ?? []).map((driver: { name: string }) => driver.name),
  ];
  return given
    .filter((word) => typeof word === "string" && word)
    .map((word: string) => word.replace(/.*\/(?=[^/]+$)/, ""));
}
