import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildImage } from "../generator/build-image.js";
import { parseCommandLine } from "../generator/command-line.js";
import { endEsbuild } from "../generator/esbuild.js";
import { BuildError } from "../generator/problems.js";
import { makeSettings } from "../generator/settings.js";
import { type GuestKernel, kernelOfRoot } from "./folder-kernel.js";
import { findInit, searchPath } from "./folder-program.js";
import { checkKernel } from "./kernel.js";
import { whyNoKvm } from "./kvm.js";
import { makePassingFolder } from "./passing-folder.js";
import { findQemu, kernelArguments, kvmOrNot, quoted, terminalArguments } from "./qemu.js";
import { runInTerminal } from "./terminal.js";
import { unixLines } from "./unix-lines.js";
import {
  checkFolders,
  type FolderServers,
  type SharedFolder,
  serveFolders,
  sharedFolderArguments,
} from "./virtiofsd.js";

/** What is to be run, in what, and on what. */
export interface FolderWishes {
  root: string;
  /** A path in the root, or a name for the folders of its PATH. */
  init: string;
  arguments: readonly string[];
  mounts: readonly (SharedFolder & { readOnly: boolean })[];
  debug: boolean;
  /** As QEMU takes it: "512M", "4G". */
  memory: string;
  cpus: number;
  /** undefined: the root's own. */
  kernel: GuestKernel | undefined;
  qemuArguments: readonly string[];
}

const rootTag = "rootfs";

/** What has to be PID 1, and ends by powering off; it writes to its root, and that is kept in memory. */
const isSystem = (init: string) => ["init", "systemd"].includes(basename(init));

/** The second serial line, on which the boot code tells how the command has ended: nothing that the command says gets there. */
const reportLine = "/dev/ttyS1";

/** In the image, so that they hold whatever happens: whatever stops the boot ends the guest. */
const imageParameters = "rd.shell=0 rd.emergency=poweroff panic=-1";

/** Exit statuses, as a shell tells them: there is no such program; nobody reads what it says. */
const notFound = 127;
const brokenPipe = 128 + constants.signals.SIGPIPE;
/** Somebody has ended chrootvm. */
const asked = new Set(
  ["SIGINT", "SIGTERM", "SIGHUP"].map((name) => 128 + constants.signals[name as NodeJS.Signals]).concat(brokenPipe),
);

/** Milliseconds that QEMU has to end by itself in, where its guest has powered off and so virtiofsd has ended. */
const longestEnd = 2000;

/**
 * Runs a command of a folder in a virtual machine whose root is that folder, with this terminal as its console. Result: its exit status, as a shell tells
 * it. Throws BuildError: it cannot begin, or the guest has ended before the command.
 */
export async function runInFolder(wishes: FolderWishes, say: (text: string) => void): Promise<number> {
  if (wishes.mounts.some(({ tag }) => tag === rootTag))
    throw new BuildError(`the tag ${rootTag} is ROOTFS's own: give the folder another one`);
  const shared = [{ tag: rootTag, folder: wishes.root }, ...wishes.mounts];
  checkFolders(shared);
  const qemu = findQemu();
  const kernel = wishes.kernel ?? kernelOfRoot(wishes.root);
  checkKernel(kernel.image);
  const init = findInit(wishes.root, wishes.mounts, wishes.init);
  if (init === undefined) {
    const places = wishes.init.includes("/") ? "" : ` (looked for in ${searchPath.join(", ")})`;
    say(`error: ${wishes.root} has no program ${wishes.init} that can be executed${places}: name one that it has`);
    return notFound;
  }
  const folder = makePassingFolder("chrootvm");
  try {
    const initrd = join(folder.path, "initrd");
    const [noKvm] = await Promise.all([
      whyNoKvm(qemu, kernel.image),
      makeInitrd(initrd, kernel, [init, ...wishes.arguments], folder.path, say),
    ]);
    say(`kernel ${kernel.release}, ${kvmOrNot(noKvm)}; Ctrl-A X ends it`);
    const folders = await serveFolders(shared);
    try {
      const status = join(folder.path, "status");
      // QEMU may be ended before it has made it.
      writeFileSync(status, "");
      const words = qemuArguments(wishes, { noKvm, kernel: kernel.image, initrd, status, folders, init });
      if (wishes.debug) say([qemu, ...words].join(" "));
      const ended = await runWatched(qemu, words, folders);
      return asked.has(ended) ? ended : readStatus(status, init, ended, say);
    } finally {
      await folders.stop();
    }
  } finally {
    await folder.remove();
  }
}

async function makeInitrd(
  path: string,
  kernel: GuestKernel,
  argv: readonly string[],
  folder: string,
  say: (text: string) => void,
): Promise<void> {
  const command = join(folder, "command.json");
  const env = [`PATH=${searchPath.join(":")}`, "HOME=/root", `TERM=${process.env.TERM ?? "linux"}`];
  const terminal = process.stdin.isTTY === true;
  const system = isSystem(argv[0] ?? "");
  writeFileSync(command, JSON.stringify({ argv, env, system, terminal, report: reportLine }));
  const words = [
    ...["--no-hostonly", "--modules", "virtiofs root-command", "--kmoddir", kernel.modules, "--no-compress"],
    ...["--no-early-microcode", "--kernel-cmdline", imageParameters, "--include", command, "/etc/root-command.json"],
    path,
  ];
  const report = { warning: say, note: () => {} };
  const { signal } = new AbortController();
  await buildImage(makeSettings(parseCommandLine(words), {}, {}), { report, signal });
  await endEsbuild();
}

interface Guest {
  noKvm: string | undefined;
  kernel: string;
  initrd: string;
  /** Takes what is told on `reportLine`. */
  status: string;
  folders: FolderServers;
  init: string;
}

/** What the kernel splits at blanks outside of quotes. */
const asWord = (parameter: string) => (/\s/.test(parameter) ? `"${parameter}"` : parameter);

function qemuArguments(wishes: FolderWishes, { noKvm, kernel, initrd, status, folders, init }: Guest): string[] {
  const { memory, cpus, mounts, debug } = wishes;
  const parameters = [
    `rootfs=${rootTag}`,
    ...mounts.map(({ tag, readOnly }) => `${readOnly ? "mount-ro" : "mount"}=${tag}`),
    debug ? "rd.debug" : "quiet",
    // A busy host's timer comes too late for the kernel's test of it: an alert amid what the command says (arch/x86/kernel/apic/io_apic.c).
    ...(noKvm === undefined ? [] : ["no_timer_check"]),
    ...(isSystem(init) ? ["rd.overlay", `init=${init}`, "--", ...wishes.arguments] : []),
  ].map(asWord);
  const wrong = parameters.find((word) => /"./.test(word.slice(1)));
  if (wrong !== undefined)
    throw new BuildError(`${wrong} cannot be told to the kernel, as it holds quotes: use another name`);
  return [
    ...terminalArguments(noKvm, memory),
    ...["-smp", String(cpus)],
    ...["-chardev", `file,id=status,path=${quoted(status)}`, "-serial", "chardev:status"],
    ...sharedFolderArguments(folders.servers, memory),
    ...kernelArguments(kernel, initrd, parameters.join(" ")),
    ...wishes.qemuArguments,
  ];
}

/** Runs QEMU; a guest whose folder is gone would wait for it for ever. Throws BuildError: that is so. */
async function runWatched(qemu: string, words: readonly string[], { servers }: FolderServers): Promise<number> {
  const stop = new AbortController();
  let lost: string | undefined;
  for (const { tag, folder, child } of servers)
    once(child, "close").then(async ([status, signal]) => {
      // It ends when QEMU does.
      await sleep(longestEnd, undefined, { ref: false });
      lost ??= `virtiofsd, which shares ${folder} as ${tag}, has ended (${signal ?? `exit status ${status}`}): start the guest again`;
      stop.abort();
    });
  let unread = false;
  process.stdout.on("error", () => {
    unread = true;
    stop.abort();
  });
  const output = process.stdout.isTTY ? {} : { output: unixLines(process.stdout) };
  const ended = await runInTerminal(qemu, words, { stop: stop.signal, ...output });
  if (lost !== undefined) throw new BuildError(lost);
  return unread ? brokenPipe : ended;
}

/** The last that was told counts: whoever is root in the guest can write there, too. */
function readStatus(file: string, init: string, ended: number, say: (text: string) => void): number {
  const told = readFileSync(file, "latin1").trim().split(/\r?\n/).at(-1) ?? "";
  const [, status, failure] = /^status (\d{1,3})(?: (E\w+))?$/.exec(told) ?? [];
  if (status === undefined)
    throw new BuildError(
      told === "stopped"
        ? "the boot has stopped: see its report above"
        : `the guest has ended before ${init} has (exit status of QEMU: ${ended}): if nothing above says why, --debug shows more`,
    );
  if (failure !== undefined) say(`error: ${init} cannot be started: ${failure}: see whether its interpreter is there`);
  return Number(status);
}
