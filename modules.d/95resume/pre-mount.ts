import { hook } from "firstlight/hooks";
import { resumeDevice, tooLate } from "./wish.js";

export default hook({
  // Before the checks of this phase.
  priority: 0,
  run(boot) {
    if (resumeDevice(boot) !== undefined) boot.files.write(tooLate, "", { mode: 0o600 });
  },
});
