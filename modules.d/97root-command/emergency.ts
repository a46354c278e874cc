import { hook } from "firstlight/hooks";
import { rootCommand } from "./command.js";

/** Whoever waits for the command learns that nothing comes of it. */
export default hook({
  run(boot) {
    boot.files.write(rootCommand(boot).report, "stopped\n");
  },
});
