import { findInPath } from "../generator/compressor.js";
import { BuildError } from "../generator/problems.js";

const qemuName = "qemu-system-x86_64";

/** Throws BuildError: it is not installed. */
export function findQemu(): string {
  const qemu = findInPath(process.env.PATH ?? "", qemuName);
  if (qemu !== undefined) return qemu;
  throw new BuildError(`${qemuName} is not installed: install Debian's package qemu-system-x86`);
}

/**
 * Arguments for a guest with this terminal as its console. `noKvm`: why there is no KVM, undefined: there is; `memory`: as QEMU takes it, "512M".
 */
export function terminalArguments(noKvm: string | undefined, memory: string): string[] {
  return [
    ...(noKvm === undefined ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg", "-cpu", "max"]),
    ...["-machine", "q35", "-m", memory, "-nodefaults", "-display", "none", "-no-reboot", "-serial", "mon:stdio"],
  ];
}

/** For a person: with it, or why not. */
export const kvmOrNot = (noKvm: string | undefined) =>
  noKvm === undefined ? "with KVM" : `without KVM (${noKvm}): this is slow`;

/** A size as QEMU takes it. Throws BuildError; `option`: where it was given. */
export function checkMemory(option: string, memory: string): void {
  if (!/^[1-9]\d{0,6}[MG]$/.test(memory)) throw new BuildError(`${option}=${memory}: a size as 512M or 4G`);
}

/** What the kernel of a guest has to be told: its console is the serial line, and a panic ends the guest. */
export const consoleParameters = "console=ttyS0 panic=-1";

/** A value for a suboption of QEMU's. */
export const quoted = (value: string) => value.replaceAll(",", ",,");

/** Arguments for a kernel that QEMU loads itself. `cmdline` comes after what every guest is told, and so wins. */
export function kernelArguments(kernel: string, initrd: string, cmdline: string): string[] {
  return ["-kernel", kernel, "-initrd", initrd, "-append", `${consoleParameters} ${cmdline}`.trimEnd()];
}

/** Arguments for a drive that a device named `id` uses. What the guest writes to it is thrown away. */
export function driveArguments(id: string, file: string, format: "raw" | "qcow2" = "raw"): string[] {
  return ["-drive", `if=none,id=${quoted(id)},format=${format},snapshot=on,file=${quoted(file)}`];
}
