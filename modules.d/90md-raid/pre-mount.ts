import { hook } from "firstlight/hooks";
import { assemblyOf, describeArray } from "./assembly.js";

export default hook({
  run(boot) {
    const { selection, has, seen } = assemblyOf(boot);
    if (selection.kind !== "named") return;
    for (const array of selection.arrays)
      if (array.optional && !has(array.uuid))
        boot.log.warning(
          `${describeArray(array)}, optional by ${selection.plan?.source ?? "rd.md.uuid="}, is not there: ${seen(array.uuid)}`,
        );
  },
});
