import { hook } from "firstlight/hooks";
import { rootDevice } from "./root-device.js";

export default hook({
  run({ root }) {
    if (rootDevice(root.spec)) root.claim();
  },
});
