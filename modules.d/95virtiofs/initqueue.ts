import { hook } from "firstlight/hooks";
import { readFolders } from "./folders.js";
import { awaitFolder } from "./tags.js";

export default hook({
  async run(boot) {
    const folders = boot.root.claimed ? readFolders(boot) : undefined;
    if (!folders) return;
    await Promise.all([folders.root, ...folders.others].map((folder) => awaitFolder(boot, folder)));
  },
});
