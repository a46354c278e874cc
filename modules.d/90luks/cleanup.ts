import { hook } from "firstlight/hooks";
import { close } from "./cryptsetup.js";
import { keySources } from "./unlock.js";

/** Devices that were there for the keys on them. */
export default hook({
  async run(boot) {
    for (const name of keySources.splice(0)) {
      const failure = await close(boot, name);
      if (failure !== undefined) boot.log.warning(`the key source ${name} stays unlocked: ${failure}`);
    }
  },
});
