import type { LastWord, MountFlag } from "../abi/index.js";
import { type AskedOp, type Fault, isCut } from "./fault-list.js";
import type { FaultyMachine } from "./faulty-machine.js";
import type { Mount } from "./file-space.js";
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
  /**
   * "switch": the same root as without the fault, or the same other end; "stopped": the emergency, and a report, or a system that goes on otherwise, of
   * which the log tells why; the others are violations.
   */
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

/** What is mounted at the new root and on what moves into it, with the files of what lies in memory; or wherever a system that is the whole has it. */
export function mountsOf({ files }: Machine, word: GoodWord): string[] {
  if (isOfSystem(word)) return files.mounts.map(({ point, ...mount }) => describeMount(mount, point));
  const root = word.word === "switch" ? word.root : word.word === "run" ? word.program.root : undefined;
  const moves = word.word === "switch" ? word.moves : [];
  return [...(root === undefined ? [] : [root]), ...moves].map((point) => {
    const mount = files.mounts.findLast((one) => one.point === point);
    if (!mount) return `nothing on ${point}`;
    return describeMount(mount, point) + (point === root ? describeTree(mount.system, mount.root) : "");
  });
}

const describeMount = ({ system, source, flags }: Omit<Mount, "point">, point: string): string =>
  `${source} (${system.type}) on ${point} (${[...flags].sort().join()}${system.shown})`;

/** The initramfs is the whole system: its last words hand a state on. */
const isOfSystem = (word: GoodWord): boolean => word.word !== "switch" && word.state !== undefined;

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
  if (difference === undefined)
    return is("switch", word.word === "switch" ? "the same root" : "the same end", ...leftInSilence(word, run, faults));
  if (isOfSystem(word)) {
    const shown = machine.console();
    const lines = [...shown.matchAll(/^(<[0-4]>|firstlight: )\/init: .*$/gm)].join("\n");
    const named = faults.some((fault) => isNamed(shown, lines, fault, run.asked[fault.op - 1]));
    return is("stopped", difference, ...(named ? [] : ["no message names the fault"]));
  }
  // By continue-boot, which leaves out what has failed.
  if (machine.console().includes(reportHead)) return reported(`a person went on behind the report: ${difference}`);
  return is("half a root", difference, `the boot ends otherwise than without the fault: ${difference}`);
}

/** Devices that are left when the machine goes down, of which nothing tells. */
function leftInSilence(word: GoodWord, { machine, asked }: FaultyMachine, faults: readonly Fault[]): string[] {
  const isTold =
    /^<3>/m.test(machine.console()) ||
    hasNoConsole(asked, faults) ||
    faults.some((fault) => isSilent(fault, asked[fault.op - 1]));
  return word.word !== "reboot" || isTold ? [] : machine.layers().map((name) => `${name} is left, and nothing says so`);
}

/** undefined: it is the same root, and all that moves into it; or the same end of a system, with all that it has mounted. */
function differenceOf(good: GoodEnd, word: GoodWord, machine: Machine): string | undefined {
  if (endOf(word) !== endOf(good.word)) return wordsOf(word);
  const mounts = mountsOf(machine, word);
  if (!isOfSystem(word)) return mounts.find((mount, index) => mount !== good.mounts[index]);
  const lacking = good.mounts.find((mount) => !mounts.includes(mount));
  return lacking && `without ${lacking}`;
}

/** Of a program of the system it matters which one it is, and when it runs; what it is given is the log's to tell. */
const endOf = (word: GoodWord): string =>
  JSON.stringify(word.word === "run" && isOfSystem(word) ? [word.program.argv, word.state] : word);

const wordsOf = (word: GoodWord): string =>
  word.word === "switch"
    ? `${word.init} in ${word.root}`
    : word.word === "run"
      ? word.program.argv.join(" ")
      : word.action;

const reportHead = "\n──── The boot has stopped ────";

/** Has what a message was to go to failed itself? */
const hasNoConsole = (asked: readonly AskedOp[], faults: readonly Fault[]): boolean =>
  faults.some(({ op }) => ["print", "log"].includes(asked[op - 1]?.name ?? ""));

/** What the report, or the messages before it, do not say. Where the console itself has failed there is none. */
function lacksOfReport(shown: string, asked: readonly AskedOp[], faults: readonly Fault[]): string[] {
  if (hasNoConsole(asked, faults)) return [];
  const report = shown.slice(Math.max(0, shown.lastIndexOf(reportHead)));
  if (!/^What: /m.test(report)) return ["there is no report"];
  const lines = [...report.matchAll(/^(What|Waiting|Running): .*$/gm)].join("\n");
  return [
    ...(/^Remedy: {2}\S/m.test(report) ? [] : ["the report has no remedy"]),
    // Of two, the second one may come after the report.
    ...(faults.some((fault) => isNamed(shown, lines, fault, asked[fault.op - 1]))
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

/** By its errno or signal anywhere; or, in some lines, by what the op was about. */
function isNamed(shown: string, lines: string, fault: Fault, entry: AskedOp | undefined): boolean {
  if (isSilent(fault, entry)) return true;
  const { name, ending } = fault;
  const said = ending && "error" in ending ? [name, ending.error.errno] : [name];
  if (said.some((word) => /^(E[A-Z0-9]+|SIG[A-Z]+)$/.test(word) && shown.includes(word))) return true;
  return subjectsOf(entry).some((subject) => lines.includes(subject));
}

/** Words for what an op was about, as a report may have them. */
function subjectsOf(entry: AskedOp | undefined): string[] {
  if (!entry) return [];
  const { path, target, source, from, device, alias, argv, stdin, file, drivers, init, kernel } = JSON.parse(
    entry.arguments,
  );
  const given = [
    path,
    target,
    source,
    from,
    device,
    alias,
    file,
    init,
    kernel,
    argv?.[0],
    stdin?.file,
    ...(drivers ?? []).map((driver: { name: string }) => driver.name),
  ];
  return given
    .filter((word) => typeof word === "string" && word)
    .map((word: string) => word.replace(/.*\/(?=[^/]+$)/, ""));
}
