import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { driveArguments, kernelArguments } from "../../core/emulator/qemu.js";
import { type FolderServer, sharedFolderArguments } from "../../core/emulator/virtiofsd.js";
import { stuckGuest } from "./stuck-guest.js";

/** How a disk is connected. UHCI, EHCI and xHCI are USB's three speeds, UAS its newer protocol; "sd" is a card in a reader on PCI. */
export const buses = ["virtio-blk", "virtio-scsi", "nvme", "ahci", "uhci", "ehci", "xhci", "uas", "sd"] as const;
export type Bus = (typeof buses)[number];

/** A raw image as a disk of the guest. What the guest writes to it is thrown away. */
export interface Disk {
  /** An SD card's size is a power of two. */
  file: string;
  /** Left out: virtio-blk. */
  bus?: Bus;
  /** Only its controller is there, until Guest.plug. */
  late?: true;
}

/** What a guest begins with: a kernel that QEMU loads, or UEFI firmware that looks for a program. */
export type Start =
  | {
      kernel: string;
      initrd: string;
      /** The kernel's command line, after the console's part of it. */
      cmdline: string;
    }
  | {
      /** The firmware's code, and its variables before the first boot. */
      firmware: { code: string; variables: string };
      /** Folder with the files of the EFI system partition. */
      systemPartition: string;
    };

export interface GuestSettings {
  disks?: readonly Disk[];
  /** Folders of this machine, whose servers run: the guest finds them by their tags. */
  folders?: readonly FolderServer[];
  /** MiB; left out: 512. */
  memory?: number;
  /** Seconds that the guest may run at all. Left out: 600. */
  timeLimit?: number;
  /** All that the console said is also written here. */
  logFile: string;
  /** Takes what the guest writes to `recordingLine`. */
  recordingFile?: string;
  /** Called with every piece of the console's output as it comes. */
  onOutput?: (text: string) => void;
  /** QEMU's name of the board; left out: q35. */
  machine?: string;
  /** More arguments for QEMU. */
  qemuArguments?: readonly string[];
}

export type GuestOptions = Start & GuestSettings;

/** A running guest. Its console is one serial line, both ways. */
export interface Guest {
  /** What the console has said so far, without carriage returns and escape sequences. */
  console(): string;
  /** The same, byte by byte as it came. */
  bytes(): Buffer;
  /**
   * Waits for the console to say something, after what the last wait has found. Lines come in pieces: a pattern that means a whole line
   * ends with \n. Rejects if the guest ends before.
   */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Types on the console. */
  type(text: string): void;
  /** Presses these keys of its keyboard, one after the other, by QEMU's names: "a", "spc", "ret". */
  press(keys: readonly string[]): void;
  /** A late disk arrives. */
  plug(disk: Disk): void;
  /** Waits for the guest to power off, reboot or halt by panic; returns the whole console. Rejects at the time limit. */
  ended(): Promise<string>;
  /** Ends the guest now, if it has not ended yet. */
  stop(): Promise<void>;
}

/** Where a guest writes the initrd's recording of its boot. Its last serial line: tests may have another one before. */
export const recordingLine = "/dev/ttyS3";

/** Seconds. Several times what the longest one takes, for it only ends what hangs: what waits inside has limits of its own. */
const usualTimeLimit = 600;

/** QEMU's monitor. */
const monitorDescriptor = 3;

/** Boots a guest under QEMU's interpreter, so that it needs no KVM. Ends with this process, however that ends. */
export function startGuest(options: GuestOptions): Guest {
  mkdirSync(dirname(options.logFile), { recursive: true });
  writeFileSync(options.logFile, "");
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "qemu-system-x86_64", ...qemuArguments(options)], {
    // Ctrl-C on the terminal is this process's matter.
    detached: true,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });

  const plain = plainText();
  const changes = new EventEmitter().setMaxListeners(0);
  const heard: Buffer[] = [];
  let text = "";
  let searchFrom = 0;
  /** How the guest ended, once it has. */
  let end: { error?: Error } | undefined;

  const hear = (stream: Readable) => {
    const decoder = new StringDecoder();
    stream.on("data", (bytes: Buffer) => {
      const piece = decoder.write(bytes);
      heard.push(bytes);
      text += plain(piece);
      appendFileSync(options.logFile, bytes);
      options.onOutput?.(piece);
      changes.emit("change");
    });
  };
  const finish = (error?: string) => {
    end ??= error === undefined ? {} : { error: new Error(`${error}\n${tail(text, options.logFile)}`) };
    changes.emit("change");
  };
  hear(child.stdout);
  hear(child.stderr);
  // A socket, both ways.
  const monitor = child.stdio[monitorDescriptor] as Socket;
  for (const stream of [child.stdin, monitor]) {
    stream.on("error", () => {
      // Said to a guest that has just ended: whoever waits for the answer hears of the end.
    });
  }

  monitor.setEncoding("utf8").on("data", (said: string) => {
    const refusal = /^Error: .*/m.exec(said)?.[0];
    if (refusal !== undefined) {
      finish(`QEMU refuses a command. ${refusal}`);
    }
  });

  const timeLimit = options.timeLimit ?? usualTimeLimit;
  const timer = setTimeout(async () => {
    const state = child.pid === undefined ? "" : await stuckGuest(child.pid, monitor);
    finish(`the guest was still running after ${timeLimit} s\n${state}`);
    child.kill("SIGKILL");
  }, timeLimit * 1000);
  child.on("error", (error) => finish(`cannot start QEMU: ${error.message}`));
  child.on("close", (status, signal) => {
    clearTimeout(timer);
    finish(status === 0 ? undefined : `QEMU ended with ${signal ?? `status ${status}`}`);
  });

  return {
    console: () => text,
    bytes: () => Buffer.concat(heard),
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
    press(keys) {
      monitor.write(keys.map((key) => `sendkey ${key}\n`).join(""));
    },
    plug(disk) {
      monitor.write(`device_add ${connection(disk, diskId(options, disk)).device}\n`);
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
  const { memory = 512 } = options;
  const disks = (options.disks ?? []).flatMap((disk) => diskArguments(disk, diskId(options, disk)));
  return [
    ...["-accel", "tcg", "-machine", options.machine ?? "q35", "-cpu", "max", "-m", String(memory)],
    ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-chardev", `socket,id=monitor,fd=${monitorDescriptor}`, "-mon", "monitor"],
    ...startArguments(options),
    ...disks,
    ...(options.folders?.length ? sharedFolderArguments(options.folders, `${memory}M`) : []),
    ...recordingArguments(options),
    ...(options.qemuArguments ?? []),
  ];
}

function recordingArguments({ recordingFile }: GuestSettings): string[] {
  if (recordingFile === undefined) return [];
  const file = `file,id=recording,path=${recordingFile.replaceAll(",", ",,")}`;
  return ["-chardev", file, "-device", "isa-serial,chardev=recording,index=3"];
}

function startArguments(start: Start): string[] {
  if ("kernel" in start) {
    const { kernel, initrd, cmdline } = start;
    return kernelArguments(kernel, initrd, cmdline);
  }
  const { firmware, systemPartition } = start;
  const file = (path: string) => `file=${path.replaceAll(",", ",,")}`;
  return [
    ...["-drive", `if=pflash,format=raw,readonly=on,${file(firmware.code)}`],
    ...["-drive", `if=pflash,format=raw,snapshot=on,${file(firmware.variables)}`],
    ...driveArguments("esp", `fat:${systemPartition}`),
    ...["-device", "virtio-blk-pci,drive=esp,bootindex=1"],
  ];
}

function diskId({ disks = [] }: GuestSettings, disk: Disk): string {
  return `disk${disks.indexOf(disk)}`;
}

function diskArguments(disk: Disk, id: string): string[] {
  const { controllers, device } = connection(disk, id);
  const devices = disk.late ? controllers : [...controllers, device];
  return [...driveArguments(id, disk.file), ...devices.flatMap((each) => ["-device", each])];
}

/** QEMU's devices for a disk: itself, and the controllers that it has for itself. */
function connection({ bus = "virtio-blk" }: Disk, id: string): { controllers: string[]; device: string } {
  const drive = `drive=${id},serial=${id}`;
  const place = `bus=${id}-bus.0`;
  const usbStick = (controller: string) => ({
    controllers: [`${controller},id=${id}-bus`],
    device: `usb-storage,${drive},${place}`,
  });
  switch (bus) {
    case "virtio-blk":
      return { controllers: [], device: `virtio-blk-pci,${drive}` };
    case "virtio-scsi":
      return { controllers: [`virtio-scsi-pci,id=${id}-bus`], device: `scsi-hd,${drive},${place}` };
    case "nvme":
      return { controllers: [], device: `nvme,${drive}` };
    case "ahci":
      return { controllers: [`ahci,id=${id}-bus`], device: `ide-hd,${drive},${place}` };
    case "uhci":
      return usbStick("piix3-usb-uhci");
    case "ehci":
      return usbStick("usb-ehci");
    case "xhci":
      return usbStick("qemu-xhci");
    case "uas": {
      const controllers = [`qemu-xhci,id=${id}-usb`, `usb-uas,id=${id}-bus,bus=${id}-usb.0`];
      return { controllers, device: `scsi-hd,${drive},${place}` };
    }
    case "sd":
      return { controllers: ["sdhci-pci"], device: `sd-card,drive=${id}` };
  }
}

/** Arguments for disks as the units of one SCSI controller, eight at each of its places. `snapshot` off: what the guest writes stays. */
export function scsiUnits(files: readonly string[], snapshot: "on" | "off"): string[] {
  const units = files.flatMap((file, number) => [
    ...["-drive", `if=none,id=unit${number},format=raw,snapshot=${snapshot},discard=unmap,file=${file}`],
    ...["-device", `scsi-hd,drive=unit${number},bus=units.0,scsi-id=${number >> 3},lun=${number & 7}`],
  ]);
  return ["-device", "virtio-scsi-pci,id=units", ...units];
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
