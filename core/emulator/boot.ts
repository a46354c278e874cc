import { closeSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { BuildError, reasonOf } from "../generator/problems.js";
import { checkKernel } from "./kernel.js";
import { whyNoKvm } from "./kvm.js";
import { partsOf } from "./parts.js";
import { driveArguments, findQemu, kernelArguments, kvmOrNot, terminalArguments } from "./qemu.js";
import { runInTerminal } from "./terminal.js";

/** What is to be booted, and on what. */
export interface BootWishes {
  image: string;
  /** undefined: the kernel that the image has the drivers of. */
  kernel: string | undefined;
  /** undefined: that of a unified kernel image, as where a boot loader says nothing. */
  cmdline: string | undefined;
  disks: readonly string[];
  /** As QEMU takes it: "512M", "4G". */
  memory: string;
}

/** Boots an image in QEMU with this terminal as its console. Result: QEMU's exit status. Throws BuildError: it cannot begin. */
export async function bootInQemu(wishes: BootWishes, say: (text: string) => void): Promise<number> {
  const { image, memory } = wishes;
  const qemu = findQemu();
  const drives = wishes.disks.flatMap(diskArguments);
  const { kernel, initrd, name, cmdline } = await partsOf(image, wishes.kernel);
  checkKernel(kernel, name);
  const noKvm = await whyNoKvm(qemu, kernel);
  say(`${basename(name)}, ${memory} of memory, ${kvmOrNot(noKvm)}`);
  if (wishes.disks.length) say("what is written to the disks is thrown away in the end");
  say("Ctrl-A X ends it, Ctrl-A H shows what else there is");
  return runInTerminal(qemu, [
    ...terminalArguments(noKvm, memory),
    ...kernelArguments(kernel, initrd, wishes.cmdline ?? cmdline),
    ...drives,
  ]);
}

function diskArguments(file: string, index: number): string[] {
  const id = `disk${index}`;
  // QEMU is to guess nothing: on a disk without a format, a guest can write what looks like one.
  const format = firstBytes(file).toString("latin1") === "QFI\xfb" ? "qcow2" : "raw";
  return [...driveArguments(id, file, format), "-device", `virtio-blk-pci,drive=${id},serial=${id}`];
}

function firstBytes(path: string): Buffer {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(4);
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new BuildError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}
