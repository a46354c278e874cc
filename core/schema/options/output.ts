import type { Option } from "../option.js";

export const output = [
  { long: "force", short: "f", common: true, text: "overwrite an existing image" },
  {
    long: "kver",
    value: "KVER",
    text: "kernel release, left out: the running one",
    more: "The same as the second word after the options.",
  },
  {
    long: "rebuild",
    value: "IMAGE",
    text: "build again what an image was built from",
    more: "The options that were recorded in IMAGE come before those given now, and the configuration is read anew. Without a name for the new image, IMAGE itself is replaced; there, and nowhere else, -f is not needed.",
  },
  {
    long: "regenerate-all",
    text: "overwrite the images of all installed kernels",
    more: "One image for each release below /lib/modules, at its usual place. If one cannot be built, the others still are, and the exit status is 1.",
  },
  {
    long: "noimageifnotneeded",
    key: "noimageifnotneeded",
    sets: "yes",
    text: "no image where this machine needs none",
    more: "Host-only: the kernel has all drivers built in, and no kernel parameter would be in the image.",
  },
  {
    long: "kmoddir",
    short: "k",
    value: "DIR",
    key: "drivers_dir",
    recorded: true,
    path: true,
    text: "directory of the kernel's drivers",
    more: "Left out: /lib/modules/KVER.",
  },
  {
    long: "no-kernel",
    key: "no_kernel",
    sets: "yes",
    recorded: true,
    text: "no drivers and no firmware",
    more: "For kernels that have all they need built in, or together with an image of --kernel-only: the boot loader gives both to the kernel, or they are one file, this one first. The image has to be named.",
  },
  {
    long: "kernel-only",
    key: "kernel_only",
    sets: "yes",
    recorded: true,
    text: "drivers and firmware, and nothing else",
    more: "The other half of an image of --no-kernel.",
  },
  {
    long: "sysroot",
    short: "r",
    value: "DIR",
    path: true,
    recorded: true,
    text: "take the image's files from a system below DIR",
    more: "Its configuration, modules, programs, drivers and firmware; without a name, the image lies in its /boot. What --include and -c name is this system's. Its machine is not to be seen here: the image has the drivers for any, and for the file systems of its fstab.",
  },
  {
    long: "tmpdir",
    value: "DIR",
    text: "is not needed",
    key: "tmpdir",
    refused:
      "mkinitrd has no temporary directory: it writes beside the image; leave it out, and see that the image's directory has the space",
  },
] as const satisfies readonly Option[];
