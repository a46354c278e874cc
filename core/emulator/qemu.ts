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
