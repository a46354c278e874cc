import { hook } from "firstlight/hooks";
import { rootDevice } from "./root-device.js";

export default hook({
  async run({ root, wants }) {
    const device = rootDevice(root.spec);
    if (root.claimed && device) await wants.device(device, { for: "root" });
  },
});
