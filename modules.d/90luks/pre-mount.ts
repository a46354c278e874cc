import { hook } from "firstlight/hooks";
import { forgetPassphrases } from "./passphrases.js";

export default hook({
  // Devices that are needed are there.
  priority: 0,
  run: forgetPassphrases,
});
