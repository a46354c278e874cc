import { hook } from "firstlight/hooks";
import { ofImage } from "./entries.js";
import { mountAll } from "./mount-all.js";

/** What the image's fstab has mounted in the initramfs. */
export default hook({
  run: (boot) => mountAll(boot, ofImage(boot, { inRoot: false })),
});
