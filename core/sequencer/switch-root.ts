import { BootError, errnoOf, type Parameters } from "../../hooks/index.js";
import type { InstantOps } from "../abi/index.js";
import { instant } from "./door.js";
import type { SequencerLog } from "./log.js";
import type { Loop } from "./loop.js";
import { movedAtSwitch } from "./virtual-file-systems.js";

/** Tried in this order where there is no init=: as the kernel does (init/main.c), but for the shell. */
const usualInits = ["/sbin/init", "/etc/init", "/bin/init"];

/** Why this cannot be the new root's init; undefined if it can. One below a mount that moves along is looked up where it is now. */
async function objection(loop: Loop, root: string, init: string): Promise<string | undefined> {
  const moved = movedAtSwitch.some((folder) => init.startsWith(`${folder}/`));
  try {
    const { type, executable } = await loop.job("statFile", moved ? { path: init } : { root, path: init });
    if (type !== "file") return `is a ${type === "dir" ? "directory" : type}`;
    return executable ? undefined : "is not executable";
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? "is not there, or a link to nothing" : String(error);
  }
}

/** Checks the new root's init and gives PID 1 the last word: switch. */
export async function switchRoot(
  loop: Loop,
  log: SequencerLog,
  parameters: Parameters,
  kernel: InstantOps["kernel"][1],
  root: string,
): Promise<void> {
  const named = parameters.text("init");
  const objections: string[] = [];
  for (const init of named ? [named] : usualInits) {
    const why = await objection(loop, root, init);
    if (why === undefined) {
      log.info(`switching to ${root}, ${init}`);
      instant("finish", { word: "switch", root, init, arguments: kernel.arguments, moves: movedAtSwitch });
      return;
    }
    objections.push(`${init} ${why}`);
  }
  throw new BootError(
    `the new root has no init to run: ${objections.join(", ")}`,
    named
      ? "Correct init= on the kernel command line."
      : "Check that root= names the right file system; name another program with init=.",
  );
}
