import { hook } from "firstlight/hooks";
import { awaitPart } from "./await.js";
import { selectionOf } from "./selection.js";

/** What is named has to come; what root lies on otherwise it waits for by itself. */
export default hook({
  async run(boot) {
    const selection = selectionOf(boot.parameters);
    if (!selection) return;
    const { plan, optional } = selection;
    const required = (names: readonly string[]) => names.filter((name) => !optional.includes(name));
    await Promise.all([
      ...required(selection.volumes).map((volume) => awaitPart(boot, volume, "rd.lvm.lv")),
      ...required(selection.groups).map(async (group) => {
        await awaitPart(boot, group, plan?.source ?? "rd.lvm.vg");
        plan?.came(group);
      }),
    ]);
  },
});
