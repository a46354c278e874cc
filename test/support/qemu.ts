import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export type Bus = "virtio-blk" | "virtio-scsi" | "nvme" | "ahci" | "usb";

/** A raw image as a disk of the guest. What the guest writes to it is thrown away. */
export interface Disk {
  file: string;
  /** Left out: virtio-blk. */
  bus?: Bus;
}

export interface GuestOptions {
  kernel: string;
  initrd: string;
  /** The kernel's command line, after the console's part of it. */
  cmdline: string;
  disks?: readonly Disk[];
  /** MiB; left out: 512. */
  memory?: number;
  /** Seconds that the guest may run at all. Left out: 180. */
  timeLimit?: number;
  /** All that the console said is also written here. */
  logFile: string;
  /** Called with every piece of the console's output as it comes. */
  onOutput?: (text: string) => void;
  /** QEMU's name of the board; left out: q35. */
  machine?: string;
  /** More arguments for QEMU. */
  qemuArguments?: readonly string[];
}

/** A running guest. Its console is one serial line, both ways. */
export interface Guest {
  /** What the console has said so far, without carriage returns and escape sequences. */
  console(): string;
  /**
   * Waits for the console to say something, after what the last wait has found. Lines come in pieces: a pattern that means a whole line
   * ends with \n. Rejects if the guest ends before.
   */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Types on the console. */
  type(text: string): void;
  /** Waits for the guest to power off, reboot or halt by panic; returns the whole console. Rejects at the time limit. */
  ended(): Promise<string>;
  /** Ends the guest now, if it has not ended yet. */
  stop(): Promise<void>;
}

/** Boots a guest under QEMU's interpreter, so that it needs no KVM. Ends with this process, however that ends. */
export function startGuest(options: GuestOptions): Guest {
  mkdirSync(dirname(options.logFile), { recursive: true });
  writeFileSync(options.logFile, "");
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "qemu-system-x86_64", ...qemuArguments(options)], {
    // Ctrl-C on the terminal is this process's matter.
    detached: true,
  });

  const plain = plainText();
  const changes = new EventEmitter().setMaxListeners(0);
  let text = "";
  let searchFrom = 0;
  /** How the guest ended, once it has. */
  let end: { error?: Error } | undefined;

  const hear = (piece: string) => {
    text += plain(piece);
    appendFileSync(options.logFile, piece);
    options.onOutput?.(piece);
    changes.emit("change");
  };
  const finish = (error?: string) => {
    end ??= error === undefined ? {} : { error: new Error(`${error}\n${tail(text, options.logFile)}`) };
    changes.emit("change");
  };
  child.stdout.setEncoding("utf8").on("data", hear);
  child.stderr.setEncoding("utf8").on("data", hear);
  child.stdin.on("error", () => {
    // Typed to a guest that has just ended: whoever waits for the answer hears of the end.
  });

  const timeLimit = options.timeLimit ?? 180;
  const timer = setTimeout(() => {
    finish(`the guest was still running after ${timeLimit} s`);
    child.kill("SIGKILL");
  }, timeLimit * 1000);
  child.on("error", (error) => finish(`cannot start QEMU: ${error.message}`));
  child.on("close", (status, signal) => {
    clearTimeout(timer);
    finish(status === 0 ? undefined : `QEMU ended with ${signal ?? `status ${status}`}`);
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
        if (end) {
          throw end.error ?? new Error(`the guest ended without saying ${pattern}\n${tail(text, options.logFile)}`);
        }
        await once(changes, "change");
      }
    },
    type: (typed) => {
      child.stdin.write(typed);
    },
    async ended() {
      while (!end) {
        await once(changes, "change");
      }
      if (end.error) {
        throw end.error;
      }
      return text;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "close");
      }
    },
  };
}

function qemuArguments(options: GuestOptions): string[] {
  const disks = (options.disks ?? []).flatMap((disk, number) => diskArguments(disk, `disk${number}`));
  return [
    ...["-accel", "tcg", "-machine", options.machine ?? "q35", "-cpu", "max", "-m", String(options.memory ?? 512)],
    ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-kernel", options.kernel, "-initrd", options.initrd],
    ...["-append", `console=ttyS0 panic=-1 ${options.cmdline}`],
    ...disks,
    ...(options.qemuArguments ?? []),
  ];
}

function diskArguments({ file, bus = "virtio-blk" }: Disk, id: string): string[] {
  const drive = ["-drive", `if=none,id=${id},format=raw,snapshot=on,file=${file.replaceAll(",", ",,")}`];
  switch (bus) {
    case "virtio-blk":
      return [...drive, "-device", `virtio-blk-pci,drive=${id},serial=${id}`];
    case "virtio-scsi":
      return [...drive, "-device", `virtio-scsi-pci,id=${id}-bus`, "-device", `scsi-hd,drive=${id},bus=${id}-bus.0`];
    case "nvme":
      return [...drive, "-device", `nvme,drive=${id},serial=${id}`];
    case "ahci":
      return [...drive, "-device", `ide-hd,drive=${id}`];
    case "usb":
      return [...drive, "-device", `qemu-xhci,id=${id}-bus`, "-device", `usb-storage,drive=${id},bus=${id}-bus.0`];
  }
}

/**
 * A filter for pieces of console output that takes out carriage returns, and the escape sequences that systemd and shells colour
 * their lines with.
 */
function plainText(): (piece: string) => string {
  let unfinished = "";
  return (piece) => {
    const raw = unfinished + piece;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence whose end is yet to come
    unfinished = /\x1b(\[[0-9;?]*)?$/.exec(raw)?.[0] ?? "";
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
    return raw.slice(0, raw.length - unfinished.length).replace(/\x1b(\[[0-9;?]*[A-Za-z]|[^[])|\r/g, "");
  };
}

/** What to show of a console where something went wrong. */
function tail(text: string, logFile: string): string {
  return `${logFile} ends with:\n${text.split("\n").slice(-40).join("\n")}`;
}
