import { hook } from "firstlight/hooks";
import { ofImage } from "./entries.js";

/** What is mounted in the initramfs would stay there for ever, where nobody sees it. What lies in the folders that move along stays. */
export default hook({
  async run(boot) {
    const { mounts, log } = boot;
    for (const { target, name } of ofImage(boot, { inRoot: false }).reverse()) {
      if (/^\/(run|dev|proc|sys)\//.test(target)) continue;
      try {
        await mounts.unmount(target, { lazy: true });
      } catch (error) {
        log.warning(`${name} is not unmounted: ${error}`);
      }
    }
  },
});
