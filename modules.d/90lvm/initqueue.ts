import { hook } from "firstlight/hooks";
import { awaitPart } from "./await.js";
import { selectionOf } from "./selection.js";

/** What is named has to come; what root lies on otherwise it waits for by itself. */
export default hook({
  async run(boot) {
    const { volumes = [], groups = [] } = selectionOf(boot.parameters) ?? {};
    await Promise.all([
      ...volumes.map((volume) => awaitPart(boot, volume, "rd.lvm.lv")),
      ...groups.map((group) => awaitPart(boot, group, "rd.lvm.vg")),
    ]);
  },
});
