import { type Boot, hook } from "firstlight/hooks";
import { failureOf, insist } from "./patience.js";
import { killOthers } from "./processes.js";
import { stackedDevices } from "./stacked.js";

/** Takes devices apart that are made of others, from the top down, whatever they are made by: so arrays are clean, and encrypted volumes closed. */
export default hook({
  async run(boot) {
    let left = await insist(boot, () => takeApart(boot));
    // They have served what could be taken apart.
    if (left.length && (await killOthers(boot, { servers: true }))) left = await insist(boot, () => takeApart(boot));
    for (const line of left) boot.log.error(`shutdown: ${line}`);
  },
});

/** Those on which nothing lies, each once. What is left then, and why. */
async function takeApart(boot: Boot): Promise<string[]> {
  const found = stackedDevices(boot);
  const reasons = new Map<string, string | undefined>();
  for (const { name, held, end } of found) reasons.set(name, held ?? (await failureOf(boot, end())));
  const left = stackedDevices(boot);
  const names = new Set(left.map(({ name }) => name));
  for (const { name, what, done } of found) if (!names.has(name)) boot.log.info(`shutdown: ${what} is ${done}`);
  return left.map(({ name, what, done }) => `${what} is not ${done}: ${reasons.get(name) ?? "it is still there"}`);
}
