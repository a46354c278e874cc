import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { tracePath } from "../../core/abi/index.js";
import { consoleParameters } from "../../core/emulator/qemu.js";
import type { FilesPart, MachineFile } from "../../core/schema/machine.js";
import { assertFaithful, type BootedWith } from "./faithful.js";
import { debianKernel, type Kernel } from "./kernels.js";
import { outFolder, projectFolder } from "./paths.js";
import { type Guest, type GuestSettings, recordingLine, type Start, startGuest } from "./qemu.js";
import { run } from "./run.js";

/** An image, and the kernel that it is for. */
export interface Image {
  file: string;
  kernel: Kernel;
}

/** What somebody would type to build an image for an unpacked kernel. */
export function mkinitrdCommand(options: readonly string[], file: string, kernel: Kernel): string[] {
  return [join(projectFolder, "tools/mkinitrd"), ...options, "-k", kernel.modules, "-f", file, kernel.release];
}

/** What a kernel unpacks in the same way as the best, at a sixth of the time that this takes to make. */
const fastCompression = ["--compress", "zstd -1"];

/**
 * Builds an image below out/, compressed in a hurry where the options do not say how. `name` belongs to one test file. `kernel` left out: for Debian's cloud
 * kernel.
 */
export async function buildImage(name: string, options: readonly string[], kernel?: Kernel): Promise<Image> {
  const image = { file: join(outFolder, "tests", `${name}.img`), kernel: kernel ?? (await debianKernel("cloud")) };
  await mkdir(dirname(image.file), { recursive: true });
  const compression = options.some((option) => /^--(no-)?compress$/.test(option)) ? [] : fastCompression;
  await run(mkinitrdCommand(["-q", ...compression, ...options], image.file, image.kernel));
  return image;
}

/** How one test boots: without the file of its log, which bears the test's name. */
type BootSettings = Omit<GuestSettings, "logFile" | "recordingFile">;

interface ImageBoot extends BootSettings {
  cmdline: string;
  /** What else a machine file says of this guest: what qemuArguments bring, and what the person at its console does. */
  described?: Partial<MachineFile>;
  /** The first of its engines that leaves a recording. Left out: 1. */
  engine?: number;
  /** The person adds, changes and takes away devices. */
  changedByHand?: true;
  /** Why this boot is not compared with its rehearsal. */
  notRehearsed?: string | undefined;
}

/** A guest whose boot is compared with its rehearsal on the same machine: by one of these, before the test ends. */
interface ComparedGuest extends Guest {
  /** As Guest. Rejects, too, where the boot was not as its rehearsal. The recording comes from the tiny root, or by rd.trace=console. */
  ended(): Promise<string>;
  /** For a boot that gets no further than to a shell, whose prompt has come: compares what was recorded up to there. */
  left(): Promise<void>;
}

/** Without the self-tests of the kernel's ciphers, which take a sixth of the time until /init runs. */
const withoutSelfTests = "cryptomgr.notests";
/** What the command line of each image that is booted begins with. */
export const guestParameters = `${consoleParameters} ${withoutSelfTests}`;

/** Boots an image for one test: the guest ends with it, and its console goes into a file that bears the test's name. */
export function bootImage(
  context: TestContext,
  { file, kernel }: Image,
  { cmdline, notRehearsed, described = {}, engine = 1, changedByHand, ...settings }: ImageBoot,
): ComparedGuest {
  const words = `${withoutSelfTests} ${cmdline}`.trimEnd();
  const guest = start(context, { kernel: kernel.unpacked, initrd: file, cmdline: words }, settings);
  const commandLine = `${guestParameters} ${cmdline}`;
  const booted = { image: file, commandLine, settings, described, engine, changedByHand };
  return compared(context, guest, notRehearsed === undefined ? booted : undefined);
}

/** The same for any other beginning; `booted`: what that comes to. Left out where it is none of our boots: nothing is compared. */
export function bootFrom(
  context: TestContext,
  from: Start,
  settings: BootSettings,
  booted?: BootedWith,
): ComparedGuest {
  return compared(context, start(context, from, settings), booted);
}

interface RecordedGuest {
  guest: Guest;
  recordingFile: string;
}

/** `booted`: undefined where nothing is compared. */
function compared(
  context: TestContext,
  { guest, recordingFile }: RecordedGuest,
  booted: BootedWith | undefined,
): ComparedGuest {
  let open = booted;
  const compare = async (options: { whole: boolean }) => {
    if (!open) return;
    const whatBooted = open;
    open = undefined;
    const written = await readFile(recordingFile);
    await assertFaithful(written.length ? written : guest.bytes(), whatBooted, options);
  };
  context.after(() => assert.ok(!open, "the boot was compared with its rehearsal"));
  return {
    ...guest,
    async ended() {
      const console = await guest.ended();
      await compare({ whole: true });
      return console;
    },
    async left() {
      guest.type(`${keepKernelQuiet}; cat ${tracePath}* >${recordingLine}; echo LE''FT\n`);
      await guest.waitFor(/^LEFT\n/m);
      await compare({ whole: false });
    },
  };
}

function start(context: TestContext, from: Start, settings: BootSettings): RecordedGuest {
  const path = join(outFolder, "tests", context.name.replaceAll(/[^\w=.-]+/g, "_"));
  const recordingFile = `${path}.trace`;
  const guest = startGuest({ ...from, logFile: `${path}.log`, recordingFile, ...settings });
  context.after(() => guest.stop());
  return { guest, recordingFile };
}

/** The rescue shell's. */
export const prompt = /firstlight:\S*# /;

/**
 * What tryAgain leaves behind, for the rehearsal of a guest's last boot. `others`: what else is there in place of the boots between the first and the
 * last one.
 */
export const wordsInShell = (words: string, others: FilesPart = {}) => ({
  programs: [{ argv: ["shell"], lasts: 60, files: { "/etc/cmdline": words, ...others } }],
});

/** In a shell: no line of the kernel's comes into what else is said from now on. */
export const keepKernelQuiet = "echo 1 >/proc/sys/kernel/printk";

/** At the rescue shell: has the boot begin again with these words more on its command line, in place of those of the last time. */
export async function tryAgain(guest: Guest, words: string): Promise<void> {
  await guest.waitFor(prompt);
  guest.type(`printf %s '${words}' >/etc/cmdline; exit\n`);
}

/** What the tiny root said of itself. */
export interface RootFacts {
  /** How it was started: the path of its init, and the arguments. */
  init: string;
  /** By mount point. */
  mounts: Map<string, { source: string; type: string; options: string[] }>;
  /** KiB that its file system has, used or not. */
  size: number;
  /** KiB of memory that nobody uses. */
  free: number;
  /** Below /dev/disk: where each link leads. */
  links: Map<string, string>;
  writable: boolean;
  /** What the kernel, and so the initrd, gave to init: "NAME=value". */
  environment: string[];
  /** Process IDs, without the kernel's own. */
  processes: string[];
  /** Paths in /run. */
  run: string[];
  /** All that the console said. */
  console: string;
}

/** Waits for the end of a guest that boots the tiny root. Rejects if it did not arrive there. */
export async function rootFacts(guest: Guest): Promise<RootFacts> {
  const init = (await guest.waitFor(/^ROOT-REACHED (.*)\n/m))[1] ?? "";
  await guest.waitFor(/^ROOT-DONE\n/m);
  const console = await guest.ended();
  const lines = (name: string) =>
    [...console.matchAll(new RegExp(`^${name} (.*)$`, "gm"))].map((match) => match[1] ?? "");
  const mounts: RootFacts["mounts"] = new Map();
  for (const line of lines("MOUNT")) {
    const [source = "", target = "", type = "", options = ""] = line.split(" ");
    mounts.set(target, { source, type, options: options.split(",") });
  }
  return {
    init: init.trim(),
    mounts,
    size: Number(lines("SIZE")[0]),
    free: Number(lines("FREE")[0]),
    links: new Map(lines("LINK").map((line) => line.split(" ") as [string, string])),
    writable: /^ROOT-WRITABLE$/m.test(console),
    environment: lines("ENVIRONMENT"),
    processes: lines("PROCESS"),
    run: lines("RUN"),
    console,
  };
}

/** A pattern for text that is to be found as it is. */
export function literally(text: string): RegExp {
  return new RegExp(text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
}
