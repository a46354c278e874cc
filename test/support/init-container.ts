import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bundlePath, rescuePath, shellPath } from "../../core/abi/index.js";
import { projectFolder } from "./paths.js";
import { run } from "./run.js";
import { staticBusybox } from "./tiny-root.js";

export interface InitOptions {
  /** JavaScript of the boot code; left out: the image has none. */
  bundle?: string;
  /** Left out: the one with ASan and UBSan. */
  program?: "init" | "init-asan";
  /** The image's rescue policy; left out: power off at once, which ends the run. */
  rescue?: string;
  /** More files of the image, by path; those below /bin, /sbin and /init can be executed. */
  files?: Readonly<Record<string, string | Uint8Array>>;
  /** Shell commands that run in the image's root before PID 1 starts. */
  setup?: string;
  /** Give it a pseudo-terminal as /dev/console, instead of pipes. */
  terminal?: boolean;
  /** Its root is a folder, not a mount point: as with the kernel's first root, pivot_root(2) does not work there. */
  plainFolder?: boolean;
  /** What PID 1 is started as; left out: /init. */
  invokedAs?: string;
  /** PID 1's arguments. */
  arguments?: readonly string[];
  /** Milliseconds that the run may take; left out: a minute. */
  timeLimit?: number;
}

/** A run of PID 1. */
export interface InitRun {
  console(): string;
  /** Waits until the console says something, after what the last wait has found. Rejects if the run ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  type(text: string): void;
  /** Ends it now. */
  stop(): void;
  /** How it ended: reboot(2) ends a PID namespace by SIGHUP (restart) or SIGINT (power off, halt). */
  ended(): Promise<{ console: string; signal: NodeJS.Signals | null; status: number | null }>;
}

const usualTimeLimit = 180_000;
const busybox = staticBusybox();

function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    if (/^\/(init|bin|sbin)/.test(path) || path === shellPath) chmodSync(file, 0o755);
  }
}

/** The image: PID 1, what it is linked with, busybox under all of its names. */
async function writeImage(folder: string, options: InitOptions): Promise<void> {
  const program = join(projectFolder, "dist/init", options.program ?? "init-asan");
  for (const name of ["bin", "dev", "proc", "sys", "run", "tmp", "sysroot"]) mkdirSync(join(folder, name));
  copyFileSync(program, join(folder, "init"));
  copyFileSync(await busybox, join(folder, "bin/busybox"));
  const libraries = options.program === "init" ? "" : await run(["ldd", program]);
  for (const [library] of libraries.matchAll(/\/\S+/g)) {
    mkdirSync(join(folder, dirname(library)), { recursive: true });
    copyFileSync(library, join(folder, library));
  }
  writeFiles(folder, {
    [shellPath]: "#!/bin/sh\nexec /bin/sh\n",
    [rescuePath]: options.rescue ?? "shell=0 action=poweroff delay=0",
    ...(options.bundle === undefined ? {} : { [bundlePath]: options.bundle }),
    ...options.files,
  });
}

/** What runs in the fresh namespaces: makes the image's root and starts PID 1 in it. */
function startScript(image: string, root: string, options: InitOptions): string {
  return `set -e
mount -t tmpfs none ${root}
cd ${root}
${options.plainFolder ? "mkdir plain; cd plain" : ""}
cp -a ${image}/. .
mknod -m 666 dev/null c 1 3
${options.terminal ? 'touch dev/console; mount --bind "$(tty)" dev/console' : ""}
mount -t proc proc proc
ulimit -S -s 8192
chroot . /bin/busybox --install -s /bin
${options.setup ?? ""}
# What PID 1 has itself and no program of it may inherit.
echo 500 >/proc/self/oom_score_adj
exec setpriv --groups 10,20 chroot . ${options.invokedAs ?? "/init"} ${(options.arguments ?? []).join(" ")}
`;
}

/** Starts PID 1 in namespaces of its own, on an image of its own. It ends with the test that started it. */
export async function startInit(options: InitOptions): Promise<InitRun> {
  const folder = mkdtempSync(join(tmpdir(), "firstlight-init-"));
  const image = join(folder, "image");
  const root = join(folder, "root");
  mkdirSync(image);
  mkdirSync(root);
  await writeImage(image, options);
  writeFileSync(join(folder, "start"), startScript(image, root, options));
  const inside = ["--fork", "--pid", "--mount", "--net", "--uts", "--ipc", "--propagation", "private", "--kill-child"];
  // Whatever ends the test, Ctrl-C too, ends the container.
  const dying = ["setpriv", "--pdeathsig", "KILL"];
  const command = [...dying, "unshare", ...inside, "sh", join(folder, "start")];
  const whole = options.terminal ? [...dying, "script", "-qefc", command.join(" "), "/dev/null"] : command;
  const child = spawn(whole[0] ?? "", whole.slice(1), {
    // Leaks: PID 1 and its children end by _exit, nothing could be found.
    env: { ...process.env, ASAN_OPTIONS: "detect_leaks=0:abort_on_error=1", UBSAN_OPTIONS: "abort_on_error=1" },
    detached: true,
  });
  child.once("close", () => rmSync(folder, { recursive: true, force: true }));
  return converse(child, options.timeLimit ?? usualTimeLimit);
}

function converse(child: ChildProcess, timeLimit: number): InitRun {
  let text = "";
  let searchFrom = 0;
  let end: { signal: NodeJS.Signals | null; status: number | null } | undefined;
  let wake = () => {};
  let change = new Promise<void>((resolve) => (wake = resolve));
  const changed = () => {
    wake();
    change = new Promise<void>((resolve) => (wake = resolve));
  };
  const hear = (piece: string) => {
    text += piece.replaceAll("\r", "");
    changed();
  };
  child.stdout?.setEncoding("utf8").on("data", hear);
  child.stderr?.setEncoding("utf8").on("data", hear);
  child.stdin?.on("error", () => {
    // It has ended meanwhile: whoever waits for an answer hears of that.
  });
  const stop = () => void process.kill(-(child.pid ?? 0), "SIGKILL");
  const timer = setTimeout(() => {
    hear(`\n[still running after ${timeLimit} ms: killed]\n`);
    stop();
  }, timeLimit);
  child.on("close", (status, signal) => {
    clearTimeout(timer);
    end = { status, signal };
    changed();
  });
  return {
    console: () => text,
    async waitFor(pattern) {
      for (;;) {
        const match = pattern.exec(text.slice(searchFrom));
        if (match) {
          searchFrom += match.index + match[0].length;
          return match;
        }
        if (end) throw new Error(`PID 1 ended without saying ${pattern}:\n${text}`);
        await change;
      }
    },
    type: (typed) => void child.stdin?.write(typed),
    stop,
    async ended() {
      while (!end) await change;
      if (/AddressSanitizer|runtime error:|still running after/.test(text)) throw new Error(text);
      return { console: text, ...end };
    },
  };
}

/** The same, to its end. */
export async function runInit(options: InitOptions): Promise<Awaited<ReturnType<InitRun["ended"]>>> {
  return (await startInit(options)).ended();
}
