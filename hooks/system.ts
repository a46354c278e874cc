/**
 * The boot side of a module that is the whole system: its file `system.ts` takes the place of all phases. There is no root, no device is looked for and
 * no driver loaded; nothing is mounted yet, not even /proc. What the boot code does ends in a last word, and begins anew when that has been done.
 */
import type { Boot, Parameters } from "./boot.js";
import { hookMistake } from "./check-hook.js";

/** What the hook of the phase `system` is given. */
export interface System extends Pick<Boot, "module" | "files" | "programs" | "clock" | "log" | "job"> {
  /** The kernel that runs, and what has come of the last word before. */
  readonly kernel: Boot["kernel"] & {
    /** The errno for which that last word could not be obeyed: "ENOENT". undefined: it could. */
    readonly failure: string | undefined;
    /** What was handed on with it. undefined: nothing; the machine has just started. */
    readonly state: string | undefined;
  };
  /** The kernel command line, read now: /proc has to be mounted. Throws OpError. */
  parameters(): Parameters;
  /** Says the last word, once the hook has ended. Asked twice, the last one counts. */
  finish: Boot["finish"];
}

/** A module's part in the phase `system`. */
export interface SystemHook {
  /** Does the work. What it throws is logged, and after a second a fresh engine calls it again: what runs and is mounted stays. */
  run(system: System): void | Promise<void>;
}

/** Makes the default export of system.ts; gives its author the types. Throws TypeError: that is no hook. */
export function systemHook(definition: SystemHook): SystemHook {
  const mistake = hookMistake(definition);
  if (mistake !== undefined) throw new TypeError(mistake);
  return definition;
}
