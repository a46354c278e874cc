import { hook } from "firstlight/hooks";
import { groups } from "./groups.js";
import { partsOf, selectionOf } from "./selection.js";

/** Where pvscan(8) keeps which physical volumes are online. */
const state = "/run/lvm";

export default hook({
  async run({ parameters, files, job, log }) {
    const selection = selectionOf(parameters);
    if (!selection) return;
    for (const [name, { complete, devices }] of groups)
      if (!complete && partsOf(selection, name).length)
        log.warning(`volume group ${name} is not complete: there is only ${[...devices].join(", ")}`);
    // The new root's udev tells of all of them again, and activates the groups that this completes: none may be complete already.
    try {
      if (files.stat(state)) await job("removeTree", { path: state });
    } catch (error) {
      log.warning(`the new root may activate a volume group before it is complete: ${error}`);
    }
  },
});
