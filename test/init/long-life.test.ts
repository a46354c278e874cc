/** PID 1 for a machine's whole life; npm run bench:life has 10,000 stages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { longLife } from "../support/long-life.js";

test("stage after stage, each with orphans, PID 1 holds no more than at first", async () => {
  const { first, last } = await longLife(200, 20, 60_000);
  assert.deepEqual(last, first);
});
