import { hook } from "firstlight/hooks";
import { resumeDevice, tooLate } from "./wish.js";

export default hook({
  // Before the checks of this phase.
  priority: 0,
  run(boot) {
    if (resumeDevice(boot) === undefined) return;
    try {
      boot.files.write(tooLate, "", { mode: 0o600 });
    } catch (error) {
      boot.log.warning(`a later try of this boot will look for a hibernated system again: ${error}`);
    }
  },
});
