import { hook } from "firstlight/hooks";
import { isLikeOsbuild, readFolders } from "./folders.js";
import { loadOwnDrivers } from "./own-drivers.js";
import { makeNodes, mountFileSystems } from "./surroundings.js";
import { loadVirtiofs } from "./tags.js";

export default hook({
  async run(boot) {
    const folders = boot.root.claimed ? readFolders(boot) : undefined;
    if (!folders) return;
    if (isLikeOsbuild(folders)) {
      await mountFileSystems(boot);
      makeNodes(boot);
    }
    await loadOwnDrivers(boot);
    // Before uevents are listened to: they tell of all that the drivers bring, and nothing here needs one of them.
    await loadVirtiofs(boot);
  },
});
