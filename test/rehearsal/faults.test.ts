/**
 * What can go wrong in a boot, for each form of root, and in a whole system: the same root or end is reached, or a report or the log says what it was. Of each form one fault of each kind at whose place no
 * form before it has had any, and at places that only a run with a fault comes to, a second fault; npm run explore has all of all.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exploreImage } from "../../core/scenario/exploration.js";
import { explorationStatus, formatExploration } from "../../core/scenario/exploration-table.js";
import { verdictOf } from "../../core/scenario/rehearsal.js";
import { exploredBoots } from "../support/explored-boots.js";

const known = new Set<string>();
for (const { name, scenario, end } of await exploredBoots("faults"))
  test(`${name}: no fault hangs, kills or halves the boot`, async (context) => {
    const explored = await exploreImage(scenario, { distinctFrom: [...known] });
    assert.ok(verdictOf(explored.good.ending).includes(end), verdictOf(explored.good.ending));
    assert.equal(explorationStatus(explored), 0, formatExploration(explored, { all: false }));
    const reach = (end: string) => explored.runs.filter(({ verdict }) => verdict.end === end).length;
    context.diagnostic(
      `${reach("switch")} reach the same end, ${reach("stopped")} another one, of which a report or the log tells`,
    );
    if (!known.size) assert.ok(reach("switch") > 100 && reach("stopped") > 100);
    for (const site of explored.sites) known.add(site);
  });
