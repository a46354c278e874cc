import { hook } from "firstlight/hooks";
import { folderParameters, isLikeOsbuild, readFolders } from "./folders.js";

export default hook({
  run({ parameters, root, log }) {
    const folders = readFolders({ parameters, root });
    if (!folders) {
      for (const { name, value } of parameters.inOrder(folderParameters))
        if (value)
          log.warning(`${name}=${value} has no meaning where the root is no folder (root=virtiofs:TAG or rootfs=TAG)`);
      return;
    }
    root.claim({
      ...(folders.isRootfs ? { init: "/bin/sh" } : {}),
      ...(isLikeOsbuild(folders) ? { moves: ["/tmp"] } : {}),
    });
  },
});
