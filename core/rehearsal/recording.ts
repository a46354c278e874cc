/** An op as it was asked and answered. */
export interface RecordedOp {
  /** Milliseconds since the kernel started, virtual ones. */
  time: number;
  name: string;
  /** JSON. */
  request: string;
  outcome: string;
}

/** The same machine, all of whose ops are written down. */
export function recorded<Recorded extends { op(name: string, request: string): string; now(): number }>(
  machine: Recorded,
): Recorded & { recording: readonly RecordedOp[] } {
  const recording: RecordedOp[] = [];
  return {
    ...machine,
    recording,
    op(name, request) {
      const outcome = machine.op(name, request);
      recording.push({ time: machine.now(), name, request, outcome });
      return outcome;
    },
  };
}
