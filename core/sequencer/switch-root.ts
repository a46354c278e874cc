import { BootError, type Parameters } from "../../hooks/index.js";
import type { InstantOps, SwitchWord } from "../abi/index.js";
import { instant } from "./door.js";
import type { SequencerLog } from "./log.js";
import type { Loop } from "./loop.js";
import type { RootClaims } from "./root.js";
import { movedAtSwitch } from "./virtual-file-systems.js";

/** Tried in this order where there is no init=: as the kernel does (init/main.c), but for the shell. */
const usualInits = ["/sbin/init", "/etc/init", "/bin/init"];

/** Has the switch tried with one init after the other, and gives PID 1 the last word for the first that will do. */
export async function switchRoot(
  loop: Loop,
  log: SequencerLog,
  parameters: Parameters,
  kernel: InstantOps["kernel"][1],
  { mountPoint: root, wishes }: RootClaims,
): Promise<void> {
  const named = parameters.text("init");
  const { init: usual, moves: others = [] } = wishes();
  const objections = new Set<string>();
  const moves = [...movedAtSwitch, ...others];
  for (const init of named ? [named] : usual ? [usual] : usualInits) {
    const word: SwitchWord = { word: "switch", root, init, arguments: kernel.arguments, moves };
    const { objection } = await loop.job("trySwitch", word);
    if (objection === null) {
      log.info(`switching to ${root}, ${init}`);
      instant("finish", word);
      return;
    }
    objections.add(objection);
  }
  throw new BootError(
    `the new root has no init to run: ${[...objections].join("; ")}`,
    named
      ? "Correct init= on the kernel command line."
      : usual
        ? `Without init= it is ${usual} that is run in such a root: put it there, or name another program with init=.`
        : "Check that root= names the right file system; name another program with init=.",
  );
}
