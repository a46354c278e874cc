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
/** Hooks off the path: `timeout` at 2/3 of rd.retry, `system` in place of the whole path, the others when the boot fails or the system goes down. */
export const sidePhases = ["timeout", "emergency", "pre-shutdown", "shutdown", "system"] as const;
/** A name of either list. */
export type Phase = (typeof phases)[number] | (typeof sidePhases)[number];
