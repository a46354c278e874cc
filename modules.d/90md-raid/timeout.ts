import { hook } from "firstlight/hooks";
import { assemblyOf, describeArray } from "./assembly.js";

export default hook({
  async run(boot) {
    const { startDegraded, newlyUnfinished, selection, has, seen } = assemblyOf(boot);
    await startDegraded();
    const named = selection.kind === "named" ? selection.arrays : [];
    // What is waited for may lie on these: then the report tells what is missing. It holds nothing up.
    for (const uuid of newlyUnfinished())
      if (!named.some((array) => array.uuid === uuid))
        boot.wants
          .until(
            describeArray({ uuid }),
            { for: "what mdadm finds on it", nearest: () => seen(uuid) },
            () => has(uuid) || undefined,
          )
          .catch(() => {});
  },
});
