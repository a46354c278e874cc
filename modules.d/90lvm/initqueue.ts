import { hook } from "firstlight/hooks";
import { awaitPart } from "./await.js";
import { selectionOf } from "./selection.js";

/** What is named has to come; what root lies on otherwise it waits for by itself. */
export default hook({
  async run(boot) {
    const { volumes = [], groups = [], plan } = selectionOf(boot.parameters) ?? {};
    const required = groups.filter((group) => !plan?.optional.includes(group));
    await Promise.all([
      ...volumes.map((volume) => awaitPart(boot, volume, "rd.lvm.lv")),
      ...required.map(async (group) => {
        await awaitPart(boot, group, plan?.source ?? "rd.lvm.vg");
        plan?.came(group);
      }),
    ]);
  },
});
