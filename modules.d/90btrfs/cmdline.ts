import { hook } from "firstlight/hooks";
import { devicesOf } from "./devices.js";

export default hook({
  run(boot) {
    boot.mounts.guard(devicesOf(boot));
  },
});
