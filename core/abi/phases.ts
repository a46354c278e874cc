/** Phases of a boot, in order. A module takes part in one through a file of that name beside module-setup.ts. */
export const phases = [
  "cmdline",
  "pre-trigger",
  "initqueue",
  "pre-mount",
  "mount",
  "pre-pivot",
  "cleanup",
  "switch",
] as const;
/** Hooks off the path: `timeout` at 2/3 of rd.retry, and again when something comes after that, `emergency` when the boot fails, `pre-shutdown` and `shutdown` when the system goes down, `system` in place of all. */
export const sidePhases = ["timeout", "emergency", "pre-shutdown", "shutdown", "system"] as const;
/** A name of either list. */
export type Phase = (typeof phases)[number] | (typeof sidePhases)[number];
