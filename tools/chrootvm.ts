/** Runs a command of a folder in a virtual machine: see --help. */
import { parseFolderCommandLine } from "../core/emulator/folder-command-line.js";
import { runInFolder } from "../core/emulator/folder-vm.js";
import { reportProblems } from "./run-tool.js";

const help = `usage: chrootvm [OPTIONS] ROOTFS [INIT [ARGUMENTS...]]
Boots a virtual machine (QEMU, x86-64) whose root is the folder ROOTFS, read-only, by virtiofs, with the kernel that is installed in it, and runs INIT
there, with this terminal as its console; where standard input is none, INIT's is empty. Needs no disk, and no root where you can read ROOTFS. Ctrl-A X ends it.
  INIT                   a program of ROOTFS by its path, or by its name in the folders of PATH; left out: /bin/sh.
                         One that is called init or systemd is PID 1, and can write to its root: that is kept in memory
  --mount TAG PATH       the folder PATH of this machine at /run/mnt/TAG, once for each; what INIT writes there is written here
  --mount-ro TAG PATH    the same, read-only
  --memory N             as 512M or 4G; left out: 1G
  --cpus N               left out: 1
  --kernel FILE --kernel-modules DIR
                         another kernel, and the folder of its drivers, which has its modules.dep
  --qemu-arg ARG         one more word for QEMU's command line, once for each
  --debug                show what the kernel and the boot code do, and QEMU's command line
  -h, --help             show this and end
KVM is used where a kernel runs on it. Exit status: INIT's; 128 + N where signal N has ended it, or chrootvm; 127 where it cannot be started; 125 where the
virtual machine cannot be started, or ends before INIT does.
`;

/** As chroot(1). */
const ownFailure = 125;

await reportProblems("chrootvm", ownFailure, async () => {
  const wishes = parseFolderCommandLine(process.argv.slice(2));
  if (wishes) process.exitCode = await runInFolder(wishes, (line) => process.stderr.write(`chrootvm: ${line}\n`));
  else process.stdout.write(help);
});
