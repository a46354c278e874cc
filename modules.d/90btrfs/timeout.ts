import { hook } from "firstlight/hooks";
import { devicesOf } from "./devices.js";

/** Nobody waits any longer for devices without which a file system may be mounted. */
export default hook({
  run: (boot) => devicesOf(boot).allowDegraded(),
});
