import assert from "node:assert/strict";
import { test } from "node:test";
import type { FaultVerdict } from "../../../core/rehearsal/fault-verdict.js";
import { faultsStatus } from "../../../core/scenario/exploration-table.js";

test("the status of runs with faults: what must not be counts before what is left open", () => {
  const verdict = (end: FaultVerdict["end"], ...violations: string[]) => ({ end, reason: "", violations });
  const [good, open, bad] = [verdict("stopped"), verdict("left open"), verdict("hung", "it hangs")];
  assert.equal(faultsStatus([good, verdict("switch")]), 0);
  assert.equal(faultsStatus([good, open]), 2);
  assert.equal(faultsStatus([open, bad, good]), 1);
});
