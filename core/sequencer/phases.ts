import type { Boot, Hook, Phase } from "../../hooks/index.js";

/** A module's hook in a phase, with the services given to it. */
export interface PlannedHook {
  module: string;
  hook: Hook;
  boot: Boot;
}

/** Where the boot is: for the report. */
export interface Place {
  phase: Phase | "start";
  /** The module whose hook failed. */
  failed?: string;
}

/**
 * Starts the hooks of a phase in the order of their priority and waits for all of them. One that waits does not hold up the others; the first that
 * fails ends the phase at once.
 */
export async function runPhase(phase: Phase, hooks: PlannedHook[], place: Place): Promise<void> {
  place.phase = phase;
  const sorted = [...hooks].sort((a, b) => (a.hook.priority ?? 50) - (b.hook.priority ?? 50));
  await Promise.all(
    sorted.map(async ({ module, hook, boot }) => {
      try {
        await hook.run(boot);
      } catch (error) {
        place.failed ??= module;
        throw error;
      }
    }),
  );
}
