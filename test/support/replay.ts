import assert from "node:assert/strict";
import { type ReplayEnd, replay } from "../../core/rehearsal/replay.js";
import { readTraces } from "../../core/rehearsal/trace.js";
import { openImage } from "../../core/scenario/image.js";

/** What the boot code of an image makes of the one recording on a console; it must be whole. */
export async function replayOf(console: Buffer, image: string): Promise<ReplayEnd> {
  const [trace, ...others] = readTraces(console, "the console");
  assert.ok(trace && !others.length, "one recording");
  assert.equal(trace.cut, undefined);
  const end = await replay((await openImage(image)).bundle, trace);
  assert.ok(trace.entries.length > 100, `${trace.entries.length} ops`);
  return end;
}
