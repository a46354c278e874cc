/** Boots an image in QEMU: see --help. Exit status: QEMU's, 1 where it cannot begin, 128 + N ended by signal N. */
import { bootInQemu } from "../core/emulator/boot.js";
import { checkMemory } from "../core/emulator/qemu.js";
import { BuildError } from "../core/generator/problems.js";
import { runTool } from "./run-tool.js";

const help = `usage: boot IMAGE [OPTIONS]
Boots an initramfs image, of any generator, or a unified kernel image, in QEMU (x86-64), with this terminal as its console. Ctrl-A X ends it.
  -c, --cmdline TEXT     kernel parameters, as "root=LABEL=root ro"; the console's are added. Left out: a unified kernel image's own
  -d, --disk FILE        a disk on virtio, raw or qcow2, once for each: /dev/vda, /dev/vdb, ...
                         What the guest writes to it is thrown away in the end
  -k, --kernel FILE      the kernel; left out: the one that the image has in it or has the drivers of, beside the image or in /boot
  -m, --memory SIZE      as 512M or 4G; left out: 1G
  -h, --help             show this and end
KVM is used where a kernel runs on it. A panic or a reboot ends QEMU. Exit status: QEMU's; 1 if it cannot begin.
`;

const options = {
  cmdline: { type: "string", short: "c" },
  disk: { type: "string", short: "d", multiple: true },
  kernel: { type: "string", short: "k" },
  memory: { type: "string", short: "m" },
} as const;

await runTool("boot", help, options, async (given, [image, ...others]) => {
  if (image === undefined || others.length) throw new BuildError("name one IMAGE: see boot --help");
  const text = (name: keyof typeof options) => (typeof given[name] === "string" ? given[name] : undefined);
  const memory = text("memory") ?? "1G";
  checkMemory("--memory", memory);
  const wishes = {
    image,
    kernel: text("kernel"),
    cmdline: text("cmdline"),
    disks: (given.disk ?? []) as string[],
    memory,
  };
  process.exitCode = await bootInQemu(wishes, (line) => process.stderr.write(`boot: ${line}\n`));
});
