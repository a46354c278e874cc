import type { Outcome } from "../abi/index.js";

/** An op of the simulated machine fails with an errno, as the real one would. */
export class Failure extends Error {
  constructor(
    readonly errno: string,
    readonly detail?: string,
  ) {
    super(errno);
  }
}

/** What the boot code is told of a Failure. Throws whatever else was thrown. */
export function failureOutcome(error: unknown): Outcome {
  if (!(error instanceof Failure)) throw error;
  const { errno, detail } = error;
  return { error: detail === undefined ? { errno } : { errno, detail } };
}

/** The outcome of an action that may throw Failure. */
export function outcomeOf(action: () => unknown): Outcome {
  try {
    return { value: action() };
  } catch (error) {
    return failureOutcome(error);
  }
}
