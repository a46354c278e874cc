import { hook } from "firstlight/hooks";
import { ofImage, ofRoot } from "./entries.js";
import { mountAll } from "./mount-all.js";

/** What lies in the new root, as its own fstab has it; and then what the image's has there. */
export default hook({
  // Other hooks look for files in the root.
  priority: 0,
  async run(boot) {
    await mountAll(boot, await ofRoot(boot));
    await mountAll(boot, ofImage(boot, { inRoot: true }));
  },
});
