import { hook } from "firstlight/hooks";
import { reportGroup } from "./await.js";
import { activate, addPhysicalVolume, groups, isActive, unread } from "./groups.js";
import { partsOf, selectionOf } from "./selection.js";

/** Of groups that are not complete by now, what LVM's activation_mode lets start: volumes with all their data, degraded RAID. */
export default hook({
  async run(boot) {
    const { parameters, log } = boot;
    const selection = selectionOf(parameters);
    if (!selection) return;
    const warn = (error: Error) => log.warning(error.message);
    for (const device of [...unread]) await addPhysicalVolume(boot, selection, device).catch(warn);
    for (const [name, group] of groups) {
      if (!group.hasNews || partsOf(selection, name).every((part) => isActive(group, part))) continue;
      group.hasNews = false;
      if (!group.complete)
        log.warning(`volume group ${name} is not complete: what can be used of it without the rest is activated now`);
      await activate(boot, selection, name).catch(warn);
      if (selection.all && group.reasons.size) reportGroup(boot, name);
    }
  },
});
