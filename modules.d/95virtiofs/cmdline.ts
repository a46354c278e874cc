import { hook } from "firstlight/hooks";
import { isLikeOsbuild, readFolders } from "./folders.js";

export default hook({
  run({ parameters, root }) {
    const folders = readFolders({ parameters, root });
    if (!folders) return;
    root.claim({
      ...(folders.isRootfs ? { init: "/bin/sh" } : {}),
      ...(isLikeOsbuild(folders) ? { moves: ["/tmp"] } : {}),
    });
  },
});
