import { readFileSync } from "node:fs";
import { rescuePath, shellPath } from "../abi/index.js";
import { addText } from "./fill-tree.js";
import { BuildError, type Report } from "./problems.js";
import type { Tree } from "./tree.js";

/** Seconds that the reason of a failure stays on the console, where no panic= says otherwise. */
const defaultDelay = 10;

/** What PID 1 does before it knows the kernel command line: what the image's own says, by the sequencer's rules (core/sequencer/rescue.ts). */
function firstPolicy(kernelCommandLine: string, hasShell: boolean): string {
  const last = (name: string) =>
    kernelCommandLine
      .split(/\s+/)
      .findLast((word) => word === name || word.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  const panic = Number(last("panic")) || 0;
  const wished = last("rd.emergency") ?? "";
  const action = /^(?:reboot|poweroff|halt)$/.test(wished) ? wished : panic ? "reboot" : "none";
  const shell = hasShell && !/^(?:0|no|off|false)$/i.test(last("rd.shell") ?? "1");
  return `shell=${shell ? 1 : 0} action=${action} delay=${panic ? Math.max(0, panic) : defaultDelay}\n`;
}

/** Of an image that is the whole system: it goes on, whatever fails. */
const policyOfSystem = "shell=0 action=again delay=1\n";

const shellProgram = "/bin/sh";

/** No link: busybox is what its name says. */
const plainShell = `#!${shellProgram}
exec ${shellProgram}
`;

/**
 * Asks for the password, with a pause after each wrong one, and then becomes the shell. Keys are hidden before the question is shown. What was
 * typed goes through a pipe only: arguments of programs can be seen. Ctrl-C and Ctrl-D leave it, as exit leaves the shell.
 */
function askingShell(hash: string): string {
  const [, kind, salt] = hash.split("$");
  return `#!${shellProgram}
trap 'stty echo' EXIT
trap exit INT
stty -echo
wrong=0
while printf 'Password of the rescue shell (Ctrl-D leaves it): ' && IFS= read -r password; do
	echo
	typed=$(printf '%s\\n' "$password" | busybox mkpasswd -m ${kind === "5" ? "sha256" : "sha512"} -S '${salt}' -P 0)
	unset password
	if [ "$typed" = '${hash}' ]; then
		stty echo
		exec ${shellProgram}
	fi
	wrong=$((wrong + 1))
	echo 'That is not the password.'
	sleep $((wrong % 3 ? 1 : 10))
done
`;
}

/** Names of applets are NUL-terminated in a row in the program. */
function canHash(tree: Tree): boolean {
  return ["/usr/bin/busybox", "/bin/busybox", "/usr/sbin/busybox", "/sbin/busybox"].some((path) => {
    const entry = tree.get(path);
    if (entry?.type !== "file") return false;
    const bytes = Buffer.isBuffer(entry.content) ? entry.content : readFileSync(entry.content.path);
    return bytes.includes("\0mkpasswd\0");
  });
}

function addAskingShell(tree: Tree, hash: string): void {
  if (!canHash(tree))
    throw new BuildError(
      "emergency_password_hash needs a busybox with mkpasswd in the image: install Debian's busybox-static, and do not leave the module busybox out",
    );
  addText(tree, shellPath, askingShell(hash), 0o700);
}

/** The rescue shell, with its password if there is to be one, and the policy that holds until the boot code has read the command line. */
export function addRescue(
  tree: Tree,
  settings: { kernelCommandLine: string; emergencyPasswordHash: string | undefined },
  options: { expectShell: boolean; isSystem?: boolean; report: Report },
): void {
  if (options.isSystem) {
    addText(tree, rescuePath, policyOfSystem);
    return;
  }
  const hasShell = tree.has(shellProgram);
  addText(tree, rescuePath, firstPolicy(settings.kernelCommandLine, hasShell));
  if (!hasShell) {
    if (options.expectShell)
      options.report.warning(
        `module busybox is in the image, but ${shellProgram} leads nowhere: there is no emergency shell`,
      );
  } else if (settings.emergencyPasswordHash === undefined) addText(tree, shellPath, plainShell, 0o755);
  else addAskingShell(tree, settings.emergencyPasswordHash);
}
