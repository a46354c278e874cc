import { hook } from "firstlight/hooks";
import { readFolders } from "./folders.js";
import { mountPoints } from "./mount-points.js";
import { mountFolder } from "./tags.js";

export default hook({
  async run(boot) {
    const folders = boot.root.claimed ? readFolders(boot) : undefined;
    if (!folders) return;
    const mounted = mountPoints(boot);
    for (const folder of [folders.root, ...folders.others]) await mountFolder(boot, folder, mounted);
  },
});
